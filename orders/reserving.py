"""Reserved: serials are held for an order until its deadline, and given back when it lapses."""

from datetime import datetime, timedelta

from django.db import transaction

from meterai import states, taking
from meterai.models import Stamp

from . import allowing
from .models import Line, Order

# Money sent in the last minute is still on its way when the clock stops: the serials wait this much longer.
GRACE = timedelta(minutes=2)
# Orders let go in one transaction: few enough to hold no lock for long, enough to free 100,000 within seconds.
ROUND = 1000


def reserve(*, order: Order, at: datetime) -> None:
    """Hold `order.quantity` serials until the order's deadline. Raises taking.SoldOut; the caller rolls back."""
    serials = taking.take(
        quantity=order.quantity,
        reseller=order.reseller,
        until=order.expires_at + GRACE,
        at=at,
        reference=order.code,
    )
    Line.objects.bulk_create(Line(order=order, serial_id=serial) for serial in serials)


def reserve_again(*, order: Order, at: datetime) -> None:
    """For late money: the same serials if all are still free, else others. Raises taking.SoldOut."""
    until = at + GRACE
    lapsed = list(order.lines.values_list("serial_id", flat=True))
    try:
        with transaction.atomic():
            taking.take_these(serials=lapsed, until=until, at=at, reference=order.code)
            order.lines.update(released_at=None)
    except taking.SoldOut:
        serials = taking.take(
            quantity=order.quantity, reseller=order.reseller, until=until, at=at, reference=order.code
        )
        Line.objects.bulk_create(Line(order=order, serial_id=serial) for serial in serials)


def replace_recalled(*, order: Order, at: datetime) -> None:
    """Other serials for those that were recalled while the order waited for its money. Raises taking.SoldOut.

    Those that are still reserved stay so until the transaction ends: a recall waits for their locks, or came before.
    """
    stamps = Stamp.objects.filter(pk__in=held_serials(order)).order_by("pk").select_for_update(no_key=True)
    alive = [stamp.pk for stamp in stamps if stamp.state == Stamp.State.RESERVED]
    recalled = order.lines.filter(released_at=None).exclude(serial_id__in=alive)
    if count := recalled.update(released_at=at):
        serials = taking.take(quantity=count, reseller=order.reseller, until=at + GRACE, at=at, reference=order.code)
        Line.objects.bulk_create(Line(order=order, serial_id=serial) for serial in serials)


def lapse(*, order: Order, to: str, at: datetime, reason: str, actor: str) -> None:
    """Move a PENDING order to EXPIRED or CANCELLED and free its serials, in one transaction."""
    with transaction.atomic():
        # The order's row first, always: payments settle under the same lock, so the two cannot cross.
        Order.objects.select_for_update().get(pk=order.pk)
        states.move(order, to=to, at=at, reason=reason, actor=actor)
        allowing.give_back(orders=[order])
        taking.release(serials=held_serials(order), at=at, reference=order.code, reason=reason)
        order.lines.filter(released_at=None).update(released_at=at)


def release_expired(*, at: datetime, limit: int = 20_000) -> int:
    """Let up to `limit` lapsed orders go, oldest first; returns how many. Safe to run in many workers at once."""
    count = 0
    while count < limit and (done := _release_round(at, min(ROUND, limit - count))):
        count += done
    return count


def _release_round(at: datetime, limit: int) -> int:
    """One short transaction: an order that is being paid at this moment is locked, and left to its payment."""
    due = Order.objects.filter(state=Order.State.PENDING, expires_at__lt=at - GRACE).order_by("expires_at")
    with transaction.atomic():
        lapsed = list(due.select_for_update(skip_locked=True)[:limit])
        codes = {order.pk: order.code for order in lapsed}
        lines = Line.objects.filter(order_id__in=codes, released_at=None)
        held = {serial: codes[order] for serial, order in lines.values_list("serial_id", "order_id")}
        states.move_all(
            Order,
            keys=list(codes),
            old=Order.State.PENDING,
            to=Order.State.EXPIRED,
            at=at,
            reason="deadline",
            actor="sweeper",
        )
        allowing.give_back(orders=lapsed)
        taking.release_all(held=held, at=at, reason="deadline")
        lines.update(released_at=at)
    return len(codes)


def held_serials(order: Order) -> list[str]:
    """The serials that belong to the order now."""
    return list(order.lines.filter(released_at=None).values_list("serial_id", flat=True))
