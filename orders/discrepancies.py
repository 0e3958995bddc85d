"""What no rule of ours can decide about is listed for a person, once, until somebody says how it ended."""

from datetime import datetime

from django.db import transaction

from meterai import states
from meterai.models import User

from .models import Discrepancy, Payment


def open_discrepancy(
    *,
    kind: Discrepancy.Kind,
    subject: str,
    at: datetime,
    payment: Payment | None = None,
    expected: int | None = None,
    found: int | None = None,
    note: str = "",
) -> bool:
    """List it; False when it was listed before (`kind` and `subject` name it). Amounts in rupiah."""
    with transaction.atomic():
        listed, new = Discrepancy.objects.get_or_create(
            kind=kind,
            subject=subject,
            defaults={
                "payment": payment,
                "order_id": payment.order_id if payment else None,
                "expected": expected,
                "found": found,
                "note": note,
                "opened_at": at,
            },
        )
        if new:
            states.note(listed, old="", new=listed.state, at=at, actor="system")
    return new


def close_discrepancy(*, discrepancy: Discrepancy, resolution: str, by: User | None, at: datetime) -> None:
    """Say how it ended, in words. `by` is None when the rules themselves ended it. Raises states.MovedMeanwhile."""
    states.move(
        discrepancy,
        to=Discrepancy.State.CLOSED,
        at=at,
        actor=by.username if by else "system",
        reason=resolution[:200],
        resolution=resolution,
        closed_at=at,
        closed_by=by,
    )
