"""Paid: money moves along a lattice by the gateway's own current state, fetched by id, never by order of arrival.

Network calls stand outside every transaction; what they answered is applied afterwards under the order's lock.
"""

from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext, override

from meterai import states, taking
from meterai.claiming import backoff, claim

from . import gates, noticing
from .models import Order, Payment, Refund
from .payments.gateway import Charge, Method, PaymentError, Standing, Started, Status
from .reserving import held_serials, lapse, replace_recalled, reserve_again

LEASE = timedelta(seconds=30)
FIRST_ASK = timedelta(seconds=15)
# Banks deliver late money for days; asking stops then, a notification still counts.
ASK_AFTER_EXPIRY = timedelta(days=3)

_ENDINGS = {
    Status.EXPIRED: Payment.State.EXPIRED,
    Status.FAILED: Payment.State.FAILED,
    Status.REVERSED: Payment.State.REVERSED,
    Status.REFUNDED: Payment.State.REFUNDED,
}


def start(*, payment: Payment, at: datetime) -> None:
    """Ask the gateway for the money of a STARTED payment; a repeat is safe. Raises PaymentError when not permanent."""
    try:
        started = gates.gate(payment.gateway).start(_charge(payment))
    except PaymentError as error:
        if not error.permanent:
            raise
        states.move(
            payment, to=Payment.State.FAILED, at=at, reason="refused by gateway", actor="gateway", next_ask_at=None
        )
        return
    _remember(payment, started, at)


def start_due(*, at: datetime, limit: int = 20) -> int:
    """Start what the buyer's own request could not; returns how many were started."""
    waiting = Payment.objects.filter(state=Payment.State.STARTED).select_related("order")
    started = 0
    for payment in claim(waiting, due="next_ask_at", at=at, lease=LEASE, limit=limit):
        try:
            start(payment=payment, at=at)
            started += 1
        except (PaymentError, states.MovedMeanwhile):
            continue  # the lease runs out and the row comes due again
    return started


def check(*, payment: Payment, at: datetime) -> None:
    """Ask the gateway where this payment stands and apply it. Raises PaymentError: the state stays as it is."""
    standing = gates.gate(payment.gateway).ask(payment.gateway_reference)
    if standing.reference != str(payment.pk):
        raise PaymentError("the gateway answered about another payment", permanent=True)
    settle(payment=payment, standing=standing, at=at)


def check_order(*, order: Order, at: datetime) -> None:
    """Ask about every payment of an order that may still bring money, as its buyer or a member of staff wishes.

    Raises PaymentError when a gateway does not answer; nothing is moved by that.
    """
    undecided = (Payment.State.PENDING, Payment.State.EXPIRED, Payment.State.FAILED, Payment.State.HELD)
    for payment in order.payments.filter(state=Payment.State.STARTED):
        with suppress(states.MovedMeanwhile):  # a worker started it in this very moment
            start(payment=payment, at=at)
    for payment in order.payments.filter(state__in=undecided).exclude(gateway_reference=""):
        check(payment=payment, at=at)


def check_due(*, at: datetime, limit: int = 50) -> int:
    """Ask about payments whose notification may be lost; returns how many answered."""
    asked = 0
    waiting = Payment.objects.exclude(gateway_reference="").select_related("order")
    for payment in claim(waiting, due="next_ask_at", at=at, lease=LEASE, limit=limit):
        try:
            check(payment=payment, at=at)
            asked += 1
        except PaymentError:
            _ask_later(payment, at)
    return asked


def settle(*, payment: Payment, standing: Standing, at: datetime) -> None:
    """Apply the gateway's current state: credited exactly once, however often and in whatever order it is told.

    A wrong amount or currency is HELD for a person. What the lattice has no arrow for is left as it is.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=payment.order_id)
        payment = Payment.objects.select_for_update().get(pk=payment.pk)
        payment.order = order
        if standing.status is Status.PAID:
            _credit(payment, standing, at)
        elif standing.status in _ENDINGS:
            _end(payment, _ENDINGS[standing.status], at)
        _ask_later(payment, at)


def send_refunds(*, at: datetime, limit: int = 20) -> int:
    """Send requested refunds to the gateway, keyed by the refund's own id; returns how many were done."""
    done = 0
    waiting = Refund.objects.filter(state=Refund.State.REQUESTED).select_related("payment__order")
    for refund in claim(waiting, due="next_try_at", at=at, lease=timedelta(minutes=2), limit=limit):
        payment = refund.payment
        try:
            gates.gate(payment.gateway).refund(
                payment.gateway_reference, f"refund-{refund.pk}", refund.amount, refund.reason
            )
        except PaymentError:
            Refund.objects.filter(pk=refund.pk).update(next_try_at=at + backoff(refund.attempts))
            continue
        with transaction.atomic():
            states.move(refund, to=Refund.State.DONE, at=at, actor="worker", done_at=at, next_try_at=None)
            payment.refresh_from_db()
            whole = refund.reason != Refund.Reason.OVERPAID
            if whole and states.may(payment, Payment.State.REFUNDED):
                states.move(payment, to=Payment.State.REFUNDED, at=at, reason=refund.reason, actor="worker")
        done += 1
    return done


def _charge(payment: Payment) -> Charge:
    order = payment.order
    with override(order.language):
        return_url = settings.SITE_URL + order.get_absolute_url()
        description = gettext("%(count)s e-meterai, pesanan %(code)s") % {"count": order.quantity, "code": order.code}
    return Charge(
        reference=str(payment.pk),
        amount=payment.amount,
        method=Method(payment.method),
        description=description,
        expires_at=payment.expires_at,
        notify_url=settings.SITE_URL + reverse("orders_gateway:notify", args=[payment.gateway]),
        return_url=return_url,
    )


def _remember(payment: Payment, started: Started, at: datetime) -> None:
    given = started.instructions
    states.move(
        payment,
        to=Payment.State.PENDING,
        at=at,
        actor="gateway",
        gateway_reference=started.gateway_reference,
        instructions={
            "qr_string": given.qr_string or "",
            "va_number": given.va_number or "",
            "va_bank": given.va_bank or "",
            "pay_url": given.pay_url or "",
        },
        next_ask_at=at + FIRST_ASK,
    )


def _credit(payment: Payment, standing: Standing, at: datetime) -> None:
    """Money came. Enough pays the order, once; too little or foreign is held for a person; a surplus goes back."""
    if standing.amount < payment.amount or standing.currency != "IDR":
        if states.may(payment, Payment.State.HELD):
            states.move(payment, to=Payment.State.HELD, at=at, reason="amount differs", actor="gateway")
        return
    if states.may(payment, Payment.State.PAID):
        states.move(payment, to=Payment.State.PAID, at=at, actor="gateway", paid_at=standing.paid_at or at)
        _fulfil(payment, at)
    surplus = standing.amount - payment.amount - standing.refunded
    if payment.state == Payment.State.PAID and surplus > 0:
        _give_back(payment, Refund.Reason.OVERPAID, surplus, at)


def _fulfil(payment: Payment, at: datetime) -> None:
    """The order gets its stamps for this money, or the money goes back: it was paid before, or nothing is left."""
    order = payment.order
    if order.state == Order.State.PAID:
        _give_back(payment, Refund.Reason.SURPLUS, payment.amount, at)
        return
    late = order.state != Order.State.PENDING
    try:
        with transaction.atomic():
            renew = reserve_again if late else replace_recalled
            renew(order=order, at=at)
    except taking.SoldOut:
        _give_back(payment, Refund.Reason.SOLD_OUT, payment.amount, at)
        if not late:
            lapse(order=order, to=Order.State.CANCELLED, at=at, reason="recalled", actor="gateway")
        return
    taking.sell(serials=held_serials(order), at=at, reference=order.code)
    states.move(order, to=Order.State.PAID, at=at, reason="late money" if late else "", actor="gateway", paid_at=at)
    noticing.leave(event=f"{order.code}:paid", template="paid", order=order, at=at)


def _give_back(payment: Payment, reason: str, amount: int, at: datetime) -> None:
    """Leave the refund that a worker will send; one a payment, however often the gateway tells of it."""
    refund, new = Refund.objects.get_or_create(
        payment=payment, defaults={"reason": reason, "amount": amount, "requested_at": at, "next_try_at": at}
    )
    if new:
        states.note(refund, old="", new=refund.state, at=at, reason=reason, actor="gateway")
        noticing.leave(event=f"{payment.pk}:refund", template="refund", order=payment.order, at=at, reason=reason)


def _end(payment: Payment, to: str, at: datetime) -> None:
    if states.may(payment, to):
        states.move(payment, to=to, at=at, actor="gateway")


def _ask_later(payment: Payment, at: datetime) -> None:
    """The next time to ask: soon while the buyer may be paying, hourly for late money, never once it is decided."""
    decided = payment.state not in (Payment.State.PENDING, Payment.State.EXPIRED)
    over = at > payment.expires_at + ASK_AFTER_EXPIRY
    wait = backoff(payment.attempts, first=FIRST_ASK, most=timedelta(minutes=5 if at < payment.expires_at else 60))
    due = None if decided or over else at + wait
    Payment.objects.filter(pk=payment.pk).update(next_ask_at=due, asked_at=at)
