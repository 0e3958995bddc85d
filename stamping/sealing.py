"""Sealed: a queued document becomes a sealed file, and its serial is used up, in one transaction.

    claim (a lease on the row) -> read -> seal -> store the file -> commit { document SEALED, stamp AFFIXED }

A kill anywhere leaves the row QUEUED with the same stamp and the same bytes; the lease runs out and the next worker
starts again. A file stored by a try that did not commit is never shown, and the try that commits removes it.
"""

import hashlib
import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext, override

from meterai import links, states, taking
from meterai.claiming import claim
from orders import noticing

from . import authorities, files, issuing
from .authority.engine import Job, SealingError
from .models import Document
from .pdf import geometry, sealing
from .pdf.trouble import Refused

log = logging.getLogger(__name__)
MOST_ATTEMPTS = 8


class SourceLost(Exception):
    """The stored upload is gone or is not the bytes that were bound to the serial."""


def seal_due(*, at: datetime, limit: int = 4) -> int:
    """Seal the documents that wait longest; returns how many were sealed."""
    waiting = Document.objects.filter(state=Document.State.QUEUED).select_related("order", "stamp")
    claimed = claim(
        waiting, due="claimed_until", at=at, lease=timedelta(seconds=settings.SEAL_LEASE_SECONDS), limit=limit
    )
    return sum(seal(document=document, at=at) for document in claimed)


def seal(*, document: Document, at: datetime) -> bool:
    """Seal one claimed document; True when it is sealed. A document that can never be sealed gives its stamp back."""
    if document.attempts > MOST_ATTEMPTS:  # workers died over it: a file that kills must not be tried for ever
        give_back(document=document, failure="engine", at=at)
        return False
    try:
        sealed = _sealed(document, at)
    except Refused as refusal:
        give_back(document=document, failure=refusal.code, at=at)
        return False
    except (SealingError, SourceLost, OSError) as trouble:
        return _try_again(document, trouble, at)
    name = files.keep_output(document=document.pk, data=sealed.data)
    if not _commit(document, sealed, name, at):
        return False
    if document.attempts > 1:  # only an earlier try can have left a file; looking costs a call to the storage
        files.drop_outputs(document=document.pk, keep=name)
    return True


def verification_address(serial: str) -> str:
    """What the QR symbol holds: this site's address for the serial, with a short MAC, never a bare number."""
    with override("id"):
        return settings.SITE_URL + reverse("stamping:serial", args=[serial, links.serial_mac(serial)])


def give_back(*, document: Document, failure: str, at: datetime) -> None:
    """QUEUED -> FAILED: the stamp stays SOLD and is free for another document of the buyer."""
    order = document.binding().order
    with transaction.atomic():
        states.move(document, to=Document.State.FAILED, at=at, reason=failure, actor="worker", failure=failure)
        noticing.leave(event=f"{document.pk}:failed", template="failed", order=order, at=at, name=document.name)


def _sealed(document: Document, at: datetime) -> sealing.Sealed:
    try:
        source = files.read(document.source)
    except FileNotFoundError:
        raise SourceLost("missing") from None
    if hashlib.sha256(source).hexdigest() != document.source_sha256:
        raise SourceLost("other bytes than were bound")
    bound = document.binding()
    with override(bound.order.language):
        reason = gettext("Pembubuhan meterai elektronik")
    job = Job(
        source=source,
        placement=geometry.Placement(page=bound.page, x=bound.x, y=bound.y, size=bound.size),
        serial=bound.serial,
        verification_url=verification_address(bound.serial),
        reason_text=reason,
        at=at,
        repeated=document.attempts > 1,
        picture=issuing.picture_of(bound.serial) if authorities.is_remote() else b"",
    )
    return authorities.sealer().seal(job)


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
                claimed_until=None,
            )
            taking.affix(serial=bound.serial, at=at, reference=f"document {document.pk}")
            noticing.leave(
                event=f"{document.pk}:sealed", template="sealed", order=bound.order, at=at, name=document.name
            )
    except states.MovedMeanwhile:
        return False  # a worker whose lease had run out finished after all: one of the two committed
    return True


def _try_again(document: Document, trouble: Exception, at: datetime) -> bool:
    log.warning("Document %s, try %s: %s %s", document.pk, document.attempts, type(trouble).__name__, trouble)
    permanent = isinstance(trouble, SealingError) and trouble.permanent
    if permanent or document.attempts >= MOST_ATTEMPTS:
        give_back(document=document, failure="missing" if isinstance(trouble, SourceLost) else "engine", at=at)
    return False
