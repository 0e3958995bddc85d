"""Reversed: a bank took paid money back. Unused stamps are revoked; what was used, or refunded before, is listed."""

from datetime import datetime

from django.db import IntegrityError, transaction

from meterai import states, taking
from meterai.models import Stamp

from . import discrepancies, noticing, refunding
from .models import Discrepancy, Order, Payment, Refund
from .reserving import held_serials

_REASON = "payment reversed"


def reverse(*, payment: Payment, at: datetime) -> None:
    """To REVERSED, also where the money came and went before we looked. The caller holds order and payment locked."""
    paid_for_stamps = (
        payment.state == Payment.State.PAID and not payment.refunds.filter(reason__in=refunding.GAVE_NO_STAMPS).exists()
    )
    states.move(payment, to=Payment.State.REVERSED, at=at, actor="gateway")
    _stop_refunds(payment, at)
    if paid_for_stamps and states.may(payment.order, Order.State.REVERSED):
        _take_stamps_back(payment, at)
        states.move(payment.order, to=Order.State.REVERSED, at=at, reason=_REASON, actor="gateway")
    noticing.leave(event=f"{payment.pk}:reversed", template="reversed", order=payment.order, at=at)


def _stop_refunds(payment: Payment, at: datetime) -> None:
    """What was not sent need not be; what was sent is lost to us, and a person must see it."""
    for refund in payment.refunds.select_for_update():
        if states.may(refund, Refund.State.CANCELLED):
            states.move(refund, to=Refund.State.CANCELLED, at=at, reason=_REASON, actor="gateway", next_try_at=None)
        elif refund.state != Refund.State.CANCELLED:
            discrepancies.open_discrepancy(
                kind=Discrepancy.Kind.REVERSED,
                subject=f"refund {refund.pk}",
                payment=payment,
                expected=0,
                found=refund.amount,
                at=at,
            )


def _take_stamps_back(payment: Payment, at: datetime) -> None:
    order = payment.order
    unused = Stamp.objects.filter(pk__in=held_serials(order), state=Stamp.State.SOLD).order_by("pk")
    revoked = sum(_revoke(serial, order, at) for serial in unused.values_list("pk", flat=True))
    refunded = Stamp.objects.filter(pk__in=held_serials(order), state=Stamp.State.REFUNDED).count()
    used = order.quantity - revoked - refunded
    if used:
        discrepancies.open_discrepancy(
            kind=Discrepancy.Kind.REVERSED,
            subject=str(payment.pk),
            payment=payment,
            expected=used * (order.duty + order.service_fee),
            found=0,
            note=f"{used}/{order.quantity}",
            at=at,
        )


def _revoke(serial: str, order: Order, at: datetime) -> bool:
    """False when the stamp is spoken for by a document at this moment: the database refuses, and it counts as used."""
    try:
        with transaction.atomic():
            taking.revoke(serials=[serial], at=at, reference=order.code, reason=_REASON)
    except (taking.NotHeld, IntegrityError):
        return False
    return True
