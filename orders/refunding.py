"""Refunded: money goes back to the buyer, through the gateway that took it, or by bank transfer where it cannot."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from meterai import states
from meterai.claiming import backoff, claim

from . import discrepancies, gates, noticing
from .models import Discrepancy, Payment, Receipt, Refund
from .payments.gateway import Method, PaymentError, RefundStatus

LEASE = timedelta(minutes=2)


def give_back(*, payment: Payment, reason: Refund.Reason, amount: int, at: datetime) -> None:
    """Leave the refund that a worker will send; one a payment and reason, however often the gateway tells of it.

    The caller holds the payment's lock. Where the gateway cannot send this money back, the buyer is asked for a
    bank account.
    """
    if reason != Refund.Reason.OVERPAID and payment.refunds.filter(reason=reason).exists():
        return
    by_gateway = gates.gate(payment.gateway).refunds(Method(payment.method))
    with transaction.atomic():
        Payment.objects.filter(pk=payment.pk).update(refunded=F("refunded") + amount)
        refund = Refund.objects.create(
            payment=payment,
            reason=reason,
            amount=amount,
            requested_at=at,
            state=Refund.State.REQUESTED if by_gateway else Refund.State.ACCOUNT,
            way=Refund.Way.GATEWAY if by_gateway else Refund.Way.TRANSFER,
            next_try_at=at if by_gateway else None,
        )
        states.note(refund, old="", new=refund.state, at=at, reason=reason, actor="gateway")
        noticing.leave(event=f"refund:{refund.pk}", template="refund", order=payment.order, at=at, reason=reason)
    payment.refunded += amount


def send_refunds(*, at: datetime, limit: int = 20) -> int:
    """Send what is due to the gateway, keyed by the refund's own id; returns how many were done."""
    open_ones = (Refund.State.REQUESTED, Refund.State.SENT)
    waiting = Refund.objects.filter(state__in=open_ones, way=Refund.Way.GATEWAY).select_related("payment__order")
    silent: set[str] = set()
    count = 0
    for refund in claim(waiting, due="next_try_at", at=at, lease=LEASE, limit=limit):
        if refund.payment.gateway in silent:
            continue  # the lease runs out and the row comes due again
        try:
            count += _send(refund, at)
        except PaymentError:
            silent.add(refund.payment.gateway)
            Refund.objects.filter(pk=refund.pk).update(next_try_at=at + backoff(refund.attempts))
    return count


def _send(refund: Refund, at: datetime) -> bool:
    """True when it is done. Raises PaymentError when nobody knows."""
    payment = refund.payment
    try:
        status = gates.gate(payment.gateway).refund(
            payment.gateway_reference, f"refund-{refund.pk}", refund.amount, refund.reason
        )
    except PaymentError as error:
        if not error.permanent:
            raise
        _refused(refund, at)
        return False
    if status is RefundStatus.PENDING:
        _sent(refund, at)
        return False
    done(refund=refund, at=at, actor="worker")
    return True


def done(*, refund: Refund, at: datetime, actor: str, reason: str = "") -> None:
    """The money went back: REQUESTED or SENT -> DONE; a payment of which nothing is left is REFUNDED."""
    with transaction.atomic():
        payment = Payment.objects.select_for_update().get(pk=refund.payment_id)
        states.move(refund, to=Refund.State.DONE, at=at, actor=actor, reason=reason, done_at=at, next_try_at=None)
        Receipt.objects.create(kind=Receipt.Kind.REFUND, order_id=payment.order_id, refund=refund, created_at=at)
        back = sum(payment.refunds.filter(state=Refund.State.DONE).values_list("amount", flat=True))
        if back >= payment.received and states.may(payment, Payment.State.REFUNDED):
            states.move(payment, to=Payment.State.REFUNDED, at=at, reason=refund.reason, actor=actor)


def _sent(refund: Refund, at: datetime) -> None:
    later = at + backoff(refund.attempts, first=timedelta(seconds=30))
    if refund.state == Refund.State.SENT:
        Refund.objects.filter(pk=refund.pk).update(next_try_at=later)
        return
    states.move(refund, to=Refund.State.SENT, at=at, actor="worker", sent_at=at, next_try_at=later)


def _refused(refund: Refund, at: datetime) -> None:
    """The gateway will never send it: the buyer is asked for a bank account, and a person sees it."""
    with transaction.atomic():
        states.move(
            refund,
            to=Refund.State.ACCOUNT,
            at=at,
            reason="refused by gateway",
            actor="gateway",
            way=Refund.Way.TRANSFER,
            next_try_at=None,
        )
        discrepancies.open_discrepancy(
            kind=Discrepancy.Kind.REFUND,
            subject=f"refund {refund.pk}",
            payment=refund.payment,
            expected=refund.amount,
            at=at,
        )
