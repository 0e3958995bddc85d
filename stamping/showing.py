"""What the pages of orders and documents say, as plain facts for the templates."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from meterai.models import Stamp
from orders import refund_showing
from orders.models import Order
from orders.showing import Moment, timeline

from . import following, wording
from .models import Document
from .placing import free_places
from .preparing import facts_of


@dataclass(frozen=True)
class Shown:
    """A document in a list: its words, its tag and what may be done with it."""

    document: Document
    kind: str
    words: str
    note: str = ""


@dataclass(frozen=True)
class Held:
    """A stamp of an order, and what became of it."""

    serial: str
    kind: str
    words: str
    at: datetime
    note: str = ""


def order_facts(*, order: Order, at: datetime) -> dict[str, Any]:
    """Documents, stamps, refunds and timeline of one order, in a number of queries that does not grow with any."""
    everything = list(order.documents.defer("facts").order_by("created_at"))
    documents = [one for one in everything if one.state != Document.State.ERASED]
    queued = [one for one in documents if one.state == Document.State.QUEUED]
    moments = [one.queued_at for one in queued if one.queued_at]
    ahead = dict(zip((one.pk for one in queued), following.places(moments), strict=True))
    shown = [_shown(document, ahead.get(document.pk, 0)) for document in documents]
    stamps = held_stamps(order, everything)
    unused = sum(one.kind == "waiting" for one in stamps)
    return {
        "order": order,
        "documents": shown,
        "is_busy": bool(queued) or any(one.confirmed_at and one.state == Document.State.PLACED for one in documents),
        "free_places": free_places(order),
        "stamps": stamps,
        "unused": unused,
        "steps": _steps(order, documents),
        "may_upload": order.state in (Order.State.PENDING, Order.State.PAID),
        "settled": order.state == Order.State.PAID and all(d.state == Document.State.SEALED for d in documents),
        "refunds": refund_showing.told(order, at=at),
        "version": following.version(order=order, at=at),
        "live_url": reverse("stamping:live", args=[order.code, order.key]),
        "bundle_url": reverse("stamping:bundle", args=[order.code, order.key]) if order.paid_at else "",
    }


def shown_document(document: Document) -> Shown:
    """The document's state in a person's words."""
    ahead = following.places([document.queued_at]) if document.queued_at and document.state == "queued" else [0]
    return _shown(document, ahead[0])


def held_stamps(order: Order, documents: list[Document]) -> list[Held]:
    """Each stamp that the order has paid for, with what became of it and why. One query."""
    if order.state not in Order.WAS_PAID:
        return []
    held = order.lines.filter(released_at=None).values("serial_id")
    speaking = {one.stamp_id: one for one in documents if one.stamp_id and one.state != Document.State.FAILED}
    failed = {one.stamp_id: one for one in documents if one.stamp_id and one.state == Document.State.FAILED}
    return [
        _held(stamp, order, speaking.get(stamp.pk), failed.get(stamp.pk))
        for stamp in Stamp.objects.filter(pk__in=held).order_by("pk")
    ]


def _held(stamp: Stamp, order: Order, document: Document | None, failed: Document | None) -> Held:
    serial, at = str(stamp.pk), stamp.changed_at
    match stamp.state:
        case Stamp.State.AFFIXED:
            erased = document is None or document.state == Document.State.ERASED
            note = _("dokumennya sudah dihapus") if erased or document is None else document.name
            return Held(serial, "good", _("Dibubuhkan"), at, note)
        case Stamp.State.REFUNDED:
            return Held(serial, "", _("Dikembalikan"), at, _("harganya dikembalikan kepada Anda"))
        case Stamp.State.VOID:
            taken = order.state == Order.State.REVERSED
            return Held(serial, "bad", _("Batal"), at, _("uangnya ditarik bank") if taken else _("ditarik penerbit"))
        case _sold if document is not None:
            return Held(serial, "", _("Sedang dibubuhkan"), at, document.name)
        case _sold:
            note = (
                _("pembubuhan %(name)s gagal; meterai ini kembali kepada Anda") % {"name": failed.name}
                if failed
                else ""
            )
            return Held(serial, "waiting", _("Belum dipakai"), at, note)


def _shown(document: Document, ahead: int) -> Shown:
    state = document.state
    if state == Document.State.SEALED:
        return Shown(document, "good", _("Siap diunduh"))
    if state == Document.State.FAILED:
        note = _("Meterai Anda tidak terpakai dan dapat dipakai untuk dokumen lain.")
        return Shown(document, "bad", _("Gagal dibubuhi"), f"{wording.finding(document.failure)} {note}")
    if state == Document.State.QUEUED:
        note = _("%(count)s dokumen di depan Anda.") % {"count": ahead} if ahead else _("Sedang dikerjakan.")
        return Shown(document, "waiting", _("Antre pembubuhan"), note)
    if document.confirmed_at:
        return Shown(
            document, "waiting", _("Menunggu pembayaran"), _("Dibubuhkan otomatis begitu pembayaran diterima.")
        )
    if state == Document.State.UNFIT:
        return Shown(document, "waiting", _("Perlu diperbaiki dulu"))
    is_placed = state == Document.State.PLACED
    return Shown(document, "", _("Tempat dipilih, belum disetujui") if is_placed else _("Pilih tempat meterai"))


def findings(document: Document) -> list[tuple[str, str]]:
    """What preflight found, as (kind of notice, sentence)."""
    kinds = {"repair": "warn", "warn": "warn", "info": "info"}
    found = facts_of(document).findings if document.facts else ()
    return [(kinds.get(one.severity, "info"), wording.finding(one.code)) for one in found if one.code != "old_version"]


def _steps(order: Order, documents: list[Document]) -> list[Moment]:
    """The progress of an order, from `orders`' own steps on."""
    begun = timeline(order)
    if order.state not in (Order.State.PENDING, Order.State.PAID):
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
