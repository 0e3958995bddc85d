"""Paid: money moves along a lattice by the gateway's own current state, fetched by id, never by order of arrival.

Network calls stand outside every transaction; what they answered is applied afterwards under the order's lock.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext, override

from meterai import states, taking
from meterai.claiming import backoff, claim

from . import discrepancies, gates, noticing, refunding, reversing
from .models import Discrepancy, Order, Payment, Receipt, Refund
from .payments.gateway import Charge, Method, PaymentError, Standing, Started, Status
from .reserving import held_serials, lapse, replace_recalled, reserve_again

LEASE = timedelta(seconds=30)
FIRST_ASK = timedelta(seconds=15)
# Banks deliver late money for days; asking stops then, a notification still counts.
ASK_AFTER_EXPIRY = timedelta(days=3)
# A second payment or a reversal comes after the money, and its notification may be lost like any other.
ASK_AFTER_PAID = (timedelta(minutes=2), timedelta(minutes=30), timedelta(hours=6), timedelta(days=1), timedelta(days=3))

_ENDINGS = {
    Status.EXPIRED: Payment.State.EXPIRED,
    Status.FAILED: Payment.State.FAILED,
    Status.REVERSED: Payment.State.REVERSED,
    Status.REFUNDED: Payment.State.REFUNDED,
}


def start(*, payment: Payment, at: datetime) -> None:
    """Ask the gateway for the money of a STARTED payment; a repeat is safe. Raises PaymentError when not permanent.

    Once the order waits no longer nothing is asked for, but a charge whose answer was lost is found again.
    """
    if payment.order.state != Order.State.PENDING or at >= payment.expires_at:
        _abandon(payment, at)
        return
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
    """Start the payments that orders wait for; returns how many were started."""
    waiting = Payment.objects.filter(state=Payment.State.STARTED).select_related("order")
    return _each(claim(waiting, due="next_ask_at", at=at, lease=LEASE, limit=limit), start, at)


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
    """Ask about payments whose notification may be lost; returns how many answered.

    First those whose buyer waits; then, with what room is left, those that are paid: more may have come, or gone.
    """
    known = Payment.objects.exclude(gateway_reference="").select_related("order")
    paid = (Payment.State.PAID, Payment.State.HELD)
    due = claim(known.exclude(state__in=paid), due="next_ask_at", at=at, lease=LEASE, limit=limit)
    due += claim(known.filter(state__in=paid), due="next_ask_at", at=at, lease=LEASE, limit=limit - len(due))
    return _each(due, check, at)


def settle(*, payment: Payment, standing: Standing, at: datetime) -> None:
    """Apply the gateway's current state: credited exactly once, however often and in whatever order it is told.

    A wrong amount or currency is HELD for a person. What the lattice has no arrow for is left as it is.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=payment.order_id)
        payment = Payment.objects.select_for_update().get(pk=payment.pk)
        payment.order = order
        _count(payment, standing)
        if standing.status is Status.PAID:
            _credit(payment, standing, at)
        elif standing.status in _ENDINGS:
            _end(payment, _ENDINGS[standing.status], at)
        _ask_later(payment, at)


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
            "account_bank": given.account_bank or "",
            "account_number": given.account_number or "",
            "account_holder": given.account_holder or "",
            "transfer_note": given.transfer_note or "",
        },
        next_ask_at=at + FIRST_ASK,
    )


def _count(payment: Payment, standing: Standing) -> None:
    """Remember how much came in all; it only grows."""
    money_came = standing.status in (Status.PAID, Status.REVERSED, Status.REFUNDED) and standing.currency == "IDR"
    if money_came and standing.amount > payment.received:
        payment.received = standing.amount
        payment.save(update_fields=["received"])


def _credit(payment: Payment, standing: Standing, at: datetime) -> None:
    """Money came. Enough pays the order, once; too little or foreign is held for a person; a surplus goes back."""
    if _was_given_back(payment):
        # Somebody decided to send back what was too little: what comes now is not its rest.
        if (rest := payment.received - payment.refunded) > 0:
            refunding.give_back(payment=payment, reason=Refund.Reason.OVERPAID, amount=rest, at=at)
        return
    if payment.received < payment.amount or standing.currency != "IDR":
        _hold(payment, at)
        return
    if payment.state == Payment.State.REVERSED:
        _came_again(payment, at)
        return
    if states.may(payment, Payment.State.PAID):
        _no_longer_held(payment, at)
        states.move(payment, to=Payment.State.PAID, at=at, actor="gateway", paid_at=standing.paid_at or at)
        _fulfil(payment, at)
    if (surplus := _surplus(payment)) > 0:
        refunding.give_back(payment=payment, reason=Refund.Reason.OVERPAID, amount=surplus, at=at)


def _was_given_back(payment: Payment) -> bool:
    sent_back = payment.refunds.filter(reason=Refund.Reason.AMOUNT)
    return payment.state in (Payment.State.HELD, Payment.State.REFUNDED) and sent_back.exists()


def _surplus(payment: Payment) -> int:
    """Rupiah that came and are neither the price nor on their way back, as when one code was paid twice."""
    if payment.state == Payment.State.REFUNDED:
        return payment.received - payment.refunded
    if payment.state != Payment.State.PAID:
        return 0
    returned = payment.refunds.filter(reason=Refund.Reason.OVERPAID).exclude(state=Refund.State.CANCELLED)
    return payment.received - payment.amount - sum(returned.values_list("amount", flat=True))


def _hold(payment: Payment, at: datetime) -> None:
    """Less came than was asked for: no rule says what the buyer wants, so a person decides."""
    if states.may(payment, Payment.State.HELD):
        states.move(payment, to=Payment.State.HELD, at=at, reason="amount differs", actor="gateway")
        discrepancies.open_discrepancy(
            kind=Discrepancy.Kind.AMOUNT,
            subject=str(payment.pk),
            payment=payment,
            expected=payment.amount,
            found=payment.received,
            at=at,
        )


def _came_again(payment: Payment, at: datetime) -> None:
    """A reversal was undone: we have the money, and the stamps are void. No rule says what the buyer wants now."""
    discrepancies.open_discrepancy(
        kind=Discrepancy.Kind.REVERSED,
        subject=f"{payment.pk} came again",
        payment=payment,
        expected=0,
        found=payment.received,
        at=at,
    )


def _no_longer_held(payment: Payment, at: datetime) -> None:
    """The rest of the money came."""
    for listed in payment.discrepancies.filter(kind=Discrepancy.Kind.AMOUNT, state=Discrepancy.State.OPEN):
        discrepancies.close_discrepancy(discrepancy=listed, resolution="the rest was paid", by=None, at=at)


def _fulfil(payment: Payment, at: datetime) -> None:
    """The order gets its stamps for this money, or the money goes back: it was paid before, or nothing is left."""
    order = payment.order
    if order.state in Order.WAS_PAID:
        refunding.give_back(payment=payment, reason=Refund.Reason.SURPLUS, amount=payment.amount, at=at)
        return
    late = order.state != Order.State.PENDING
    try:
        with transaction.atomic():
            renew = reserve_again if late else replace_recalled
            renew(order=order, at=at)
    except taking.SoldOut:
        _nothing_left(payment, late, at)
        return
    taking.sell(serials=held_serials(order), at=at, reference=order.code)
    # The price is that of the way by which the money came, whatever way was chosen meanwhile.
    fee = payment.amount - order.quantity * (order.duty + order.service_fee)
    reason = "late money" if late else ""
    money = {"paid_at": at, "payment_fee": fee, "total": payment.amount}
    states.move(order, to=Order.State.PAID, at=at, reason=reason, actor="gateway", **money)
    Receipt.objects.create(kind=Receipt.Kind.PAYMENT, order=order, created_at=at)
    noticing.leave(event=f"{order.code}:paid", template="paid", order=order, at=at)


def _nothing_left(payment: Payment, late: bool, at: datetime) -> None:
    reason = Refund.Reason.SOLD_OUT if late else Refund.Reason.RECALLED
    refunding.give_back(payment=payment, reason=reason, amount=payment.amount, at=at)
    if not late:
        lapse(order=payment.order, to=Order.State.CANCELLED, at=at, reason="recalled", actor="gateway")


def _end(payment: Payment, to: str, at: datetime) -> None:
    # Sent back at the gateway by another hand than ours: the stamps' money is gone, as when a bank takes it back.
    by_others = to == Payment.State.REFUNDED and payment.refunded < payment.received
    if by_others:
        to = Payment.State.REVERSED
    if not states.may(payment, to):
        return
    if to == Payment.State.REVERSED:
        reversing.reverse(payment=payment, at=at)
    else:
        states.move(payment, to=to, at=at, actor="gateway")


def _abandon(payment: Payment, at: datetime) -> None:
    """The order ended before its payment began. Was the charge made after all, its answer lost? Then it is settled."""
    standing = gates.gate(payment.gateway).find(str(payment.pk))
    if standing is None:
        states.move(payment, to=Payment.State.EXPIRED, at=at, reason="never started", actor="worker", next_ask_at=None)
        return
    states.move(
        payment,
        to=Payment.State.PENDING,
        at=at,
        reason="found after the order ended",
        actor="gateway",
        gateway_reference=standing.gateway_reference,
    )
    settle(payment=payment, standing=standing, at=at)


def _each(payments: list[Payment], step: Callable[..., None], at: datetime) -> int:
    """Take the step for each; returns how many went well.

    A gateway that once did not answer is not asked about the others now: a silent one must not hold up the rest.
    Their lease runs out, and they come due again.
    """
    silent: set[str] = set()
    done = 0
    for payment in payments:
        if payment.gateway in silent:
            continue
        try:
            step(payment=payment, at=at)
            done += 1
        except states.MovedMeanwhile:
            continue  # somebody else did it in this moment
        except PaymentError as error:
            if not error.permanent:
                silent.add(payment.gateway)
            elif payment.gateway_reference:
                _ask_later(payment, at)
    return done


def _ask_later(payment: Payment, at: datetime) -> None:
    """The next time to ask: soon while the buyer may be paying, now and then for what may still come or go."""
    Payment.objects.filter(pk=payment.pk).update(next_ask_at=_next_ask(payment, at), asked_at=at)


def _next_ask(payment: Payment, at: datetime) -> datetime | None:
    if payment.state in (Payment.State.REVERSED, Payment.State.REFUNDED):
        return None
    if payment.state in (Payment.State.PAID, Payment.State.HELD):
        came = payment.paid_at or payment.created_at
        return next((came + wait for wait in ASK_AFTER_PAID if came + wait > at), None)
    if at > payment.expires_at + ASK_AFTER_EXPIRY:
        return None
    most = timedelta(minutes=5 if at < payment.expires_at else 60)
    return at + backoff(payment.attempts, first=FIRST_ASK, most=most)
