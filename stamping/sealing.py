"""Sealed: a queued document becomes a sealed file, and its serial is used up, in one transaction.

    claim (a lease on the row) -> read -> seal -> look again -> store -> commit { document SEALED, stamp AFFIXED }

A kill anywhere leaves the row QUEUED with the same stamp and the same bytes; the lease runs out and the next worker
starts again (`leftovers` removes what it stored). A try that the authority left without an answer is no fault of the
document's: it is repeated until our patience is over, and the authority is spared meanwhile (`silence`).
"""

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum, auto

from django.db import transaction

from meterai import states, taking
from meterai.claiming import claim
from orders import noticing

from . import asking, leftovers, second_look, silence, waiting
from .asking import verification_address
from .authority.engine import SealingError
from .leftovers import SourceLost, StorageSilent, sweep
from .models import Document
from .pdf import sealing
from .pdf.trouble import Hostile, Refused
from .silence import Silence

__all__ = ["claim", "give_back", "has_more", "seal", "seal_due", "sweep", "verification_address"]
log = logging.getLogger(__name__)
MOST_ATTEMPTS = 8
"""So many tries that ended without a word: the file kills its workers."""
OF_THE_FILE = frozenset(
    {"document_changed", "earlier_signature_invalid", "version_or_password", "certified_no_changes"}
)
"""What the issuer's engine refuses for what the file is, as its person is told; all else that it refuses is ours."""


class Ended(Enum):
    """How a try ended."""

    SEALED = auto()
    GIVEN_BACK = auto()
    LATER = auto()
    """Tried again, for a reason of the document's own."""
    UNANSWERED = auto()
    """Tried again: the authority, or a part of ours that it needs, gave no answer."""


def seal_due(*, at: datetime, limit: int = 4) -> int:
    """Seal the documents that were accepted first; returns how many were sealed. In a silence at most one is tried."""
    silent = silence.current()
    if silent is None:
        return _seal_in_order(waiting.claim_next(at=at, limit=limit), silent, at)
    _give_up_overdue(silent, at)
    if not silence.take_turn(silent, at=at):
        return 0
    try:
        return _seal_in_order(waiting.claim_probe(tries=silent.tries, at=at), silent, at)
    finally:
        silence.let_go()


def has_more(*, at: datetime) -> bool:
    """Whether `seal_due` would find something to do."""
    return silence.current() is None and waiting.is_due(at=at)


def seal(*, document: Document, at: datetime) -> bool:
    """Seal one claimed document; True when it is sealed. A document that can never be sealed gives its stamp back."""
    return _try(document, at) is Ended.SEALED


def give_back(*, document: Document, failure: str, at: datetime) -> None:
    """QUEUED -> FAILED: the stamp stays SOLD and is free for another document of the buyer."""
    order, swept = document.binding().order, leftovers.sweep_at(document, at)
    changes = {"failure": failure, "claimed_until": swept}
    with transaction.atomic():
        states.move(document, to=Document.State.FAILED, at=at, reason=failure, actor="worker", **changes)
        noticing.leave(event=f"{document.pk}:failed", template="failed", order=order, at=at, name=document.name)


def _seal_in_order(documents: Sequence[Document], silent: Silence | None, at: datetime) -> int:
    """Until the authority falls silent: who stands behind is put back untried."""
    sealed = 0
    for place, document in enumerate(documents, start=1):
        ended = _try(document, at)
        sealed += ended is Ended.SEALED
        if ended is Ended.SEALED and silent is not None:
            silence.answered(at=at)
        if ended is Ended.UNANSWERED:
            waiting.put_back(documents=documents[place:], at=at)
            break
    return sealed


def _try(document: Document, at: datetime) -> Ended:
    if document.attempts - document.unanswered > MOST_ATTEMPTS:  # a file that kills must not be tried for ever
        return _given_back(document, "engine", at)
    begun = time.monotonic()
    try:
        name, sealed = _made(document, at)
    except Refused as refusal:
        return _given_back(document, refusal.code, at)
    except (SealingError, SourceLost, StorageSilent, Hostile, OSError) as trouble:
        return _not_sealed(document, trouble, begun=at, at=at + timedelta(seconds=time.monotonic() - begun))
    if not _commit(document, sealed, name, at):
        leftovers.drop_mine(document=document, name=name)
        return Ended.LATER
    leftovers.drop_others(document=document, name=name)
    return Ended.SEALED


def _made(document: Document, at: datetime) -> tuple[str, sealing.Sealed]:
    """The sealed file and the name it is stored under. Raises what `_try` knows."""
    source = leftovers.source(document)
    sealed = asking.ask(document=document, source=source, at=at)
    if not second_look.is_good(document=document, source=source, sealed=sealed):
        log.error("Document %s did not pass the second look; it is not stored", document.pk)
        raise Refused("would_not_hold")
    return leftovers.keep(document=document, data=sealed.data), sealed


def _commit(document: Document, sealed: sealing.Sealed, name: str, at: datetime) -> bool:
    bound = document.binding()
    try:
        with transaction.atomic():
            states.move(
                document,
                to=Document.State.SEALED,
                at=at,
                actor="worker",
                output=name,
                output_sha256=sealed.sha256,
                output_bytes=len(sealed.data),
                sealed_at=at,
                claimed_until=leftovers.sweep_at(document, at),
            )
            taking.affix(serial=bound.serial, at=at, reference=f"document {document.pk}")
            noticing.leave(
                event=f"{document.pk}:sealed", template="sealed", order=bound.order, at=at, name=document.name
            )
    except states.MovedMeanwhile:
        return False  # a worker whose lease had run out finished after all: one of the two committed
    return True


def _not_sealed(document: Document, trouble: Exception, *, begun: datetime, at: datetime) -> Ended:
    log.warning("Document %s, try %s: %s %s", document.pk, document.attempts, type(trouble).__name__, trouble)
    if isinstance(trouble, SealingError) and trouble.permanent:
        return _given_back(document, trouble.code if trouble.code in OF_THE_FILE else "engine", at)
    if isinstance(trouble, SourceLost | Hostile):
        if document.attempts - document.unanswered < MOST_ATTEMPTS:
            return Ended.LATER  # when its lease is over
        return _given_back(document, "missing" if isinstance(trouble, SourceLost) else "would_not_hold", at)
    return _not_answered(document, trouble, begun=begun, at=at)


def _not_answered(document: Document, trouble: Exception, *, begun: datetime, at: datetime) -> Ended:
    code = trouble.code if isinstance(trouble, SealingError) else "storage"
    asked = code != "picture_missing"
    pause = silence.unanswered(code=code, since=begun, at=at) if asked else timedelta()
    if waiting.is_patience_over(document, silent=silence.length(at=at), at=at):
        _given_back(document, "engine" if code == "storage" else code, at)
    else:
        waiting.rest(document=document, pause=pause, at=at)
    return Ended.UNANSWERED if asked else Ended.LATER


def _given_back(document: Document, failure: str, at: datetime) -> Ended:
    try:
        give_back(document=document, failure=failure, at=at)
    except states.MovedMeanwhile:
        return Ended.LATER  # another worker has ended it
    leftovers.drop_others(document=document)
    return Ended.GIVEN_BACK


def _give_up_overdue(silent: Silence, at: datetime) -> None:
    """Nobody waits without end for an authority that does not come back."""
    for document in waiting.overdue(silent=at - silent.since, at=at):
        _given_back(document, "engine" if silent.code == "storage" else silent.code, at)
