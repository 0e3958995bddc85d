"""Our own account, as far as its statements were read: what came for which payment."""

from datetime import datetime, time
from uuid import UUID

from django.db.models import Min, Sum
from django.utils import timezone

from .models import BankEntry, Payment
from .payments.transfer.client import Known

GATEWAY = "transfer"


def known(reference: str) -> Known | None:
    """What the gateway "transfer" asks: the payment with this id and the transfers matched to it."""
    try:
        key = UUID(reference)
    except ValueError:
        return None
    payment = Payment.objects.filter(pk=key, gateway=GATEWAY).select_related("order").first()
    if payment is None:
        return None
    matched = payment.bank_entries.filter(state=BankEntry.State.MATCHED)
    came = matched.aggregate(received=Sum("amount"), day=Min("date"))
    first_at = None
    if came["day"]:
        # A statement gives the day only; nobody pays before there is something to pay.
        booked = timezone.make_aware(datetime.combine(came["day"], time.min))
        first_at = max(booked, payment.created_at)
    return Known(
        amount=payment.amount,
        note=payment.order.code.replace("-", ""),
        expires_at=payment.expires_at,
        received=came["received"] or 0,
        first_at=first_at,
    )
