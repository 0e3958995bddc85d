"""Refunded: money goes back to the buyer, through the gateway that took it, or by bank transfer where it cannot.

    by gateway    REQUESTED -> SENT (before it is called) -> DONE
    by transfer   ACCOUNT -> REQUESTED -> SENT (a person has begun) -> DONE: see payouts

`sent_at` says when the money truly went: a SENT refund without it is in somebody's hands.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from meterai import states
from meterai.claiming import backoff, claim
from meterai.models import User

from . import discrepancies, gates, noticing
from .models import Discrepancy, Order, Payment, Receipt, Refund
from .payments.gateway import Method, PaymentError, RefundStatus
from .payments.registry import UnknownGateway

LEASE = timedelta(minutes=2)
# Of these the money came for stamps that were never given out.
GAVE_NO_STAMPS = (Refund.Reason.SURPLUS, Refund.Reason.SOLD_OUT, Refund.Reason.RECALLED, Refund.Reason.AMOUNT)
# By our own rules these are sent once a payment, however often the gateway tells of it.
_SEVERAL = (Refund.Reason.OVERPAID, Refund.Reason.WISH)


class TooMuch(Exception):
    """More would go back than came in; nothing was written."""


class NotHeld(Exception):
    """This payment is not held for a person, or none of its money is here."""


def give_back(*, payment: Payment, reason: Refund.Reason, amount: int, at: datetime) -> None:
    """Leave the refund that our rules ask for; one a payment and reason, however often the gateway tells of it.

    The caller holds the payment's lock. Raises TooMuch.
    """
    if reason in _SEVERAL or not payment.refunds.filter(reason=reason).exists():
        begin(payment=payment, reason=reason, amount=amount, at=at, actor="gateway")


def give_back_held(*, payment: Payment, why: str, by: User, at: datetime) -> Refund:
    """A member of staff decides that the money of a HELD payment goes back, and says why. Raises NotHeld."""
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=payment.order_id)
        payment = Payment.objects.select_for_update().get(pk=payment.pk)
        left = payment.received - payment.refunded
        if payment.state != Payment.State.HELD or left <= 0:
            raise NotHeld(payment.pk)
        payment.order = order
        refund = begin(payment=payment, reason=Refund.Reason.AMOUNT, amount=left, at=at, actor=by.username, why=why)
        for listed in payment.discrepancies.filter(kind=Discrepancy.Kind.AMOUNT, state=Discrepancy.State.OPEN):
            discrepancies.close_discrepancy(discrepancy=listed, resolution=why, by=by, at=at)
    return refund


def begin(
    *,
    payment: Payment,
    reason: Refund.Reason,
    amount: int,
    at: datetime,
    actor: str,
    why: str = "",
    idempotency_key: str | None = None,
) -> Refund:
    """Write a refund down and tell the buyer. The caller holds the payment's lock. Raises TooMuch.

    Where the gateway cannot send this money back, the buyer is asked for a bank account.
    """
    by_gateway = sends_itself(payment)
    with transaction.atomic():
        try:
            with transaction.atomic():
                Payment.objects.filter(pk=payment.pk).update(refunded=F("refunded") + amount)
        except IntegrityError as refusal:
            if constraint_of(refusal) != "payment_gives_back_what_came":
                raise
            raise TooMuch(payment.pk) from None
        refund = Refund.objects.create(
            payment=payment,
            reason=reason,
            amount=amount,
            requested_at=at,
            state=Refund.State.REQUESTED if by_gateway else Refund.State.ACCOUNT,
            way=Refund.Way.GATEWAY if by_gateway else Refund.Way.TRANSFER,
            next_try_at=at if by_gateway else None,
            idempotency_key=idempotency_key,
        )
        states.note(refund, old="", new=refund.state, at=at, reason=why[:200] or reason, actor=actor)
        tell(refund, template="refund", at=at)
    payment.refunded += amount
    return refund


def sends_itself(payment: Payment) -> bool:
    """Whether the gateway can send this payment's money back; one that is gone from the settings cannot."""
    try:
        return gates.gate(payment.gateway).refunds(Method(payment.method))
    except UnknownGateway:
        return False


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
        except states.MovedMeanwhile:
            continue  # a bank took the payment back, or another worker was faster
        except (PaymentError, UnknownGateway):
            silent.add(refund.payment.gateway)
            Refund.objects.filter(pk=refund.pk).update(next_try_at=at + backoff(refund.attempts))
    return count


def done(*, refund: Refund, at: datetime, actor: str, reason: str = "") -> None:
    """The money went back: REQUESTED or SENT -> DONE; a payment of which nothing is left is REFUNDED."""
    with transaction.atomic():
        payment = Payment.objects.select_for_update().select_related("order").get(pk=refund.payment_id)
        changes: dict[str, Any] = {"done_at": at, "next_try_at": None, "sent_at": refund.sent_at or at}
        states.move(refund, to=Refund.State.DONE, at=at, actor=actor, reason=reason, **changes)
        Receipt.objects.create(kind=Receipt.Kind.REFUND, order_id=payment.order_id, refund=refund, created_at=at)
        back = sum(payment.refunds.filter(state=Refund.State.DONE).values_list("amount", flat=True))
        if back >= payment.received and states.may(payment, Payment.State.REFUNDED):
            states.move(payment, to=Payment.State.REFUNDED, at=at, reason=refund.reason, actor=actor)
        tell(refund, template="refund_done", at=at)


def tell(refund: Refund, *, template: str, at: datetime, event: str = "") -> None:
    """A letter about this refund, once a template, or once an `event` that may come again."""
    of = "" if template == "refund" else f":{event or template}"
    noticing.leave(
        event=f"refund:{refund.pk}{of}",
        template=template,
        order=refund.payment.order,
        at=at,
        reason=str(refund.reason),
        amount=refund.amount,
        needs_account=refund.state == Refund.State.ACCOUNT,
        is_transfer=refund.way == Refund.Way.TRANSFER,
        reference=refund.transfer_reference,
    )


def constraint_of(error: IntegrityError) -> str:
    """The name of the constraint or trigger that refused."""
    return str(getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or "")


def _send(refund: Refund, at: datetime) -> bool:
    """True when it is done. Raises PaymentError when nobody knows, UnknownGateway, states.MovedMeanwhile."""
    payment = refund.payment
    gateway = gates.gate(payment.gateway)
    if refund.state == Refund.State.REQUESTED:
        # Before the call: from here on nobody may hold the money for unsent, whatever becomes of this worker.
        states.move(refund, to=Refund.State.SENT, at=at, actor="worker")
    try:
        status = gateway.refund(payment.gateway_reference, f"refund-{refund.pk}", refund.amount, refund.reason)
    except PaymentError as error:
        if not error.permanent:
            raise
        _refused(refund, at)
        return False
    if status is RefundStatus.PENDING:
        _accepted(refund, at)
        return False
    done(refund=refund, at=at, actor="worker")
    return True


def _accepted(refund: Refund, at: datetime) -> None:
    """The gateway took it and will send it: ask again later, with the same key."""
    Refund.objects.filter(pk=refund.pk).update(
        sent_at=refund.sent_at or at, next_try_at=at + backoff(refund.attempts, first=timedelta(seconds=30))
    )
    tell(refund, template="refund_sent", at=at)


def _refused(refund: Refund, at: datetime) -> None:
    """The gateway will never send it: the buyer is asked for a bank account, and a person sees it."""
    with transaction.atomic():
        changes: dict[str, Any] = {"way": Refund.Way.TRANSFER, "next_try_at": None, "sent_at": None}
        states.move(refund, to=Refund.State.ACCOUNT, at=at, reason="refused by gateway", actor="gateway", **changes)
        discrepancies.open_discrepancy(
            kind=Discrepancy.Kind.REFUND,
            subject=f"refund {refund.pk}",
            payment=refund.payment,
            expected=refund.amount,
            at=at,
        )
        tell(refund, template="refund_account", at=at)
