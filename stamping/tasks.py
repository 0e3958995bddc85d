"""Doors for the workers: the rows say what is due, so a lost or doubled message is harmless."""

import logging
import time

from celery import shared_task
from django.utils import timezone

from . import authorities, bundle_checking, bundles, erasing, placing, sealing

log = logging.getLogger(__name__)
ROUNDS = 50
ROUND_SECONDS = 15
"""A round that has run so long is the last: with the issuer's engine a document takes seconds, and a task has 50."""


@shared_task
def seal_due() -> int:
    """Bind what was paid meanwhile, then seal until nothing waits or this round has done its share."""
    placing.bind_due(at=timezone.now())
    done, last = 0, time.monotonic() + ROUND_SECONDS
    for _ in range(ROUNDS):
        sealed = sealing.seal_due(at=timezone.now(), limit=1 if authorities.is_remote() else 4)
        done += sealed
        # One that failed by itself must not end the round for those behind it; a silent authority must.
        if time.monotonic() > last or not (sealed or sealing.has_more(at=timezone.now())):
            break
    return done


@shared_task
def check_bundles() -> int:
    """Examine the files of ZIPs that were sent, for a while; the next round goes on with whoever waits longest."""
    return bundle_checking.check_due(at=timezone.now())


@shared_task
def erase_old() -> int:
    """Erase what has been kept long enough."""
    bundles.erase_old(at=timezone.now())
    sealing.sweep(at=timezone.now())
    return erasing.erase_old(at=timezone.now())


def ring() -> None:
    """Wake a worker now instead of at the next tick; without a broker the tick comes anyway."""
    try:
        seal_due.apply_async(retry=False, ignore_result=True)
    except Exception as error:  # kombu raises its transport's own kinds; the row is the queue, so nothing is lost
        log.warning("No broker to ring: %s", type(error).__name__)
