"""Doors for the workers. The steps find their own rows, so a lost or doubled message is harmless."""

from celery import shared_task
from django.utils import timezone

from . import custody, opening, publishing


@shared_task
def escalate_silent() -> int:
    """Move to the issuer the tickets that a reseller left without a word."""
    return custody.escalate_silent(at=timezone.now())


@shared_task
def open_failed() -> int:
    """Open a ticket for each document that failed through a fault of ours or of the authority's."""
    return opening.open_due(at=timezone.now())


# Older news is not worth writing: the next one is ten seconds away.
@shared_task(expires=20)
def publish_status() -> bool:
    """Measure the service and write the status files anew."""
    return publishing.publish(at=timezone.now())
