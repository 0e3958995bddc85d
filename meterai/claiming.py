"""The row is the queue: how a worker takes due rows for itself.

A claim pushes the due time a lease into the future, so that nobody else takes the row meanwhile, and a killed worker's
row comes due again by itself. No lock and no transaction is held while the worker talks to the network.
"""

from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import F, Model, QuerySet

Row = TypeVar("Row", bound=Model)


def claim(rows: "QuerySet[Row]", *, due: str, at: datetime, lease: timedelta, limit: int) -> list[Row]:
    """Take up to `limit` of `rows` whose field `due` is not after `at`, oldest first, and count an attempt on each."""
    ready = rows.filter(**{f"{due}__lte": at}).order_by(due)
    with transaction.atomic():
        taken = list(ready.select_for_update(skip_locked=True, of=("self",))[:limit])
        keys = [row.pk for row in taken]
        rows.model._default_manager.filter(pk__in=keys).update(**{due: at + lease}, attempts=F("attempts") + 1)
    for row in taken:
        setattr(row, due, at + lease)
        row.attempts += 1  # type: ignore[attr-defined]
    return taken


def backoff(
    attempts: int, *, first: timedelta = timedelta(seconds=5), most: timedelta = timedelta(hours=1)
) -> timedelta:
    """How long to wait after so many attempts: doubling from `first`, never above `most`."""
    return min(first * 2 ** min(attempts, 20), most)
