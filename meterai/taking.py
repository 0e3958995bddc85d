"""From extent to stamp, and back: the only place that touches extents and the pool.

Each verb is one SQL statement that moves the serials and writes the ledger with it. Callers hold the transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from .models import Reseller


class SoldOut(Exception):
    """Fewer serials are left than were asked for; nothing was taken."""


class NotHeld(Exception):
    """Not every stamp named is in the state that the step leaves; nothing was moved."""


# Functions of the database (migration 0004), whose plans are kept: planning this anew took twice as long as doing it.
_TAKE = "SELECT meterai_take(%(wanted)s, %(reseller)s, %(until)s, %(at)s, %(reference)s)"

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
WITH asked AS (
    SELECT * FROM unnest(%(serials)s::varchar[], %(references)s::varchar[]) AS asked (serial_id, reference)
), freed AS (
    DELETE FROM meterai_stamp stamp USING asked
    WHERE stamp.serial_id = asked.serial_id AND stamp.state = 'reserved'
    RETURNING stamp.serial_id, stamp.batch_id, stamp.reseller_id, asked.reference
), pooled AS (
    INSERT INTO meterai_pooled (serial_id, batch_id, reseller_id, released_at)
    SELECT serial_id, batch_id, reseller_id, %(at)s FROM freed
), noted AS (
    INSERT INTO meterai_movement (at, batch_id, reseller_id, source, target, quantity, reference, actor, reason)
    SELECT %(at)s, batch_id, reseller_id, 'reserved', 'pool', count(*), reference, 'shop', %(reason)s
    FROM freed GROUP BY batch_id, reseller_id, reference
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

_REVOKE = """
WITH moved AS (
    UPDATE meterai_stamp SET state = 'void', changed_at = %(at)s, void_reason = %(reason)s
    WHERE serial_id = ANY(%(serials)s) AND state = 'sold'
    RETURNING serial_id, batch_id, reseller_id
), noted AS (
    INSERT INTO meterai_movement (at, batch_id, reseller_id, source, target, quantity, reference, actor, reason)
    SELECT %(at)s, batch_id, reseller_id, 'sold', 'void', count(*), %(reference)s, 'shop', %(reason)s
    FROM moved GROUP BY batch_id, reseller_id
)
SELECT serial_id FROM moved
"""


def take(*, quantity: int, reseller: Reseller | None, until: datetime, at: datetime, reference: str) -> list[str]:
    """Reserve `quantity` serials of the official shop or of a reseller's lease until `until`; returns the serials.

    Raises SoldOut, with nothing taken, only after having waited for whoever held the rest.
    """
    values = {
        "wanted": quantity,
        "reseller": reseller.pk if reseller else None,
        "until": until,
        "at": at,
        "reference": reference,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, values)
        taken: list[str] = cursor.fetchone()[0]
    if not taken:
        raise SoldOut
    return taken


def take_these(*, serials: Collection[str], until: datetime, at: datetime, reference: str) -> list[str]:
    """Reserve exactly these serials if all are in the pool; raises SoldOut (caller rolls back) if one is gone."""
    taken = _run(_TAKE_THESE, {"serials": list(serials), "until": until, "at": at, "reference": reference})
    if len(taken) != len(set(serials)):
        raise SoldOut
    return taken


def release(*, serials: Collection[str], at: datetime, reference: str, reason: str) -> list[str]:
    """Give reserved serials back to the pool; those no longer RESERVED are left alone. Returns the ones freed."""
    return release_all(held=dict.fromkeys(serials, reference), at=at, reason=reason)


def release_all(*, held: Mapping[str, str], at: datetime, reason: str) -> list[str]:
    """Give back the reserved serials of many orders by one statement: `held` names the reference of each serial."""
    values = {"serials": list(held), "references": list(held.values()), "at": at, "reason": reason}
    return _run(_RELEASE, values)


def sell(*, serials: Collection[str], at: datetime, reference: str) -> None:
    """RESERVED -> SOLD for all of them, or NotHeld."""
    _move(serials, source="reserved", target="sold", at=at, reference=reference, actor="shop")


def affix(*, serial: str, at: datetime, reference: str) -> None:
    """SOLD -> AFFIXED, or NotHeld."""
    _move([serial], source="sold", target="affixed", at=at, reference=reference, actor="sealing")


def refund(*, serials: Collection[str], at: datetime, reference: str, reason: str) -> None:
    """SOLD -> REFUNDED for all of them, or NotHeld."""
    _move(serials, source="sold", target="refunded", at=at, reference=reference, actor="shop", reason=reason)


def revoke(*, serials: Collection[str], at: datetime, reference: str, reason: str) -> None:
    """SOLD -> VOID for all of them, because the money for them was taken back; or NotHeld."""
    values = {"serials": list(serials), "at": at, "reference": reference, "reason": reason}
    with transaction.atomic():
        if len(_run(_REVOKE, values)) != len(set(serials)):
            raise NotHeld(f"sold -> void: not all of {len(set(serials))}")


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
