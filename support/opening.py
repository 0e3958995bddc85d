"""Opened by itself: a ticket for each document that failed through no fault of its own.

A buyer whose document could not be sealed for a reason of ours or of the authority's need not find a form first. A file
that was refused for what it is gets words and no ticket: nobody but its owner can mend it.
"""

from datetime import datetime

from django.db.models import CharField, Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext, override

from orders.contacts import Contact
from stamping import sealing, wording
from stamping.authority import engine
from stamping.models import Document

from . import complaining
from .complaining import Complaint, KeyReused
from .models import Ticket

REASONS = frozenset({"engine", "missing", "would_not_hold", *engine.REASONS}) - sealing.OF_THE_FILE
"""Failures of a document that are ours or the authority's: an engine that says no, or nothing until our patience was
over; an upload that was lost; a sealed file that did not pass the second look."""


def open_due(*, at: datetime, limit: int = 50) -> int:
    """Open the tickets that are missing; returns how many. Safe in many workers at once: one key a document."""
    return sum(_open(document, at) for document in _without_ticket().select_related("order")[:limit])


def ticket_of(document: Document) -> Ticket | None:
    """The ticket that was opened for this document."""
    if document.state != Document.State.FAILED:
        return None
    return Ticket.objects.filter(idempotency_key=_key(document)).first()


def _without_ticket() -> "QuerySet[Document]":
    opened = Ticket.objects.filter(idempotency_key=OuterRef("ticket_key"))
    failed = Document.objects.filter(state=Document.State.FAILED, failure__in=REASONS, order__isnull=False)
    return failed.annotate(ticket_key=_key_in_sql()).filter(~Exists(opened)).order_by("queued_at")


def _open(document: Document, at: datetime) -> bool:
    order = document.binding().order
    complaint = Complaint(
        category=Ticket.Category.AFFIXING_FAILED,
        text=_text(document, order.language),
        contact=Contact(email=order.email, phone=order.phone),
        language=order.language,
        order=order,
        number=document.binding().serial,
    )
    try:
        complaining.complain(complaint=complaint, idempotency_key=_key(document), at=at)
    except KeyReused:
        return False  # another worker was first, and worded it otherwise
    return True


def _text(document: Document, language: str) -> str:
    """In the buyer's language: what happened, why, and what comes next."""
    with override(language):
        values = {"name": document.name, "why": _why(document.failure), "serial": document.stamp_id}
        words = gettext(
            "Dokumen “%(name)s” tidak jadi dibubuhi: %(why)s E-meterai %(serial)s tidak terpakai dan tetap milik "
            "Anda. Aduan ini dibuka otomatis; Anda tidak perlu mengisi apa pun. Petugas memeriksa sebabnya dan "
            "menjawab di sini. Sementara itu, e-meterai itu dapat dipakai untuk dokumen lain, atau dokumen ini "
            "diunggah lagi."
        )
        return words % values


def _why(failure: str) -> str:
    if failure == "would_not_hold":
        return gettext("hasilnya tidak lolos pemeriksaan kami, jadi tidak kami serahkan.")
    if failure.startswith("issuer_"):
        return gettext("penerbit tidak menjawab sampai batas waktu kami.")
    return wording.finding(failure)


def _key(document: Document) -> str:
    return f"document:{document.pk}:failed"


def _key_in_sql() -> Concat:
    return Concat(Value("document:"), Cast("id", CharField()), Value(":failed"))
