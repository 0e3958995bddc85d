"""Doors for the workers: the steps find their own due rows, so a lost or doubled message is harmless."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

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
    ringing,
    warning,
)


@shared_task
def release_expired() -> int:
    """Let lapsed orders go."""
    return reserving.release_expired(at=timezone.now())


@shared_task
def start_payments() -> int:
    """Ask gateways for the money that orders wait for."""
    return _in_turns(start_payments, paying.start_due)


@shared_task
def process_notifications() -> int:
    """Work through what gateways sent."""
    return _in_turns(process_notifications, hearing.process)


@shared_task
def poll_payments() -> int:
    """Ask about payments whose notification may be lost."""
    return _in_turns(poll_payments, paying.check_due)


@shared_task
def match_transfers() -> int:
    """Match transfers to our account with orders."""
    return matching.match_due(at=timezone.now())


@shared_task
def send_refunds() -> int:
    """Send money back."""
    return _in_turns(send_refunds, refunding.send_refunds)


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
    return _in_turns(send_notices, noticing.send_due)


@shared_task
def warn_low_stock() -> int:
    """Tell sellers and staff of stock that runs low."""
    return warning.warn_low_stock(at=timezone.now())


# Long enough to work off a pile, short enough that the next kind of work is not kept waiting.
TURN = timedelta(seconds=3)


def _in_turns(task: Any, step: Callable[..., int]) -> int:
    """One batch after the other until one brings nothing; what a turn does not finish queues up again."""
    began, done = timezone.now(), 0
    while taken := step(at=timezone.now()):
        done += taken
        if timezone.now() > began + TURN:
            ringing.ring(task)
            break
    return done
