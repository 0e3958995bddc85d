"""Repaired: a document's fault put right on a copy, shown beside the original, and chosen or not by its person.

    make (copy stored, then its row) -> choose { document takes the copy } or decline -> the file nobody needs goes

A kill leaves the document with one whole file: the copy is stored before any row names it, and what was replaced is
removed after the commit, by whoever comes next if not at once. A document with a signature in it is never rewritten.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from meterai import states

from . import files, preparing, repair_files, turns
from .models import Document, Repair
from .pdf import mending_child
from .pdf.mendable import Kind, Measures, Wanted, needed, possible
from .pdf.preflight import Preflight
from .pdf.trouble import Hostile, Refused, Unreadable
from .turns import Busy

__all__ = ["Busy", "Choice", "NotMendable", "NotOffered", "choices", "choose", "decline", "make", "tidy"]
TURN, WAIT_SECONDS = "mending", 20.0
"""A turn of its own: who waits for a repair waits for seconds anyway, and must not hold up verification."""


class NotOffered(Exception):
    """This document is not offered that repair, or not any more: it was agreed to, or is another file by now."""


class NotMendable(Exception):
    """The repair was tried in vain; `code` says why (sentences: wording.finding). The document is as it was."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Choice:
    """A repair that a document may have. `offer` is the copy, once it was made; without `needed` there is no stamp."""

    kind: Kind
    needed: bool
    offer: Repair | None = None


def choices(*, document: Document) -> tuple[Choice, ...]:
    """What may be repaired, in the order in which it should be. Nothing for a document that is agreed to."""
    kinds = _kinds(document)
    if not kinds:
        return ()
    offers = {one.kind: one for one in _offers(document)}
    must = needed(preparing.facts_of(document))
    return tuple(Choice(kind, needed=kind in must, offer=offers.get(kind)) for kind in kinds)


def make(*, document: Document, kind: Kind, at: datetime) -> Repair:
    """A mended copy beside the original; the one that is there already, if it is. Takes seconds, in a limited process.

    Raises NotOffered, NotMendable, Busy.
    """
    if kind not in _kinds(document):
        raise NotOffered(kind)
    made = _offers(document).filter(kind=kind).first()
    if made is not None:
        return made
    data, measures, facts = _mended(document, kind)
    digest = hashlib.sha256(data).hexdigest()
    offer = Repair(
        document=document,
        kind=kind,
        before_sha256=document.source_sha256,
        before_bytes=preparing.facts_of(document).size_bytes,
        after_sha256=digest,
        after_bytes=len(data),
        measures=measures.as_json() | {"facts": facts.as_json()},
        file=repair_files.keep(document=document.pk, data=data, sha256=digest),
        made_at=at,
    )
    return _offered(offer, at)


def choose(*, repair: Repair, at: datetime, actor: str = "buyer") -> None:
    """Let the document be the copy: UNFIT or PLACED to DRAFT, since its place is to be looked at again.

    Other offers fall away: they were made from the file that was replaced. Raises NotOffered.
    """
    try:
        with transaction.atomic():
            document = Document.objects.select_for_update().get(pk=repair.document_id)
            if document.source_sha256 != repair.before_sha256 or not _kinds(document):
                raise NotOffered(repair.kind)
            replaced, copy = document.source, repair.file
            states.move(repair, to=Repair.State.CHOSEN, at=at, actor=actor, file=replaced, decided_at=at)
            _drop(list(document.repairs.filter(state=Repair.State.OFFERED)), at=at, actor=actor)
            _become(document, repair, copy, at=at, actor=actor)
    except (states.MovedMeanwhile, states.NoSuchArrow):
        raise NotOffered(repair.kind) from None
    tidy(document=document)


def decline(*, repair: Repair, at: datetime, actor: str = "buyer") -> None:
    """The original stays, and the copy goes. Raises NotOffered."""
    try:
        _drop([repair], at=at, actor=actor)
    except (states.MovedMeanwhile, states.NoSuchArrow):
        raise NotOffered(repair.kind) from None
    tidy(document=repair.document)


def forget(*, document: Document, at: datetime, actor: str) -> None:
    """For a document that is erased: no offer and no copy remains."""
    for offer in document.repairs.filter(state=Repair.State.OFFERED):
        try:
            _drop([offer], at=at, actor=actor)
        except states.MovedMeanwhile:
            continue
    tidy(document=document)
    repair_files.drop_all(document=document.pk)


def tidy(*, document: Document | None = None, limit: int = 200) -> int:
    """Remove files that a decision left behind, of one document or of any; returns how many. Safe to repeat."""
    left = Repair.objects.exclude(state=Repair.State.OFFERED).exclude(file="").order_by("decided_at")
    if document is not None:
        left = left.filter(document=document)
    done = 0
    for one in left[:limit]:
        if not _is_needed(one):
            files.drop(one.file)
        done += Repair.objects.filter(pk=one.pk).update(file="")
    return done


def _is_needed(left: Repair) -> bool:
    """Whether the file is also the document, or another offer's copy: two repairs may come to the same bytes."""
    same = Document.objects.filter(pk=left.document_id, source=left.file)
    offered = Repair.objects.filter(document=left.document_id, file=left.file, state=Repair.State.OFFERED)
    return same.exists() or offered.exists()


def measures_of(repair: Repair) -> Measures:
    """What was done and lost, as its own frozen facts."""
    return Measures.from_json({name: value for name, value in repair.measures.items() if name != "facts"})


def after_of(repair: Repair) -> Preflight:
    """What preflight found in the copy."""
    return Preflight.from_json(repair.measures["facts"])


def _kinds(document: Document) -> tuple[Kind, ...]:
    if document.state not in Document.UNBOUND or document.confirmed_at or not document.facts:
        return ()
    return possible(preparing.facts_of(document))


def _offers(document: Document) -> "QuerySet[Repair]":
    """Copies of the file that the document is now."""
    return document.repairs.filter(state=Repair.State.OFFERED, before_sha256=document.source_sha256)


def _mended(document: Document, kind: Kind) -> tuple[bytes, Measures, Preflight]:
    wanted = Wanted(settings.MAX_DOCUMENT_BYTES, preparing.versions())
    try:
        source = files.read(document.source)
    except FileNotFoundError:
        raise NotMendable("missing") from None
    if hashlib.sha256(source).hexdigest() != document.source_sha256:
        raise NotMendable("missing")  # the storage has other bytes than its person gave us
    try:
        with turns.turn(name=TURN, wait=WAIT_SECONDS) as held:
            data, measures = mending_child.mend(source, kind=kind, wanted=wanted, keep_open=held)
        facts = preparing.examine(data)
    except Refused as refused:
        raise NotMendable(refused.code) from None
    except Unreadable:
        raise NotMendable("unreadable") from None
    except Hostile:
        raise NotMendable("repair_took_too_long") from None
    except preparing.NotTakeable as refusal:
        raise NotMendable(refusal.codes[0]) from None
    if kind in possible(facts) or set(needed(facts)) - set(needed(preparing.facts_of(document))):
        raise NotMendable("repair_in_vain")  # the fault is still there, or another has come
    return data, measures, facts


def _offered(offer: Repair, at: datetime) -> Repair:
    """The offer with its row, or the one that another request wrote first."""
    try:
        with transaction.atomic():
            stale = Repair.objects.filter(document=offer.document, kind=offer.kind, state=Repair.State.OFFERED)
            _drop(list(stale.exclude(before_sha256=offer.before_sha256)), at=at, actor="worker")
            offer.save(force_insert=True)
            states.note(offer, old="", new=offer.state, at=at, actor="buyer")
    except (IntegrityError, states.MovedMeanwhile):
        first = Repair.objects.filter(document=offer.document, kind=offer.kind, state=Repair.State.OFFERED).first()
        if first is None:
            raise NotOffered(offer.kind) from None
        return first
    return offer


def _become(document: Document, repair: Repair, copy: str, *, at: datetime, actor: str) -> None:
    changes = {
        "source": copy,
        "source_sha256": repair.after_sha256,
        "facts": repair.measures["facts"],
        **dict.fromkeys(("page", "x", "y", "size")),
    }
    reason = f"repair {repair.pk}: {repair.kind}"
    if needed(after_of(repair)) or document.state == Document.State.DRAFT:  # mended, but not yet fit; or fit before
        Document.objects.filter(pk=document.pk).update(**changes)
        states.note(document, old=document.state, new=document.state, at=at, reason=reason, actor=actor)
        return
    states.move(document, to=Document.State.DRAFT, at=at, reason=reason, actor=actor, **changes)


def _drop(offers: list[Repair], *, at: datetime, actor: str) -> None:
    for one in offers:
        states.move(one, to=Repair.State.DROPPED, at=at, actor=actor, decided_at=at)
