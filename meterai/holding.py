"""A claim (see `claiming.py`) that is kept up while long work lasts, by a thread on a connection of its own.

The row's `attempts` is the token: whoever claims the row after us counts it up, and from then on nothing that names our
number is written any more.
"""

import logging
import threading
import time
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import QuerySet

log = logging.getLogger(__name__)


class ClaimLost(Exception):
    """Somebody else has claimed or ended the row meanwhile: nothing may be written for it any more."""


class Hold:
    """Keeps the claim on `row`, one of `rows`, while the block runs, and writes what `note` was told.

    A renewal waits for a transaction of the caller's that has locked the row: that should be its last step.
    """

    def __init__(self, row: Any, *, rows: "QuerySet[Any]", due: str, lease: timedelta, at: datetime) -> None:
        self._ours = rows.filter(pk=row.pk, attempts=row.attempts)
        self._due = due
        self._lease = lease
        self._began = at, time.monotonic()
        self._told: dict[str, Any] = {}
        self._lost = False
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "Hold":
        # In a transaction of the caller's nobody else sees the row, so that nobody can take it.
        if not connection.in_atomic_block:
            self._thread = threading.Thread(target=self._keep_up, name="hold", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def moment(self) -> datetime:
        """Now, on the clock that the caller handed in."""
        at, began = self._began
        return at + timedelta(seconds=time.monotonic() - began)

    def note(self, **columns: Any) -> None:
        """Have these columns of the row written with the next renewal."""
        self._told = self._told | columns

    def check(self) -> None:
        """Raise ClaimLost when the last renewal found that the row is somebody else's."""
        if self._lost:
            raise ClaimLost

    def ours(self) -> "QuerySet[Any]":
        """The row as long as it is ours: an update of it that counts zero means ClaimLost."""
        return self._ours.all()

    def _keep_up(self) -> None:
        try:
            while not self._lost and not self._over.wait(min(2.0, self._lease.total_seconds() / 4)):
                self._renew()
        finally:
            connection.close()

    def _renew(self) -> None:
        try:
            renewed = self._ours.update(**{self._due: self.moment() + self._lease}, **self._told)
        except DatabaseError:
            # The next renewal may succeed. If none does, the claim runs out, and the last step finds it lost.
            log.warning("a claim could not be renewed", exc_info=True)
            connection.close()
        else:
            self._lost = not renewed
