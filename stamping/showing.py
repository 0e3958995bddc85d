"""What the pages of orders and documents say, as plain facts for the templates."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from orders.models import Order
from orders.showing import Moment, timeline

from . import wording
from .models import Document
from .pdf.preflight import Page
from .placing import free_places
from .preparing import facts_of

MOST_COUNTED = 1000


@dataclass(frozen=True)
class Shown:
    """A document in a list: its words, its tag and what may be done with it."""

    document: Document
    kind: str
    words: str
    note: str = ""


def order_facts(*, order: Order) -> dict[str, Any]:
    """Documents and timeline of one order, in a number of queries that does not grow with the documents."""
    documents = list(order.documents.exclude(state=Document.State.ERASED).order_by("created_at"))
    shown = [shown_document(document) for document in documents]
    return {
        "order": order,
        "documents": shown,
        "free_places": free_places(order),
        "steps": _steps(order, documents),
        "may_upload": order.state in (Order.State.PENDING, Order.State.PAID),
        "settled": order.state == Order.State.PAID and all(d.state == Document.State.SEALED for d in documents),
    }


def shown_document(document: Document) -> Shown:
    """The document's state in a person's words."""
    state = document.state
    if state == Document.State.SEALED:
        return Shown(document, "good", _("Siap diunduh"))
    if state == Document.State.FAILED:
        note = _("Meterai Anda tidak terpakai dan dapat dipakai untuk dokumen lain.")
        return Shown(document, "bad", _("Gagal dibubuhi"), f"{wording.finding(document.failure)} {note}")
    if state == Document.State.QUEUED:
        ahead = queue_ahead(document)
        note = _("%(count)s dokumen di depan Anda.") % {"count": ahead} if ahead else _("Sedang dikerjakan.")
        return Shown(document, "waiting", _("Antre pembubuhan"), note)
    if document.confirmed_at:
        return Shown(
            document, "waiting", _("Menunggu pembayaran"), _("Dibubuhkan otomatis begitu pembayaran diterima.")
        )
    if state == Document.State.PLACED:
        return Shown(document, "", _("Tempat dipilih, belum disetujui"))
    return Shown(document, "", _("Pilih tempat meterai"))


def queue_ahead(document: Document) -> int:
    """How many documents were accepted before this one and still wait; counted up to MOST_COUNTED."""
    ahead = Document.objects.filter(state=Document.State.QUEUED, queued_at__lt=document.queued_at)
    return ahead[:MOST_COUNTED].count()


def findings(document: Document) -> list[tuple[str, str]]:
    """What preflight found, as (kind of notice, sentence)."""
    kinds = {"repair": "good", "warn": "warn", "info": "info"}
    found = facts_of(document).findings if document.facts else ()
    return [(kinds.get(one.severity, "info"), wording.finding(one.code)) for one in found if one.code != "old_version"]


def picture_size(page: Page, *, width: int) -> tuple[int, int]:
    """Width and height in pixels of a page's picture, so that the layout does not jump."""
    return width, round(width * page.height / page.width)


def _steps(order: Order, documents: list[Document]) -> list[Moment]:
    """The progress of an order, from `orders`' own steps on."""
    begun = timeline(order)
    if order.state in (Order.State.EXPIRED, Order.State.CANCELLED):
        return begun
    queued = [document for document in documents if document.queued_at]
    sealed = [document for document in documents if document.sealed_at]
    busy = len(sealed) < len(queued)
    ready = bool(sealed) and not busy
    waiting = "now" if order.state == Order.State.PAID else "todo"
    note = _("%(done)s dari %(all)s") % {"done": len(sealed), "all": order.quantity} if sealed else ""
    return [
        *begun,
        Moment(_("Antre"), "done" if queued else waiting, queued[-1].queued_at if queued else None),
        Moment(_("Dibubuhkan"), "done" if ready else "now" if busy else "todo", None, note),
        Moment(_("Siap"), "done" if ready else "todo", sealed[-1].sealed_at if ready else None),
    ]
