"""Doors for the workers: the steps find their own due rows, so a lost or doubled message is harmless."""

from celery import shared_task
from django.utils import timezone

from . import chaining, importing, watching


# Minutes for the largest delivery. The row is the queue, so the message is acknowledged before the work: the broker
# would give it to a second worker meanwhile, who would find the row claimed.
@shared_task(acks_late=False, soft_time_limit=3600, time_limit=3660)
def import_due() -> int:
    """Read the deliveries that wait."""
    return importing.run_due(at=timezone.now())


@shared_task
def close_blocks() -> int:
    """Close the chain over what was written in the book of stock."""
    return chaining.close(at=timezone.now())


# Counting a hundred million serials outlasts the usual limit.
@shared_task(acks_late=False, soft_time_limit=600, time_limit=660)
def watch_stock() -> None:
    """Note where all serials are, and who runs low."""
    watching.look(at=timezone.now())
