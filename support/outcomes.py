"""Measured: how buying, paying, affixing, verifying and complaining really ended in the last minutes.

What a step moved is in the book of changes (meterai_flip), read from where the look before left off; tries that moved
nothing are counted by counting.py; what waits is asked for by indexes that hold only what waits. No table is walked.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.timezone import localdate

from meterai import watching
from orders import figures

from . import judging
from .judging import Figures, Verdict
from .models import Component, Day, Health, Incident, Measurement, Outcome, Tally

# Outcomes of the last quarter of an hour; of the last hour where there are too few to judge by.
WINDOWS = (timedelta(minutes=15), timedelta(minutes=60))
# Two publishers on two machines measure once for both.
LEAST_APART = timedelta(seconds=5)
# After a longer silence the time between is nobody's: it was not measured.
MOST_APART = timedelta(seconds=60)
# Of the book of changes no more rows than this are read at once: a thousand a second for most of a minute.
MOST_FLIPS = 50_000
MOST_COUNTED = 10_000
# Stock that was looked at longer ago than this is not known.
OLD_STOCK = timedelta(minutes=10)
KEPT = timedelta(days=2)
HISTORY = timedelta(days=90)
# Seconds that anything may wait before it is late; affixing has a setting of its own.
PAID_WITHIN, TOLD_WITHIN = 300.0, 300.0
# A document given back for its own faults is no failure of the service: these are.
OUR_FAULTS = ("engine", "missing", "unanswered", "would_not_hold")

_NEWEST_FLIP = "SELECT coalesce(max(id), 0) FROM meterai_flip"
_ENDED = """
SELECT noun, old = '', new, count(*) FROM meterai_flip
WHERE id > %(first)s AND id <= %(last)s AND at > %(since)s
  AND noun IN ('orders.order', 'orders.payment', 'stamping.document', 'support.ticket')
  AND (new <> 'failed' OR noun <> 'stamping.document' OR reason = ANY(%(ours)s))
GROUP BY 1, 2, 3
"""
_LATE = """
SELECT count(*) FROM meterai_flip flip JOIN stamping_document document ON document.id = flip.row::uuid
WHERE flip.id > %(first)s AND flip.id <= %(last)s AND flip.at > %(since)s
  AND flip.noun = 'stamping.document' AND flip.new = 'sealed'
  AND document.sealed_at > document.queued_at + %(promise)s * interval '1 second'
"""
_QUEUED = """
SELECT count(*), min(queued_at)
FROM (SELECT queued_at FROM stamping_document WHERE state = 'queued' ORDER BY queued_at LIMIT %(most)s) waiting
"""
_UNTOLD = """
SELECT count(*), min(created_at)
FROM (SELECT created_at FROM orders_notice
      WHERE sent_at IS NULL AND next_try_at IS NOT NULL AND template LIKE 'ticket%%' LIMIT %(most)s) waiting
"""
_MEANT = {
    ("orders.order", True, "pending"): (Component.BUYING, "done"),
    ("orders.payment", False, "paid"): (Component.PAYING, "done"),
    ("orders.payment", False, "failed"): (Component.PAYING, "failed"),
    ("orders.payment", False, "expired"): (Component.PAYING, "ended"),
    ("stamping.document", False, "sealed"): (Component.AFFIXING, "done"),
    ("stamping.document", False, "failed"): (Component.AFFIXING, "failed"),
    ("support.ticket", True, "open"): (Component.COMPLAINING, "done"),
}
# Whose "done" is in the book of changes; verifying moves nothing.
_IN_THE_BOOK = (Component.BUYING, Component.PAYING, Component.AFFIXING, Component.COMPLAINING)
_ADD_TO_DAY = """
INSERT INTO support_day (day, component, normal, slow, disturbed, down, unknown)
SELECT %(day)s, component, (health = 'normal')::int * n, (health = 'slow')::int * n, (health = 'disturbed')::int * n,
       (health = 'down')::int * n, (health = 'unknown')::int * n
FROM unnest(%(components)s::text[], %(healths)s::text[]) told (component, health), (SELECT %(seconds)s::int AS n) span
ORDER BY component
ON CONFLICT (day, component) DO UPDATE SET
    normal = support_day.normal + excluded.normal, slow = support_day.slow + excluded.slow,
    disturbed = support_day.disturbed + excluded.disturbed, down = support_day.down + excluded.down,
    unknown = support_day.unknown + excluded.unknown
"""

Counts = dict[str, dict[str, Any]]


def measure(*, at: datetime) -> Measurement | None:
    """Look at everything once and keep what was seen. Another's look of the last seconds is as good: then that one.

    None when another worker is looking at this moment and nobody ever did before.
    """
    with transaction.atomic():
        if not _alone():
            return newest()
        before = newest()
        if before and at < before.at + LEAST_APART:
            return before
        row = _look(before, at)
        _add_to_day(before, row)
        _thin_out(at)
    return row


def newest() -> Measurement | None:
    """What was seen last."""
    return Measurement.objects.order_by("-at").first()


def _look(before: Measurement | None, at: datetime) -> Measurement:
    seen = _number(_NEWEST_FLIP)
    fresh = before is None or at > before.at + MOST_APART
    mark = max(seen - MOST_FLIPS, 0) if before is None else max(before.seen, before.mark)
    # One look behind: by then whatever was written with a lower number is committed, and none is passed over.
    span = {
        "first": seen - MOST_FLIPS if before is None else max(before.mark, seen - MOST_FLIPS),
        "last": mark,
        "since": at - (MOST_APART if fresh else 2 * MOST_APART),
    }
    counts = _ended(span)
    for component, waits in _waiting(at).items():
        counts[component] |= waits
    verdict = _verdicts(counts, at)
    return Measurement.objects.create(at=at, mark=mark, seen=max(seen, mark), counts=dict(counts), verdict=verdict)


def _ended(span: Mapping[str, Any]) -> Counts:
    """What ended since the look before, by component."""
    counts: Counts = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(_ENDED, {**span, "ours": list(OUR_FAULTS)})
        for noun, is_new, state, n in cursor.fetchall():
            if meant := _MEANT.get((noun, is_new, state)):
                component, name = meant
                counts[component.value][name] = int(n)
    if counts[Component.AFFIXING].get("done"):
        late = _number(_LATE, {**span, "promise": settings.STATUS_SEAL_SECONDS})
        counts[Component.AFFIXING]["slow"] = late
    return counts


def _waiting(at: datetime) -> Counts:
    """What waits at this moment, and for how many seconds the oldest does."""
    stuck, unheard = figures.stuck_payments(at=at), figures.unheard(at=at)
    return {
        Component.PAYING.value: {
            "waiting": stuck.count + unheard.count,
            "oldest": max(stuck.seconds(at=at), unheard.seconds(at=at)),
        },
        Component.AFFIXING.value: _pile(_QUEUED, at),
        Component.COMPLAINING.value: _pile(_UNTOLD, at),
    }


def _pile(sql: str, at: datetime) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"most": MOST_COUNTED})
        n, since = cursor.fetchone()
    return {"waiting": int(n), "oldest": max(0.0, (at - since).total_seconds()) if since else 0.0}


def _verdicts(counts: Counts, at: datetime) -> dict[str, Any]:
    """For each component its health, and the figures it follows from."""
    promises = {
        Component.PAYING: PAID_WITHIN,
        Component.AFFIXING: float(settings.STATUS_SEAL_SECONDS),
        Component.COMPLAINING: TOLD_WITHIN,
    }
    short, wide = (_figures(counts, at, window) for window in WINDOWS)
    sold_out = _is_sold_out(at)
    told: dict[str, Any] = {}
    for component in Component:
        is_short = short[component].tries >= judging.LEAST_TRIES
        seen = (short if is_short else wide)[component]
        verdict = judging.judge(
            seen,
            normal_percent=settings.STATUS_NORMAL_PERCENT,
            promise=promises.get(component, PAID_WITHIN),
            sold_out=component == Component.BUYING and sold_out,
        )
        window = WINDOWS[0] if is_short else WINDOWS[1]
        told[component.value] = {
            "health": verdict.health.value,
            "reasons": [reason.value for reason in verdict.reasons],
            "minutes": int(window.total_seconds()) // 60,
            "success": None if seen.success is None else round(seen.success, 4),
            **asdict(seen),
        }
    return told


def _figures(counts: Counts, at: datetime, window: timedelta) -> dict[Component, Figures]:
    """Sums over a window that ends at `at`, with what waits now."""
    sums: dict[str, Counter[str]] = {component.value: Counter() for component in Component}
    earlier = Measurement.objects.filter(at__gt=at - window, at__lt=at).values_list("counts", flat=True)
    for kept in (*earlier, counts):
        for component, numbers in kept.items():
            sums[component].update({name: n for name, n in numbers.items() if name not in ("waiting", "oldest")})
    tallies = Tally.objects.filter(minute__gt=at - window, minute__lte=at)
    for component, outcome, n in tallies.values_list("component", "outcome", "n"):
        for name in _names(Component(component), Outcome(outcome)):
            sums[component][name] += n
    now = {name: {key: n for key, n in counts.get(name, {}).items() if key in ("waiting", "oldest")} for name in sums}
    return {Component(name): Figures.read_back({**sums[name], **now[name]}) for name in sums}


def _names(component: Component, outcome: Outcome) -> list[str]:
    """Under which names a counted try adds up; a success that is in the book already is not counted twice."""
    if outcome == Outcome.FAILED:
        return ["failed"]
    done = [] if component in _IN_THE_BOOK else ["done"]
    return [*done, "slow"] if outcome == Outcome.SLOW else done


def _is_sold_out(at: datetime) -> bool:
    """Whether the official shop had nothing left when the stock was last looked at."""
    check = watching.newest()
    if check is None or check.at < at - OLD_STOCK:
        return False
    return any(one.reseller_id is None and not one.available for one in watching.sellers(check))


def _add_to_day(before: Measurement | None, row: Measurement) -> None:
    """The time since the look before counts as what was seen now, incidents included."""
    if before is None or row.at > before.at + MOST_APART:
        return
    severe: dict[str, list[str]] = defaultdict(list)
    for components, severity in Incident.objects.filter(ended_at=None).values_list("components", "severity"):
        for component in components:
            severe[component].append(severity)
    healths = {
        name: judging.under(Verdict(Health(told["health"])), severe[name]).health.value
        for name, told in row.verdict.items()
    }
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD_TO_DAY,
            {
                "day": localdate(row.at),
                "components": list(healths),
                "healths": list(healths.values()),
                "seconds": round((row.at - before.at).total_seconds()),
            },
        )


def _thin_out(at: datetime) -> None:
    Measurement.objects.filter(at__lt=at - KEPT).delete()
    Tally.objects.filter(minute__lt=at - KEPT).delete()
    Day.objects.filter(day__lt=localdate(at - HISTORY)).delete()


def _alone() -> bool:
    """Whether nobody else measures, until the transaction ends. A look that takes long tells nothing any more."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '5s'")
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('support.outcomes', 0))")
        return bool(cursor.fetchone()[0])


def _number(sql: str, values: Mapping[str, Any] | None = None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.fetchone()[0])
