"""Doors for the workers: the steps find their own due rows, so a lost or doubled message is harmless."""

from celery import shared_task
from django.utils import timezone

from . import (
    hearing,
    matching,
    noticing,
    numbering,
    paying,
    payouts,
    reconciling,
    refunding,
    reserving,
    warning,
)


@shared_task
def release_expired() -> int:
    """Let lapsed orders go."""
    return reserving.release_expired(at=timezone.now())


@shared_task
def start_payments() -> int:
    """Ask gateways for the money that orders wait for."""
    return paying.start_due(at=timezone.now())


@shared_task
def process_notifications() -> int:
    """Work through what gateways sent."""
    return hearing.process(at=timezone.now())


@shared_task
def poll_payments() -> int:
    """Ask about payments whose notification may be lost."""
    return paying.check_due(at=timezone.now())


@shared_task
def match_transfers() -> int:
    """Match transfers to our account with orders."""
    return matching.match_due(at=timezone.now())


@shared_task
def send_refunds() -> int:
    """Send money back."""
    return refunding.send_refunds(at=timezone.now())


@shared_task
def number_receipts() -> int:
    """Give receipts and refund notes their numbers."""
    return numbering.number_due(at=timezone.now())


@shared_task
def finish_transfers() -> int:
    """Close transfers that no bank sent back."""
    return payouts.finish_due(at=timezone.now())


@shared_task
def erase_accounts() -> int:
    """Erase bank accounts that nobody needs any more."""
    return payouts.erase_accounts(at=timezone.now())


@shared_task
def reconcile_open() -> int:
    """Close the differences that turned out right meanwhile."""
    return reconciling.judge_open(at=timezone.now())


@shared_task
def send_notices() -> int:
    """Send e-mail."""
    return noticing.send_due(at=timezone.now())


@shared_task
def warn_low_stock() -> int:
    """Tell sellers and staff of stock that runs low."""
    return warning.warn_low_stock(at=timezone.now())
