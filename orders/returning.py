"""Returned: a buyer gives unused stamps back and gets their full price back, one by one.

The payment's own fee goes back with the last of them. No gateway is called here: a worker sends the money.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from meterai import states, taking
from meterai.models import Stamp, User

from . import refunding
from .models import Order, Payment, Refund, RefundedStamp
from .reserving import held_serials


class NotReturnable(Exception):
    """The order is not paid, or not any more."""


class TooLate(Exception):
    """The days in which a buyer may give stamps back are over."""


class WrongStamps(Exception):
    """No stamp was named, or one that is not of this order."""


class InUse(Exception):
    """A stamp is not unused: used, bound to a document, or given back before. Nothing was moved.

    `serial` names it where one is known.
    """

    def __init__(self, serial: str = "") -> None:
        super().__init__(serial)
        self.serial = serial


class KeyReused(Exception):
    """This idempotency key was used before, for another wish (answer 422)."""


@dataclass(frozen=True)
class Quote:
    """What would go back for these stamps, in rupiah, and by which way."""

    payment: Payment
    serials: tuple[str, ...]
    duty: int
    service_fee: int
    payment_fee: int
    by_gateway: bool

    @property
    def amount(self) -> int:
        """In all."""
        return self.duty + self.service_fee + self.payment_fee

    @property
    def count(self) -> int:
        """How many stamps."""
        return len(self.serials)


def deadline(order: Order) -> datetime | None:
    """Until when the buyer may give stamps back; None for an order that is not paid."""
    return order.paid_at + timedelta(days=settings.REFUND_DAYS) if order.paid_at else None


def unused(order: Order) -> list[str]:
    """The serials of the order that are sold and not used. A document may be taking one of them at this moment."""
    sold = Stamp.objects.filter(pk__in=held_serials(order), state=Stamp.State.SOLD)
    return list(sold.order_by("pk").values_list("pk", flat=True))


def quote(*, order: Order, serials: Collection[str]) -> Quote:
    """What `return_stamps` would give back. Raises NotReturnable, WrongStamps, InUse."""
    payment = _payment(order)
    held, wanted = set(held_serials(order)), tuple(sorted(set(serials)))
    if not wanted or not held.issuperset(wanted):
        raise WrongStamps(order.code)
    stamps = dict(Stamp.objects.filter(pk__in=held).values_list("pk", "state"))
    for serial in wanted:
        if stamps[serial] != Stamp.State.SOLD:
            raise InUse(serial)
    others = [state for serial, state in stamps.items() if serial not in wanted]
    is_last = all(state == Stamp.State.REFUNDED for state in others)
    return Quote(
        payment=payment,
        serials=wanted,
        duty=len(wanted) * order.duty,
        service_fee=len(wanted) * order.service_fee,
        # What was paid beyond the stamps: another method chosen later may have left another fee on the order.
        payment_fee=max(0, payment.amount - order.quantity * (order.duty + order.service_fee)) if is_last else 0,
        by_gateway=refunding.sends_itself(payment),
    )


def return_stamps(
    *, order: Order, serials: Collection[str], idempotency_key: str, at: datetime, by: User | None = None, why: str = ""
) -> Refund:
    """SOLD -> REFUNDED for exactly these stamps, with the refund of their price, in one transaction.

    The same key and stamps give the same refund again. After the deadline only a member of staff (`by`) may, saying
    why. Raises NotReturnable, TooLate, WrongStamps, InUse, KeyReused; refunding.TooMuch when less money is left.
    """
    with transaction.atomic():
        order = locked(order)
        if known := known_return(order=order, serials=serials, idempotency_key=idempotency_key):
            return known
        check_time(order=order, at=at, by=by, why=why)
        found = quote(order=order, serials=serials)
        actor = by.username if by else "buyer"
        refund = _begin(order, found, idempotency_key=idempotency_key, at=at, actor=actor, why=why)
        _take_back(order, found, refund, at)
        states_left = set(Stamp.objects.filter(pk__in=held_serials(order)).values_list("state", flat=True))
        if states_left == {Stamp.State.REFUNDED}:
            states.move(order, to=Order.State.REFUNDED, at=at, reason="all stamps given back", actor=actor)
    return refund


def check_time(*, order: Order, at: datetime, by: User | None = None, why: str = "") -> None:
    """Whether it may still be done: by the buyer until the deadline, by staff at any time, with a reason.

    Raises TooLate, NotReturnable; ValueError when a member of staff gives no reason.
    """
    last = deadline(order)
    if last is None:
        raise NotReturnable(order.code)
    if by is not None:
        if not why.strip():
            raise ValueError("a member of staff says why")
    elif at > last:
        raise TooLate(order.code)


def known_return(*, order: Order, serials: Collection[str], idempotency_key: str) -> Refund | None:
    """The refund that this key made; None when it made none. Raises KeyReused when it was another wish."""
    refund = Refund.objects.filter(idempotency_key=idempotency_key).select_related("payment").first()
    if refund is None:
        return None
    asked = set(refund.stamps.values_list("serial_id", flat=True))
    if refund.payment.order_id != order.pk or asked != set(serials):
        raise KeyReused(idempotency_key)
    return refund


def locked(order: Order) -> Order:
    """The order's row, held: payments settle, documents are bound and stamps go back one after the other."""
    return Order.objects.select_for_update().get(pk=order.pk)


def _payment(order: Order) -> Payment:
    """The payment that bought the stamps, held until the transaction ends if there is one."""
    paid = order.payments.filter(state=Payment.State.PAID)
    payment = paid.exclude(refunds__reason__in=refunding.GAVE_NO_STAMPS).order_by("paid_at").first()
    if order.state != Order.State.PAID or payment is None:
        raise NotReturnable(order.code)
    payment.order = order
    return payment


def _begin(order: Order, found: Quote, *, idempotency_key: str, at: datetime, actor: str, why: str) -> Refund:
    payment = Payment.objects.select_for_update().get(pk=found.payment.pk)
    payment.order = order
    try:
        with transaction.atomic():
            return refunding.begin(
                payment=payment,
                reason=Refund.Reason.WISH,
                amount=found.amount,
                at=at,
                actor=actor,
                why=why,
                idempotency_key=idempotency_key,
            )
    except IntegrityError as refusal:
        if not refunding.constraint_of(refusal).startswith("orders_refund_idempotency_key"):
            raise
        raise KeyReused(idempotency_key) from None  # another order's wish came under the same key in this very moment


def _take_back(order: Order, found: Quote, refund: Refund, at: datetime) -> None:
    """The stamps of the quote, each once. The database refuses one that a document speaks for."""
    try:
        with transaction.atomic():
            taking.refund(serials=found.serials, at=at, reference=order.code, reason=f"refund {refund.pk}")
            RefundedStamp.objects.bulk_create(
                RefundedStamp(refund=refund, serial_id=serial) for serial in found.serials
            )
    except taking.NotHeld:
        raise InUse from None
    except IntegrityError as refusal:
        name = refunding.constraint_of(refusal)
        if name == "stamp_spoken_for_stays":
            raise InUse(str(getattr(getattr(refusal.__cause__, "diag", None), "message_detail", "") or "")) from None
        if name.startswith("orders_refundedstamp_serial"):
            raise InUse from None
        raise
