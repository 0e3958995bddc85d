"""Numbered: receipts and refund notes get their numbers without a gap, each kind and year in a series of its own.

The series' row is locked while numbers are given: one at a time, in one transaction. A worker killed in the middle
leaves nothing behind, so no number is lost and none is given twice.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Count, F, Max, Min

from .models import Order, Receipt, Series

WIB = ZoneInfo("Asia/Jakarta")
PREFIXES = {Receipt.Kind.PAYMENT: "KW", Receipt.Kind.REFUND: "NP"}

# The rows of the series are read after its lock was got: what others numbered meanwhile is seen.
_NUMBER = """
WITH waiting AS (
    SELECT id, row_number() OVER (ORDER BY id) AS place FROM (
        SELECT id FROM orders_receipt
        WHERE number IS NULL AND kind = %(kind)s AND id <= %(upto)s
        AND created_at >= %(first)s AND created_at < %(past)s
        ORDER BY id LIMIT %(limit)s
    ) AS next
)
UPDATE orders_receipt SET series_id = %(name)s, number = %(last)s + waiting.place, issued_at = %(at)s
FROM waiting WHERE orders_receipt.id = waiting.id
"""
_MOST = 2**62


@dataclass(frozen=True)
class Run:
    """A kind and a year of WIB."""

    kind: str
    year: int

    @classmethod
    def of(cls, receipt: Receipt) -> "Run":
        """The run that a receipt belongs to: the year in which the money moved."""
        return cls(str(receipt.kind), receipt.created_at.astimezone(WIB).year)

    @property
    def name(self) -> str:
        """KW-2026, or NP-2026 for refund notes."""
        return f"{PREFIXES[Receipt.Kind(self.kind)]}-{self.year}"


def number_due(*, at: datetime, limit: int = 1000) -> int:
    """Number the receipts that wait, in the order of their rows; returns how many. Safe in many workers at once."""
    waiting = Receipt.objects.filter(number=None).order_by("pk")[:limit]
    runs = {Run.of(receipt) for receipt in waiting.only("kind", "created_at")}
    return sum(_number(run, at=at, upto=_MOST, limit=limit) for run in sorted(runs, key=lambda run: run.name))


def numbered(receipt: Receipt, *, at: datetime) -> Receipt:
    """The receipt with its number: given now, with all that wait before it, when no worker came yet."""
    if receipt.number is None:
        _number(Run.of(receipt), at=at, upto=receipt.pk, limit=_MOST)
        receipt.refresh_from_db(fields=["series", "number", "issued_at"])
    return receipt


def receipt_of(order: Order) -> Receipt:
    """The receipt of a paid order; one from before receipts had rows gets its row here. ValueError when not paid."""
    if order.paid_at is None:
        raise ValueError("an order that is not paid has no receipt")
    receipt, _new = Receipt.objects.get_or_create(
        order=order, kind=Receipt.Kind.PAYMENT, defaults={"created_at": order.paid_at}
    )
    return receipt


def name_buyer(*, receipt: Receipt, name: str) -> bool:
    """Put the buyer's name on the receipt, once; False when it bears one already."""
    return bool(Receipt.objects.filter(pk=receipt.pk, buyer_name="").update(buyer_name=name))


def broken_series() -> list[str]:
    """The names of series whose numbers are not exactly 1 to the last: none, at any moment."""
    given = Receipt.objects.exclude(number=None).values("series").annotate(n=Count("pk"), low=Min("number"))
    right = {row["series"]: row["n"] for row in given.annotate(high=Max("number")).filter(low=1, high=F("n"))}
    return [one.name for one in Series.objects.order_by("name") if right.get(one.name, 0) != one.last]


def _number(run: Run, *, at: datetime, upto: int, limit: int) -> int:
    values: dict[str, Any] = {
        "kind": run.kind,
        "first": datetime(run.year, 1, 1, tzinfo=WIB),
        "past": datetime(run.year + 1, 1, 1, tzinfo=WIB),
        "name": run.name,
        "at": at,
        "upto": upto,
        "limit": limit,
    }
    Series.objects.bulk_create([Series(name=run.name)], ignore_conflicts=True)
    with transaction.atomic():
        series = locked(run.name)
        with connection.cursor() as cursor:
            cursor.execute(_NUMBER, values | {"last": series.last})
            count = int(cursor.rowcount)
        if count:
            Series.objects.filter(pk=run.name).update(last=series.last + count)
    return count


def locked(name: str) -> Series:
    """The series' row, held until the transaction ends."""
    return Series.objects.select_for_update().get(pk=name)
