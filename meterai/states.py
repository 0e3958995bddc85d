"""The one guarded way to move a row from state to state.

Each noun writes its states and arrows once, beside its enum. A move is an UPDATE that names the state it leaves; zero
rows means that somebody else was first. The same arrows are held by a trigger (see `arrows.py`), and every move leaves
a `Flip` row in the same transaction.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Model

from .models import Flip

_MOVE_ALL = """
WITH moved AS (
    UPDATE {table} SET state = %(new)s WHERE {key} = ANY(%(keys)s) AND state = %(old)s RETURNING {key}
)
INSERT INTO meterai_flip (noun, row, old, new, at, reason, actor)
SELECT %(noun)s, {key}::text, %(old)s, %(new)s, %(at)s, %(reason)s, %(actor)s FROM moved
"""


class NoSuchArrow(Exception):
    """The state that a row is in has no arrow to the state asked for."""


class MovedMeanwhile(Exception):
    """The row was no longer in the state it was read in: somebody else moved it first."""


def move(row: Any, *, to: str, at: datetime, reason: str = "", actor: str = "", **changes: Any) -> None:
    """Move `row` to the state `to` and set `changes` with it, or raise and leave everything as it was.

    `actor` names who did it (a user name, or a step such as "sweeper"); `reason` says why, without personal data.
    Raises NoSuchArrow, MovedMeanwhile.
    """
    old = str(row.state)
    if not may(row, to):
        raise NoSuchArrow(f"{row._meta.label}: {old} -> {to}")
    with transaction.atomic():
        moved = type(row).objects.filter(pk=row.pk, state=old).update(state=to, **changes)
        if not moved:
            raise MovedMeanwhile(f"{row._meta.label} is no longer {old}")
        note(row, old=old, new=to, at=at, reason=reason, actor=actor)
    row.state = to
    for name, value in changes.items():
        setattr(row, name, value)


def move_all(
    model: Any, *, keys: Sequence[Any], old: str, to: str, at: datetime, reason: str = "", actor: str = ""
) -> None:
    """Move the rows with these keys from `old` to `to` by one statement, with a Flip for each. All or none.

    Raises NoSuchArrow, MovedMeanwhile (never when the caller holds the rows' locks).
    """
    if to not in model.ARROWS.get(old, frozenset()):
        raise NoSuchArrow(f"{model._meta.label}: {old} -> {to}")
    values = {"keys": list(keys), "noun": model._meta.label_lower, "old": str(old), "new": str(to)}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            _MOVE_ALL.format(table=connection.ops.quote_name(model._meta.db_table), key=model._meta.pk.column),
            values | {"at": at, "reason": reason, "actor": actor},
        )
        if cursor.rowcount != len(keys):
            raise MovedMeanwhile(f"{len(keys) - cursor.rowcount} of {len(keys)} {model._meta.label} moved meanwhile")


def may(row: Any, to: str) -> bool:
    """Whether there is an arrow from the row's state to `to`."""
    return to in row.ARROWS.get(str(row.state), frozenset())


def note(row: Model, *, old: str, new: str, at: datetime, reason: str = "", actor: str = "") -> None:
    """Leave the row that says a state changed; also for a beginning (`old` empty)."""
    Flip.objects.create(
        noun=row._meta.label_lower, row=str(row.pk), old=old, new=str(new), at=at, reason=reason, actor=actor
    )
