"""Numbers for who joins: torn off the room's row in strips, given out from memory. One statement a strip."""

import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from .models import Room
from .pulse import pulse
from .rooms import strips

# One guarded statement: the numbers are ours from its commit on, whatever becomes of Valkey or of this process.
_TEAR = """
WITH room AS (
    UPDATE orders_room SET next_number = next_number + %(size)s
    WHERE slug = %(slug)s AND state IN ('prequeue', 'queueing')
    RETURNING id, state, next_number - %(size)s AS first
), before AS (
    UPDATE orders_strip SET used = %(used)s WHERE id = %(last)s AND coalesce(used, 0) <= %(used)s
)
INSERT INTO orders_strip (room_id, first, size, holder, taken_at, until)
SELECT id, first, %(size)s, %(holder)s, %(at)s, %(until)s FROM room
RETURNING id, first, (SELECT state FROM room)
"""


class NotTaking(Exception):
    """The room gives out no numbers now: it is open, closed or drained."""


@dataclass
class _Held:
    pk: int
    first: int
    size: int
    until: float  # on the monotonic clock
    taken: float
    is_prequeue: bool
    used: int = 0


@dataclass
class Roll:
    """One process's strips of one room."""

    slug: str
    holder: str = field(default_factory=lambda: uuid.uuid4().hex)
    _held: _Held | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> tuple[int, bool]:
        """(a number nobody else has, whether it takes part in the draw). Raises NotTaking."""
        with self._lock:
            held = self._held
            if held is None or held.used >= held.size or time.monotonic() >= held.until:
                held = self._held = self._tear(held)
            number = held.first + held.used
            held.used += 1
            pulse.gave(held.pk, held.used)
            return number, held.is_prequeue

    def _tear(self, last: _Held | None) -> _Held:
        began = time.monotonic()
        at = datetime.now(UTC)
        size = strips.SHORTEST
        if last is not None and began < last.until + strips.SECONDS:
            size = strips.next_size(size=last.size, used=last.used, seconds=began - last.taken)
        values: dict[str, Any] = {
            "slug": self.slug,
            "size": size,
            "used": last.used if last else 0,
            "last": last.pk if last else 0,
            "holder": self.holder,
            "at": at,
            "until": at + timedelta(seconds=strips.SECONDS),
        }
        with connection.cursor() as cursor:
            cursor.execute(_TEAR, values)
            row = cursor.fetchone()
        if row is None:
            self._held = None
            raise NotTaking(self.slug)
        pk, first, state = row
        return _Held(pk, first, size, began + strips.SECONDS, began, state == Room.State.PREQUEUE)


_rolls: dict[str, Roll] = {}
_lock = threading.Lock()


def next_number(slug: str) -> tuple[int, bool]:
    """(the next number of this room, whether it takes part in the draw). Raises NotTaking."""
    roll = _rolls.get(slug)
    if roll is None:
        with _lock:
            roll = _rolls.setdefault(slug, Roll(slug))
    return roll.next()


def forget() -> None:
    """Drop every strip, as a process that was killed does. For tests."""
    _rolls.clear()
