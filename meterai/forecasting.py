"""How long each seller's stock lasts, at the rate of its last hours."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .conserving import stock_levels
from .models import Reseller

TEN_MINUTES, HOUR, THREE_HOURS = timedelta(minutes=10), timedelta(hours=1), timedelta(hours=3)
# Fewer in ten minutes say nothing about an hour: a single order may be for fifty.
RUSH = 100
# Beyond this many hours a forecast is a guess.
FAR = 30 * 24

# Only the end of the book is read: its block ranges are summarised by time (index movement_at).
_SOLD = """
SELECT reseller_id,
       coalesce(sum(quantity) FILTER (WHERE at > %(ten_minutes)s), 0),
       coalesce(sum(quantity) FILTER (WHERE at > %(hour)s), 0),
       sum(quantity)
FROM meterai_movement
WHERE at > %(three_hours)s AND at <= %(at)s AND target = 'sold'
GROUP BY reseller_id
"""

# Those that have a deadline are in an index of their own (stamp_expiring), however many were sold.
_RESERVED = "SELECT reseller_id, count(*) FROM meterai_stamp WHERE state = 'reserved' GROUP BY reseller_id"


@dataclass(frozen=True)
class Forecast:
    """The stock of one seller at a moment, in pieces, and what was sold of it until then."""

    # None, "" and "" for the official shop.
    reseller_id: int | None
    code: str
    name: str
    available: int
    reserved: int
    sold_ten_minutes: int
    sold_hour: int
    sold_three_hours: int
    # Below it the seller and staff are told; 0: never.
    threshold: int
    # A LowStock row is open; it stays open until the stock is well above the threshold (see watching).
    is_low: bool = False

    @property
    def per_hour(self) -> float:
        """Sold an hour: the largest of the rates, so that a rush shows at once."""
        rush = self.sold_ten_minutes * (HOUR / TEN_MINUTES) if self.sold_ten_minutes >= RUSH else 0.0
        return max(rush, float(self.sold_hour), self.sold_three_hours * (HOUR / THREE_HOURS))

    @property
    def hours_left(self) -> float | None:
        """Until nothing is available at this rate; None while nothing is sold."""
        return self.available / self.per_hour if self.per_hour else None

    def ends_at(self, at: datetime) -> datetime | None:
        """When nothing is left, for a forecast made at `at`; None when nothing is sold, or that is too far away."""
        hours = self.hours_left
        return None if hours is None or hours > FAR else at + timedelta(hours=hours)

    def in_words(self) -> str:
        """How long it lasts, as a person reads it."""
        hours = self.hours_left
        if not self.available:
            return _("habis")
        if hours is None:
            return _("tidak ada penjualan")
        if hours > FAR:
            return _("lebih dari 30 hari")
        if hours >= 48:
            return ngettext("kira-kira %(n)s hari", "kira-kira %(n)s hari", round(hours / 24)) % {
                "n": round(hours / 24)
            }
        if hours >= 2:
            return ngettext("kira-kira %(n)s jam", "kira-kira %(n)s jam", round(hours)) % {"n": round(hours)}
        minutes = max(1, round(hours * 60))
        return ngettext("kira-kira %(n)s menit", "kira-kira %(n)s menit", minutes) % {"n": minutes}


def forecasts(*, at: datetime) -> list[Forecast]:
    """For the official shop first, then for every reseller that is active or still holds stock, by name."""
    levels, reserved, sold = stock_levels(), _reserved(), _sold(at)

    def of(seller: Reseller | None) -> Forecast:
        key = seller.pk if seller else None
        return Forecast(
            key,
            seller.code if seller else "",
            seller.name if seller else "",
            levels.get(key, 0),
            reserved.get(key, 0),
            *sold.get(key, (0, 0, 0)),
            threshold=_threshold(seller),
        )

    resellers = [one for one in Reseller.objects.all() if one.is_active or one.pk in levels or one.pk in reserved]
    return [of(seller) for seller in (None, *resellers)]


def read_back(kept: Mapping[str, Any]) -> Forecast:
    """A forecast from its fields as they were kept; what an older release did not keep is zero."""
    nothing = {"reseller_id": None, "code": "", "name": "", "is_low": False}
    return Forecast(**{one.name: kept.get(one.name, nothing.get(one.name, 0)) for one in fields(Forecast)})


def _threshold(seller: Reseller | None) -> int:
    if seller is None:
        return int(settings.LOW_STOCK_THRESHOLD)
    return seller.low_stock_threshold if seller.is_active else 0


def _reserved() -> dict[int | None, int]:
    with connection.cursor() as cursor:
        cursor.execute(_RESERVED)
        return dict(cursor.fetchall())


def _sold(at: datetime) -> dict[int | None, tuple[int, int, int]]:
    since = {"ten_minutes": at - TEN_MINUTES, "hour": at - HOUR, "three_hours": at - THREE_HOURS}
    with connection.cursor() as cursor:
        cursor.execute(_SOLD, since | {"at": at})
        return {row[0]: (int(row[1]), int(row[2]), int(row[3])) for row in cursor.fetchall()}
