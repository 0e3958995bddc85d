"""Doors for the workers: the rows say what is due, so a lost or doubled message is harmless."""

import logging

from celery import shared_task
from django.utils import timezone

from . import erasing, placing, sealing

log = logging.getLogger(__name__)
ROUNDS = 50


@shared_task
def seal_due() -> int:
    """Bind what was paid meanwhile, then seal until nothing waits or this round has done its share."""
    placing.bind_due(at=timezone.now())
    done = 0
    for _ in range(ROUNDS):
        sealed = sealing.seal_due(at=timezone.now())
        done += sealed
        if not sealed:
            break
    return done


@shared_task
def erase_old() -> int:
    """Erase what has been kept long enough."""
    return erasing.erase_old(at=timezone.now())


def ring() -> None:
    """Wake a worker now instead of at the next tick; without a broker the tick comes anyway."""
    try:
        seal_due.apply_async(retry=False, ignore_result=True)
    except Exception as error:  # kombu raises its transport's own kinds; the row is the queue, so nothing is lost
        log.warning("No broker to ring: %s", type(error).__name__)
