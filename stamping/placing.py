"""Placed: where on the document the stamp goes, and the person's word that it may be affixed."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import override

from meterai import states
from meterai.models import Stamp
from orders import noticing
from orders.models import Order

from .models import Document
from .pdf import geometry
from .preparing import facts_of


class OutsideThePage(ValueError):
    """No such page, or a size that is not allowed."""


class NotEditable(Exception):
    """The document is queued or sealed: it is final."""


class NoStampLeft(Exception):
    """Every stamp of the order is spoken for by another document."""


def place(*, document: Document, page: int, x: float, y: float, size: float, at: datetime) -> None:
    """Put the stamp on `page` (from 1), its lower left corner at x, y points of the page as shown; moved inside it.

    May be repeated until the person confirms. Raises OutsideThePage, NotEditable.
    """
    fitted = fit(document=document, wanted=geometry.Placement(page=page, x=x, y=y, size=size))
    values: dict[str, Any] = {
        "page": page,
        "x": round(fitted.x, 2),
        "y": round(fitted.y, 2),
        "size": round(fitted.size, 2),
    }
    if document.state == Document.State.DRAFT:
        states.move(document, to=Document.State.PLACED, at=at, actor="buyer", **values)
        return
    free = Document.objects.filter(pk=document.pk, state=Document.State.PLACED, confirmed_at=None)
    if not free.update(**values):
        raise NotEditable(document.pk)
    document.refresh_from_db()


def fit(*, document: Document, wanted: geometry.Placement) -> geometry.Placement:
    """The place, moved onto the page as a person sees it. Raises OutsideThePage."""
    pages = facts_of(document).pages
    if not 1 <= wanted.page <= len(pages):
        raise OutsideThePage(wanted.page)
    shown = pages[wanted.page - 1]
    frame = geometry.PageFrame(visible=geometry.Box(0, 0, shown.width, shown.height))
    try:
        return frame.fit(wanted)
    except geometry.GeometryError:
        raise OutsideThePage(wanted.page) from None


def attach(*, document: Document, order: Order) -> None:
    """Let a prepared document use a stamp of `order`. Raises NotEditable, NoStampLeft."""
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order.pk)
        if free_places(order) < 1:
            raise NoStampLeft(order.code)
        free = Document.objects.filter(pk=document.pk, order=None, state__in=Document.UNBOUND)
        if not free.update(order=order):
            raise NotEditable(document.pk)
    document.order = order


def free_places(order: Order) -> int:
    """How many more documents the order has stamps for: those that went back, or were revoked, are no places."""
    used = order.documents.exclude(state=Document.State.FAILED).exclude(state="erased", stamp=None).count()
    return order.quantity - used - _held(order).filter(state__in=[Stamp.State.REFUNDED, Stamp.State.VOID]).count()


def confirm(*, document: Document, at: datetime) -> None:
    """The person's word: final, may be affixed as soon as it is paid. Binds at once when paid. Raises NotEditable."""
    free = Document.objects.filter(pk=document.pk, state=Document.State.PLACED, confirmed_at=None, order__isnull=False)
    if not free.update(confirmed_at=at):
        raise NotEditable(document.pk)
    document.refresh_from_db()
    bind(document=document, at=at)


def bind(*, document: Document, at: datetime) -> bool:
    """Bind a confirmed document of a paid order to a free stamp of that order and queue it.

    False while the money is awaited; also when no stamp is left, and then the document leaves the order and the queue.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update().filter(pk=document.order_id or 0, state__in=Order.WAS_PAID).first()
        if order is None:
            return False
        stamp = _free_stamp(order)
        if stamp is None:
            _leave_order(document, order, at)
            return False
        try:
            states.move(
                document, to=Document.State.QUEUED, at=at, actor="worker", stamp=stamp, queued_at=at, claimed_until=at
            )
        except (states.MovedMeanwhile, IntegrityError):
            return False
    return True


def bind_due(*, at: datetime, limit: int = 100) -> int:
    """Bind confirmed documents whose order has been paid meanwhile; returns how many."""
    waiting = Document.objects.filter(
        state=Document.State.PLACED, confirmed_at__isnull=False, order__state__in=Order.WAS_PAID
    ).order_by("confirmed_at")
    return sum(bind(document=document, at=at) for document in waiting[:limit])


def _leave_order(document: Document, order: Order, at: datetime) -> None:
    """Every stamp of the order is used or went back: waiting would be in vain, and hold up those behind.

    The document is again one that was prepared without an order, its place kept; its person is told.
    """
    waiting = Document.objects.filter(
        pk=document.pk, state=Document.State.PLACED, confirmed_at__isnull=False, order=order
    )
    if not waiting.update(order=None, confirmed_at=None):
        return
    document.order, document.confirmed_at = None, None
    states.note(
        document, old=document.state, new=document.state, at=at, reason="the order has no stamp left", actor="worker"
    )
    noticing.leave(
        event=f"{document.pk}:no stamp:{order.code}",
        template="refund_no_stamp",
        order=order,
        at=at,
        name=document.name,
        document_link=settings.SITE_URL + _address(document, order.language),
    )


def _address(document: Document, language: str) -> str:
    with override(language):
        return document.get_absolute_url()


def _held(order: Order) -> "QuerySet[Stamp]":
    return Stamp.objects.filter(pk__in=order.lines.filter(released_at=None).values("serial_id"))


def _free_stamp(order: Order) -> Stamp | None:
    """A stamp of this order that no document speaks for, locked: it stays SOLD until the transaction ends."""
    live = Document.objects.filter(order=order, state__in=["queued", "sealed", "erased"], stamp__isnull=False)
    free = _held(order).filter(state=Stamp.State.SOLD).exclude(pk__in=live.values("stamp_id"))
    return free.order_by("pk").select_for_update(no_key=True, of=("self",)).first()
