"""From extent to stamp, and back: the only place that touches extents and the pool.

Each verb is one SQL statement that moves the serials and writes the ledger with it. Callers hold the transaction.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from .models import Reseller


class SoldOut(Exception):
    """Fewer serials are left than were asked for; nothing was taken."""


class NotHeld(Exception):
    """Not every stamp named is in the state that the step leaves; nothing was moved."""


class _LookAgain(Exception):
    """Under SKIP LOCKED "none left" only means that somebody holds the rest just now."""


# Lanes: connections begin their search at different extents, or all of them would step over the same locked ones.
_TAKE = """
WITH pooled AS (
    DELETE FROM meterai_pooled WHERE serial_id IN (
        SELECT serial_id FROM meterai_pooled WHERE reseller_id IS NOT DISTINCT FROM %(reseller)s
        LIMIT %(wanted)s FOR UPDATE SKIP LOCKED)
    RETURNING serial_id, batch_id
), missing AS (
    SELECT %(wanted)s - count(*) AS n FROM pooled
), chosen AS (
    SELECT id, least("end" - next, (SELECT n FROM missing), 1000) AS n FROM meterai_extent
    WHERE reseller_id IS NOT DISTINCT FROM %(reseller)s AND next < "end" AND (SELECT n FROM missing) > 0
      AND (NOT %(own_lane)s OR id %% 16 = pg_backend_pid() %% 16)
    LIMIT 1 FOR UPDATE SKIP LOCKED
), moved AS (
    UPDATE meterai_extent e SET next = e.next + chosen.n FROM chosen WHERE e.id = chosen.id
    RETURNING e.batch_id, e.next - chosen.n AS first, e.next AS past
), taken AS (
    SELECT serial_id, batch_id, 'pool' AS source FROM pooled
    UNION ALL
    SELECT s.code, s.batch_id, 'extents' FROM moved CROSS JOIN LATERAL (
        -- The limit (never above what `chosen` takes) tells the planner how few rows these are; without it the
        -- estimate grows with the batch, and a parameter here would have the statement planned anew each time.
        SELECT code, batch_id FROM meterai_serial
        WHERE batch_id = moved.batch_id AND ordinal >= moved.first AND ordinal < moved.past
        ORDER BY ordinal LIMIT 1000) s
), held AS (
    INSERT INTO meterai_stamp (serial_id, batch_id, reseller_id, state, reserved_until, changed_at, void_reason)
    SELECT serial_id, batch_id, %(reseller)s, 'reserved', %(until)s, %(at)s, '' FROM taken
), noted AS (
    INSERT INTO meterai_movement (at, batch_id, reseller_id, source, target, quantity, reference, actor, reason)
    SELECT %(at)s, batch_id, %(reseller)s, source, 'reserved', count(*), %(reference)s, 'shop', ''
    FROM taken GROUP BY batch_id, source
)
SELECT serial_id FROM taken
"""

_TAKE_THESE = """
WITH taken AS (
    DELETE FROM meterai_pooled WHERE serial_id = ANY(%(serials)s) RETURNING serial_id, batch_id, reseller_id
), held AS (
    INSERT INTO meterai_stamp (serial_id, batch_id, reseller_id, state, reserved_until, changed_at, void_reason)
    SELECT serial_id, batch_id, reseller_id, 'reserved', %(until)s, %(at)s, '' FROM taken
), noted AS (
    INSERT INTO meterai_movement (at, batch_id, reseller_id, source, target, quantity, reference, actor, reason)
    SELECT %(at)s, batch_id, reseller_id, 'pool', 'reserved', count(*), %(reference)s, 'shop', ''
    FROM taken GROUP BY batch_id, reseller_id
)
SELECT serial_id FROM taken
"""

_RELEASE = """
WITH freed AS (
    DELETE FROM meterai_stamp WHERE serial_id = ANY(%(serials)s) AND state = 'reserved'
    RETURNING serial_id, batch_id, reseller_id
), pooled AS (
    INSERT INTO meterai_pooled (serial_id, batch_id, reseller_id, released_at)
    SELECT serial_id, batch_id, reseller_id, %(at)s FROM freed
), noted AS (
    INSERT INTO meterai_movement (at, batch_id, reseller_id, source, target, quantity, reference, actor, reason)
    SELECT %(at)s, batch_id, reseller_id, 'reserved', 'pool', count(*), %(reference)s, 'shop', %(reason)s
    FROM freed GROUP BY batch_id, reseller_id
)
SELECT serial_id FROM freed
"""

_MOVE = """
WITH moved AS (
    UPDATE meterai_stamp SET state = %(target)s, reserved_until = NULL, changed_at = %(at)s
    WHERE serial_id = ANY(%(serials)s) AND state = %(source)s
    RETURNING serial_id, batch_id, reseller_id
), noted AS (
    INSERT INTO meterai_movement (at, batch_id, reseller_id, source, target, quantity, reference, actor, reason)
    SELECT %(at)s, batch_id, reseller_id, %(source)s, %(target)s, count(*), %(reference)s, %(actor)s, %(reason)s
    FROM moved GROUP BY batch_id, reseller_id
)
SELECT serial_id FROM moved
"""

# In key order, so that two that wait never wait for each other; who draws under SKIP LOCKED never waits.
_WAIT_FOR_POOL = """
SELECT serial_id FROM meterai_pooled WHERE reseller_id IS NOT DISTINCT FROM %(reseller)s
ORDER BY serial_id LIMIT %(wanted)s FOR UPDATE
"""
_WAIT_FOR_EXTENTS = """
SELECT id FROM meterai_extent WHERE reseller_id IS NOT DISTINCT FROM %(reseller)s AND next < "end"
ORDER BY id FOR UPDATE
"""


def take(*, quantity: int, reseller: Reseller | None, until: datetime, at: datetime, reference: str) -> list[str]:
    """Reserve `quantity` serials of the official shop or of a reseller's lease until `until`; returns the serials.

    Raises SoldOut, with nothing taken, only after having waited for whoever held the rest.
    """
    values: dict[str, Any] = {
        "reseller": reseller.pk if reseller else None,
        "until": until,
        "at": at,
        "reference": reference,
    }
    try:
        with transaction.atomic():
            return _draw(quantity, values)
    except _LookAgain:
        pass
    try:
        with transaction.atomic():
            _run(_WAIT_FOR_POOL, values | {"wanted": quantity})
            _run(_WAIT_FOR_EXTENTS, values)
            return _draw(quantity, values)
    except _LookAgain:
        raise SoldOut from None


def take_these(*, serials: Collection[str], until: datetime, at: datetime, reference: str) -> list[str]:
    """Reserve exactly these serials if all are in the pool; raises SoldOut (caller rolls back) if one is gone."""
    taken = _run(_TAKE_THESE, {"serials": list(serials), "until": until, "at": at, "reference": reference})
    if len(taken) != len(set(serials)):
        raise SoldOut
    return taken


def release(*, serials: Collection[str], at: datetime, reference: str, reason: str) -> list[str]:
    """Give reserved serials back to the pool; those no longer RESERVED are left alone. Returns the ones freed."""
    return _run(_RELEASE, {"serials": list(serials), "at": at, "reference": reference, "reason": reason})


def sell(*, serials: Collection[str], at: datetime, reference: str) -> None:
    """RESERVED -> SOLD for all of them, or NotHeld."""
    _move(serials, source="reserved", target="sold", at=at, reference=reference, actor="shop")


def affix(*, serial: str, at: datetime, reference: str) -> None:
    """SOLD -> AFFIXED, or NotHeld."""
    _move([serial], source="sold", target="affixed", at=at, reference=reference, actor="sealing")


def refund(*, serials: Collection[str], at: datetime, reference: str, reason: str) -> None:
    """SOLD -> REFUNDED for all of them, or NotHeld."""
    _move(serials, source="sold", target="refunded", at=at, reference=reference, actor="shop", reason=reason)


def _draw(quantity: int, values: dict[str, Any]) -> list[str]:
    taken: list[str] = []
    while len(taken) < quantity:
        wanted = values | {"wanted": quantity - len(taken)}
        more = _run(_TAKE, wanted | {"own_lane": True}) or _run(_TAKE, wanted | {"own_lane": False})
        if not more:
            raise _LookAgain
        taken += more
    return taken


def _move(
    serials: Collection[str], *, source: str, target: str, at: datetime, reference: str, actor: str, reason: str = ""
) -> None:
    values = {"source": source, "target": target, "at": at, "reference": reference, "actor": actor, "reason": reason}
    with transaction.atomic():
        moved = _run(_MOVE, values | {"serials": list(serials)})
        if len(moved) != len(set(serials)):
            raise NotHeld(f"{source} -> {target}: {len(moved)} of {len(set(serials))}")


def _run(statement: str, values: dict[str, Any]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: Sequence[tuple[str]] = cursor.fetchall()
    return [row[0] for row in rows]
