"""What a room leaves behind every few seconds, and promise against outcome by the minute."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Sum

from .models import Mark, Outcome, Room, Strip
from .rooms import estimate, tickets

# Marks this old are thinned out to one a minute; these so old go. Nobody's ticket lives longer.
THINNED, KEPT = timedelta(hours=1), tickets.LIFETIME + timedelta(hours=1)
FEW_PROMISES = 20

_COUNT = """
INSERT INTO orders_outcome (room_id, minute, inside, early, late, unpromised)
SELECT %(room)s, %(minute)s,
       count(*) FILTER (WHERE waited BETWEEN promised_low - %(slack)s AND promised_high + %(slack)s),
       count(*) FILTER (WHERE waited < promised_low - %(slack)s),
       count(*) FILTER (WHERE waited > promised_high + %(slack)s),
       count(*) FILTER (WHERE promised_high IS NULL)
FROM (SELECT promised_low, promised_high, extract(epoch FROM called_at - joined_at) / 60 AS waited
      FROM orders_shoppass
      WHERE room_id = %(room)s AND turn = 1 AND number IS NOT NULL
        AND entered_at >= %(minute)s AND entered_at < %(next)s) entered
HAVING count(*) > 0
ON CONFLICT DO NOTHING
"""
_THIN = """
DELETE FROM orders_mark
WHERE room_id = %(room)s AND (at < %(gone)s OR at < %(thinned)s AND at > %(done)s AND id NOT IN (
    SELECT min(id) FROM orders_mark WHERE room_id = %(room)s AND at < %(thinned)s AND at > %(done)s
    GROUP BY date_trunc('minute', at)))
"""


def count_outcomes(*, room: Room, minute: datetime) -> None:
    """Count those who entered in this minute (its beginning), once."""
    values: dict[str, Any] = {
        "room": room.pk,
        "minute": minute,
        "next": minute + timedelta(minutes=1),
        "slack": estimate.SLACK,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, values)


def kept_percent(*, room: Room, at: datetime) -> int:
    """Of the promises of the last hour, how many were kept, in percent; -1 when there were too few to say."""
    hour = Outcome.objects.filter(room=room, minute__gt=at - timedelta(hours=1))
    sums = hour.aggregate(inside=Sum("inside"), early=Sum("early"), late=Sum("late"))
    total = sum(value or 0 for value in sums.values())
    return int(100 * sums["inside"] / total) if total >= FEW_PROMISES else -1


def thin_out(*, room: Room, at: datetime) -> None:
    """Drop what nobody needs any more: old marks, and strips older than any ticket."""
    values: dict[str, Any] = {
        "room": room.pk,
        "gone": at - KEPT,
        "thinned": at - THINNED,
        "done": at - THINNED - timedelta(hours=1),
    }
    with connection.cursor() as cursor:
        cursor.execute(_THIN, values)
    Strip.objects.filter(room=room, until__lt=at - KEPT).delete()


def recent(*, room: Room, since: datetime) -> list[Mark]:
    """The marks since then, oldest first."""
    return list(Mark.objects.filter(room=room, at__gte=since).order_by("at"))
