"""Withdrawn: the statements of a recall, each over the ordinals `first` to `last` of its batch.

Callers hold the transaction and keep others from moving stock meanwhile (see `recalling`).
"""

from typing import Any

from django.db import connection

from .models import Recall

# Seller (None: the official shop) and how many became VOID.
Counts = list[tuple[int | None, int]]

# In place of `{inside}`, unless it is the whole batch. Looked up one by one: those that came back, wait for money or
# are gone are few beside the batch, and a join would read all of it.
_INSIDE = "AND (SELECT ordinal FROM meterai_serial WHERE code = serial_id) BETWEEN %(first)s AND %(last)s"
_GONE = """
SELECT (SELECT coalesce(sum(least(past, %(past)s) - greatest(first, %(first)s)), 0) FROM meterai_withdrawn
        WHERE batch_id = %(batch)s AND first < %(past)s AND past > %(first)s)
     + (SELECT count(*) FROM meterai_stamp WHERE batch_id = %(batch)s AND state IN ('refunded', 'void') {inside})
"""
_STANDING = """
SELECT (SELECT coalesce(sum(least("end", %(past)s) - greatest(next, %(first)s)), 0) FROM meterai_extent
        WHERE batch_id = %(batch)s AND next < %(past)s AND "end" > %(first)s),
       (SELECT count(*) FROM meterai_pooled WHERE batch_id = %(batch)s {inside}),
       (SELECT count(*) FROM meterai_stamp WHERE batch_id = %(batch)s AND state = 'reserved' {inside}),
       ({gone})
"""

# Locked in the order of keys, as a sale's own statement mostly does: then neither waits for the other in turn.
_FROM_ORDERS = """
WITH held AS (
    SELECT serial_id FROM meterai_stamp WHERE batch_id = %(batch)s AND state = 'reserved' {inside}
    ORDER BY serial_id FOR NO KEY UPDATE
), void AS (
    UPDATE meterai_stamp stamp
    SET state = 'void', reserved_until = NULL, changed_at = %(at)s, void_reason = %(reason)s
    FROM held WHERE stamp.serial_id = held.serial_id
    RETURNING stamp.reseller_id
)
SELECT reseller_id, count(*) FROM void GROUP BY reseller_id
"""

# What of an extent lies outside the range stays, as one extent or two.
_FROM_EXTENTS = """
WITH cut AS (
    DELETE FROM meterai_extent WHERE batch_id = %(batch)s AND next < %(past)s AND "end" > %(first)s
    RETURNING reseller_id, next, "end"
), kept AS (
    INSERT INTO meterai_extent (batch_id, reseller_id, next, "end")
    SELECT %(batch)s, reseller_id, next, %(first)s FROM cut WHERE next < %(first)s
    UNION ALL
    SELECT %(batch)s, reseller_id, %(past)s, "end" FROM cut WHERE "end" > %(past)s
), withdrawn AS (
    INSERT INTO meterai_withdrawn (recall_id, batch_id, reseller_id, first, past)
    SELECT %(recall)s, %(batch)s, reseller_id, greatest(next, %(first)s), least("end", %(past)s) FROM cut
    WHERE next < "end"
    RETURNING reseller_id, past - first AS quantity
)
SELECT reseller_id, sum(quantity) FROM withdrawn GROUP BY reseller_id
"""

_FROM_POOL = """
WITH gone AS (
    DELETE FROM meterai_pooled WHERE batch_id = %(batch)s {inside} RETURNING serial_id, reseller_id
), void AS (
    INSERT INTO meterai_stamp (serial_id, batch_id, reseller_id, state, reserved_until, changed_at, void_reason)
    SELECT serial_id, %(batch)s, reseller_id, 'void', NULL, %(at)s, %(reason)s FROM gone
)
SELECT reseller_id, count(*) FROM gone GROUP BY reseller_id
"""


def from_orders(recall: Recall) -> Counts:
    """RESERVED -> VOID; waits for whoever is paying for such a stamp at this moment."""
    return _run(_FROM_ORDERS, recall)


def from_extents(recall: Recall) -> Counts:
    """What nobody has taken becomes a Withdrawn range, a row an extent."""
    return [(seller, int(count)) for seller, count in _run(_FROM_EXTENTS, recall)]


def from_pool(recall: Recall) -> Counts:
    """What came back becomes a Stamp that is VOID."""
    return _run(_FROM_POOL, recall)


def gone(recall: Recall) -> int:
    """What of the range is withdrawn, void or refunded."""
    return int(_run(_GONE, recall)[0][0])


def standing(recall: Recall) -> tuple[int, int, int, int]:
    """What of the range is in extents, in the pool, reserved, and gone, at one moment."""
    [(unsold, pooled, reserved, gone)] = _run(_STANDING.replace("{gone}", _GONE), recall)
    return int(unsold), pooled, reserved, int(gone)


def is_whole(recall: Recall) -> bool:
    """Whether it is of the whole batch."""
    return (recall.first, recall.last) == (1, recall.batch.count)


def _run(statement: str, recall: Recall) -> list[Any]:
    values: dict[str, Any] = {
        "recall": recall.pk,
        "batch": recall.batch_id,
        "first": recall.first,
        "last": recall.last,
        "past": recall.last + 1,
        "at": recall.at,
        "reason": recall.reason,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement.format(inside="" if is_whole(recall) else _INSIDE), values)
        return cursor.fetchall()
