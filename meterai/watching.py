"""The watch over the stock: each minute it notes where all serials are and who runs low. Pages read what it noted."""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from . import forecasting
from .conserving import balances
from .forecasting import Forecast
from .models import LowStock, StockCheck

log = logging.getLogger(__name__)

PLACES = ("draft", "extents", "pool", "reserved", "sold", "affixed", "refunded", "void")
# Counting every serial costs more, the more there are: it is left alone twenty times as long as it took.
REST = 20
# More batches out of balance than this are not named one by one.
MOST_NAMED = 100
# Every minute of the last two days is kept, then the first of each hour.
EVERY_MINUTE, EVERY_HOUR = timedelta(days=2), timedelta(days=90)

_THIN_OUT = """
DELETE FROM meterai_stockcheck old
WHERE at < %(days)s OR at < %(minutes)s AND EXISTS (
    SELECT FROM meterai_stockcheck first WHERE first.at >= date_trunc('hour', old.at) AND first.at < old.at)
"""


def look(*, at: datetime) -> StockCheck | None:
    """Note where all serials are and what is left to each seller; open and end LowStock rows.

    None when another worker is looking at this moment. A difference is logged as an error when it changes.
    """
    with transaction.atomic():
        if not _alone():
            return None
        before = newest()
        seen = forecasting.forecasts(at=at)
        low = _note_low(seen, at)
        if before and at < _counted_at(before) + REST * timedelta(seconds=before.seconds):
            counted = {"seconds": before.seconds, "difference": before.difference, "balances": before.balances}
        else:
            counted = _count(at)
            _tell(counted["balances"]["wrong"], before.balances["wrong"] if before else [])
        kept = [asdict(replace(one, is_low=one.reseller_id in low)) for one in seen]
        check = StockCheck.objects.create(at=at, forecasts=kept, **counted)
        _thin_out(at)
    return check


def newest() -> StockCheck | None:
    """What was seen last; None before the first look."""
    return StockCheck.objects.order_by("-at").first()


def sellers(check: StockCheck) -> list[Forecast]:
    """The stock of each seller as it was seen, the official shop first."""
    return [forecasting.read_back(one) for one in check.forecasts]


def counted_ago(check: StockCheck, *, at: datetime) -> timedelta:
    """How old the count of all serials is that a check repeats."""
    return at - _counted_at(check)


def _alone() -> bool:
    """Whether nobody else looks, until the transaction ends. Counting may take longer than statements usually may."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('meterai.watch', 0))")
        return bool(cursor.fetchone()[0])


def _count(at: datetime) -> dict[str, Any]:
    """Conservation: sums over all batches, and in full only the rows that do not balance.

    So a check is as small with ten thousand batches as with ten.
    """
    began = time.monotonic()
    rows = [asdict(row) | {"difference": row.difference, "lost": row.lost} for row in balances()]
    seconds = time.monotonic() - began
    sums = {place: sum(row[place] for row in rows) for place in ("imported", *PLACES)}
    wrong = [row for row in rows if row["lost"]]
    return {
        "seconds": seconds,
        # One lost here and one too many there are two faults, not none.
        "difference": sum(row["lost"] for row in wrong),
        "balances": {"at": at.isoformat(), "sums": sums, "wrong": wrong[:MOST_NAMED]},
    }


def _counted_at(check: StockCheck) -> datetime:
    return datetime.fromisoformat(check.balances["at"])


def _tell(wrong: Sequence[dict[str, Any]], known: Sequence[dict[str, Any]]) -> None:
    now, before = ([(row["batch"], row["difference"]) for row in rows] for rows in (wrong, known))
    if now != before:
        lost = ", ".join(f"{batch}: {difference:+d}" for batch, difference in now)
        log.log(logging.ERROR if now else logging.WARNING, "stock does not balance: %s", lost or "it does again")


def _note_low(seen: Sequence[Forecast], at: datetime) -> set[int | None]:
    """Open and end LowStock rows; returns who is low (None: the official shop)."""
    is_open = set(LowStock.objects.filter(ended_at=None).values_list("reseller_id", flat=True))
    begins = [one for one in seen if one.available < one.threshold and one.reseller_id not in is_open]
    LowStock.objects.bulk_create(
        [
            LowStock(reseller_id=one.reseller_id, threshold=one.threshold, level=one.available, began_at=at)
            for one in begins
        ],
        # Should another worker have opened it meanwhile, low_stock_open_once keeps theirs.
        ignore_conflicts=True,
    )
    still = is_open & {one.reseller_id for one in seen if not _is_well_above(one)}
    for reseller_id in is_open - still:
        LowStock.objects.filter(reseller=reseller_id, ended_at=None).update(ended_at=at)
    return still | {one.reseller_id for one in begins}


def _is_well_above(one: Forecast) -> bool:
    """A tenth above the threshold, so that a level that swings about it is told once."""
    return not one.threshold or one.available * 10 >= one.threshold * 11


def _thin_out(at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_THIN_OUT, {"minutes": at - EVERY_MINUTE, "days": at - EVERY_HOUR})
