"""Counts how people's tries end, in the memory of each web process, and adds them to the minute's row once a second.

So a million visitors cost fifteen rows a minute. What is not written yet is lost with its process: a second's worth.
"""

import logging
import threading
import time
from collections import Counter
from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError, connection

from .models import Component, Outcome

log = logging.getLogger(__name__)

EVERY = 1.0  # seconds
# A database that does not answer is left alone so long: nobody waits for a count.
REST = 15.0  # seconds
# What could not be written for longer than this is forgotten; nothing is measured by it any more.
KEPT = timedelta(hours=1)

_ADD = """
INSERT INTO support_tally (minute, component, outcome, n)
SELECT * FROM unnest(%s::timestamptz[], %s::text[], %s::text[], %s::int[])
ON CONFLICT (minute, component, outcome) DO UPDATE SET n = support_tally.n + excluded.n
"""

_Key = tuple[datetime, str, str]
_pending: Counter[_Key] = Counter()
_lock = threading.Lock()
_due = 0.0


def count(component: Component, outcome: Outcome, *, at: datetime) -> None:
    """One try ended. Never raises."""
    global _due  # noqa: PLW0603 - one clock a process
    with _lock:
        _pending[at.replace(second=0, microsecond=0), component.value, outcome.value] += 1
        if time.monotonic() < _due:
            return
        _due = time.monotonic() + EVERY
    write(at=at)


def write(*, at: datetime) -> None:
    """Add what was counted to the rows, in one statement. Never raises; what could not be written is kept."""
    global _due  # noqa: PLW0603
    with _lock:
        taken = dict(_pending)
        _pending.clear()
    if not taken:
        return
    rows = sorted(taken.items())  # the same order in every process, so that none waits for another in a ring
    keys = [key for key, _n in rows]
    try:
        with connection.cursor() as cursor:
            columns = [[key[place] for key in keys] for place in range(3)]
            cursor.execute(_ADD, [*columns, [n for _key, n in rows]])
    except (DatabaseError, InterfaceError) as error:
        log.warning("Tries could not be counted: %s", type(error).__name__)
        with _lock:
            _pending.update({key: n for key, n in taken.items() if key[0] > at - KEPT})
            _due = time.monotonic() + REST
