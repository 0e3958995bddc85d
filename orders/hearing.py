"""What gateways send is stored first and answered fast; it is worked through from the table."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction

from meterai.claiming import backoff, claim

from . import discrepancies, gates, paying
from .models import Discrepancy, Notification, Payment
from .payments.gateway import PaymentError

LEASE = timedelta(seconds=30)
PATIENCE = timedelta(hours=1)


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
                next_try_at=at,
            )
        ],
        ignore_conflicts=True,
    )
    return bool(stored)


def process(*, at: datetime, limit: int = 50) -> int:
    """Ask the gateway about every payment that a notification named; returns how many were worked through."""
    waiting = Notification.objects.filter(processed_at=None)
    silent: set[str] = set()
    done = 0
    for told in claim(waiting, due="next_try_at", at=at, lease=LEASE, limit=limit):
        if told.gateway in silent:
            continue  # the lease runs out and the row comes due again
        try:
            done += _process(told, at)
        except PaymentError:
            silent.add(told.gateway)
    return done


def _process(told: Notification, at: datetime) -> bool:
    """Raises PaymentError when the gateway did not answer."""
    payment = Payment.objects.filter(gateway=told.gateway, gateway_reference=told.gateway_reference).first()
    if payment is None:
        return _unknown(told, at)
    try:
        paying.check(payment=payment, at=at)
    except PaymentError as error:
        if not error.permanent:
            raise
        return _done(told, "refused by gateway", at)
    return _done(told, "asked", at)


def _unknown(told: Notification, at: datetime) -> bool:
    """It may outrun our own memory of the reference; after an hour it is a stranger's, and a person should know."""
    if at - told.received_at < PATIENCE:
        Notification.objects.filter(pk=told.pk).update(next_try_at=at + backoff(told.attempts))
        return False
    with transaction.atomic():
        discrepancies.open_discrepancy(
            kind=Discrepancy.Kind.UNKNOWN, subject=f"{told.gateway} {told.gateway_reference}"[:120], at=at
        )
        return _done(told, "unknown payment", at)


def _done(told: Notification, outcome: str, at: datetime) -> bool:
    still_waiting = Notification.objects.filter(pk=told.pk, processed_at=None)
    return bool(still_waiting.update(processed_at=at, outcome=outcome, next_try_at=None))
