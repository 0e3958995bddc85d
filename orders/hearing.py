"""What gateways send is stored first and answered fast; it is worked through from the table."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from . import gates, paying
from .models import Notification, Payment
from .payments.gateway import PaymentError


def hear(*, gateway: str, headers: Mapping[str, str], body: bytes, at: datetime) -> bool:
    """Store a notification whose signature holds; False when it was here before. Raises gateway.Forged, Malformed."""
    told = gates.gate(gateway).read(headers, body, at)
    stored = Notification.objects.bulk_create(
        [
            Notification(
                gateway=gateway,
                event=told.event,
                gateway_reference=told.gateway_reference,
                body=body.decode("utf-8", "replace").replace("\x00", ""),
                received_at=at,
            )
        ],
        ignore_conflicts=True,
    )
    return bool(stored)


def process(*, at: datetime, limit: int = 50) -> int:
    """Ask the gateway about every payment that a notification named; returns how many were worked through."""
    waiting = Notification.objects.filter(processed_at=None).order_by("id").values_list("pk", flat=True)
    return sum(_process(pk, at) for pk in list(waiting[:limit]))


def _process(pk: int, at: datetime) -> bool:
    told = Notification.objects.get(pk=pk)
    payment = Payment.objects.filter(gateway=told.gateway, gateway_reference=told.gateway_reference).first()
    if payment is None:
        # The notification may outrun our own memory of the reference: leave it for the next round, an hour long.
        if (at - told.received_at).total_seconds() < 3600:
            return False
        return _done(pk, "unknown payment", at)
    try:
        paying.check(payment=payment, at=at)
    except PaymentError:
        return False
    return _done(pk, "asked", at)


def _done(pk: int, outcome: str, at: datetime) -> bool:
    with transaction.atomic():
        return bool(Notification.objects.filter(pk=pk, processed_at=None).update(processed_at=at, outcome=outcome))
