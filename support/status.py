"""The state of the service as one document: what the pages, the feeds, /status.json and the banner are written from.

It is read from the newest measurement, and read back from disk where the database does not answer.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.timezone import localdate

from meterai import watching
from meterai.forecasting import Forecast
from meterai.models import Outlet, Reseller
from orders.models import Room

from . import incidents, judging, outcomes
from .judging import Verdict
from .models import Component, Day, Health, Measurement, Recovery

DAYS = 90
MOST_INCIDENTS = 50
FILE, OUTLETS_FILE = "status.json", "outlets.json"
# A measurement older than this is no measurement.
OLD = timedelta(minutes=2)
# Outlets seldom change, and there are thousands.
OUTLETS_EVERY = timedelta(minutes=1)
# Stock that lasts less long than this is called low, whatever its threshold.
LOW_HOURS = 2.0
# One letter a day, so that ninety days are ninety characters.
LETTERS = {
    Health.NORMAL: "n",
    Health.SLOW: "s",
    Health.DISTURBED: "t",
    Health.DOWN: "d",
    Health.UNKNOWN: "u",
}
# From so large a share of a day on a day is called by it.
_SHARES = ((Health.DOWN, 0.01), (Health.DISTURBED, 0.01), (Health.SLOW, 0.05))
_BANDS = (1000, 100, 10, 1)

Document = dict[str, Any]


def gather(*, at: datetime) -> Document:
    """Measure, and say how everything stands. Raises DatabaseError where the database does not answer."""
    measured = outcomes.measure(at=at)
    told = incidents.as_told(at=at, days=DAYS, limit=MOST_INCIDENTS)
    recovery = Recovery.objects.filter(ended_at=None).first()
    return {
        "version": 1,
        "written_at": at.isoformat(),
        "measured_at": measured.at.isoformat() if measured else None,
        "trouble": None,
        "components": _components(measured, told, at),
        "incidents": told,
        "sellers": _sellers(at),
        "rooms": _rooms(),
        "recovery": {"stage": recovery.state, "share": recovery.share} if recovery else None,
    }


def silent(*, last: Document | None, at: datetime) -> Document:
    """The database does not answer: nothing was measured, and nothing is called normal. Incidents and days stay."""
    known = last or nothing(at=at)
    since = (known["trouble"] or {}).get("since") or at.isoformat()
    unknown: Document = {
        "health": Health.UNKNOWN.value,
        "reasons": [],
        "success": None,
        "tries": 0,
        "waiting": 0,
        "oldest": 0,
    }
    return known | {
        "written_at": at.isoformat(),
        "trouble": {"kind": "database", "since": since},
        "components": [one | unknown for one in known["components"]],
        "sellers": [one | {"stock": "unknown", "sold": None} for one in known["sellers"]],
        "rooms": [],
    }


def nothing(*, at: datetime) -> Document:
    """Before anything was ever measured."""
    return {
        "version": 1,
        "written_at": at.isoformat(),
        "measured_at": None,
        "trouble": None,
        "components": _components(None, [], at, history={}),
        "incidents": [],
        "sellers": [],
        "rooms": [],
        "recovery": None,
    }


def outlets(*, at: datetime) -> Document:
    """Every active reseller's open outlets, and its shop."""
    rows = Outlet.objects.filter(is_active=True, reseller__is_active=True).select_related("reseller")
    listed = [
        {
            "reseller": one.reseller.code,
            "name": one.name,
            "address": one.address,
            "city": one.city,
            "province": one.province,
            "hours": one.opening_hours,
        }
        for one in rows.order_by("province", "city", "name")
    ]
    return {"version": 1, "written_at": at.isoformat(), "outlets": listed}


def current() -> Document | None:
    """The document as it was last written to disk, by whichever process; None before the first. No query."""
    return read(FILE)


def read(name: str) -> Document | None:
    """A JSON file of PUBLIC_ROOT; None where there is none, or none that can be read. Parsed once a version."""
    path = Path(settings.PUBLIC_ROOT) / name
    try:
        facts = path.stat()
        return _parsed(path, facts.st_mtime_ns, facts.st_ino)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=8)
def _parsed(path: Path, changed: int, number: int) -> Document:
    found: Document = json.loads(path.read_bytes())
    return found


def _components(
    measured: Measurement | None,
    told: list[dict[str, Any]],
    at: datetime,
    history: Mapping[str, list[Day]] | None = None,
) -> list[dict[str, Any]]:
    is_fresh = measured is not None and measured.at > at - OLD
    days = _history(at) if history is None else history
    return [_component(one, measured if is_fresh else None, told, days.get(one, []), at) for one in Component]


def _component(
    component: Component, measured: Measurement | None, told: list[dict[str, Any]], days: list[Day], at: datetime
) -> dict[str, Any]:
    seen: dict[str, Any] = measured.verdict.get(component.value, {}) if measured else {}
    own = [one for one in told if component in one["components"] and not one["ended_at"]]
    reasons = tuple(judging.Reason(code) for code in seen.get("reasons", []))
    verdict = judging.under(
        Verdict(Health(seen.get("health", Health.UNKNOWN)), reasons), (one["severity"] for one in own)
    )
    return {
        "name": component.value,
        "health": verdict.health.value,
        "reasons": [reason.value for reason in verdict.reasons],
        "success": seen.get("success"),
        "tries": seen.get("done", 0) + seen.get("failed", 0),
        "minutes": seen.get("minutes", 0),
        "waiting": seen.get("waiting", 0),
        "oldest": round(seen.get("oldest", 0)),
        "incidents": [one["code"] for one in own],
        "days": _letters(days, at),
        "uptime": _uptime(days),
    }


def _history(at: datetime) -> Mapping[str, list[Day]]:
    found: dict[str, list[Day]] = defaultdict(list)
    for row in Day.objects.filter(day__gt=localdate(at) - timedelta(days=DAYS)):
        found[row.component].append(row)
    return found


def _letters(days: list[Day], at: datetime) -> str:
    """A letter for each of the last days, the oldest first."""
    by_day: dict[date, Day] = {row.day: row for row in days}
    today = localdate(at)
    return "".join(LETTERS[_of_day(by_day.get(today - timedelta(days=ago)))] for ago in reversed(range(DAYS)))


def _of_day(row: Day | None) -> Health:
    """What a day is called: the worst that filled more than a sliver of what was measured of it."""
    measured = row.normal + row.slow + row.disturbed + row.down if row else 0
    if row is None or not measured:
        return Health.UNKNOWN
    so_far = 0
    for health, share in _SHARES:
        so_far += getattr(row, health.value)
        if so_far >= share * measured and so_far:
            return health
    return Health.NORMAL


def _uptime(days: list[Day]) -> float | None:
    """The share of measured seconds in which it ran, normal or slow; None where nothing was measured."""
    ran = sum(row.normal + row.slow for row in days)
    measured = ran + sum(row.disturbed + row.down for row in days)
    return round(ran / measured, 5) if measured else None


def _rooms() -> list[dict[str, Any]]:
    """The waiting rooms before shops, with how many wait as the ticker last counted them."""
    rooms = Room.objects.filter(is_door=True).order_by("slug")
    return [
        {"slug": one.slug, "name": one.name, "state": one.state, "waiting": int(one.figures.get("waiting", 0))}
        for one in rooms
    ]


def _sellers(at: datetime) -> list[dict[str, Any]]:
    """The official shop and the active resellers: stock and sales of the last hour in words, from the newest check."""
    check = watching.newest()
    is_known = check is not None and check.at > at - outcomes.OLD_STOCK
    seen = {one.reseller_id: one for one in watching.sellers(check)} if check and is_known else {}
    shop = _seller("", "", "", seen.get(None), is_demo=False)
    resellers = Reseller.objects.filter(is_active=True)
    return [
        shop,
        *(_seller(one.code, one.name, one.website, seen.get(one.pk), is_demo=one.is_demo) for one in resellers),
    ]


def _seller(code: str, name: str, website: str, seen: Forecast | None, *, is_demo: bool) -> dict[str, Any]:
    """`sold`: at least so many stamps in the last hour (0, 1, 10, 100, 1000); None where it is not known."""
    sold = None if seen is None else next((band for band in _BANDS if seen.sold_hour >= band), 0)
    return {"code": code, "name": name, "website": website, "is_demo": is_demo, "stock": _stock(seen), "sold": sold}


def _stock(seen: Forecast | None) -> str:
    if seen is None:
        return "unknown"
    if not seen.available:
        return "none"
    ends_soon = seen.hours_left is not None and seen.hours_left < LOW_HOURS
    return "low" if seen.is_low or ends_soon else "plenty"
