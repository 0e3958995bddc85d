"""Slow and silent, as companies are: what a merchant asked for is done, and the answer comes late or never."""

from __future__ import annotations

import threading
import time

from orders.payments.sandbox.server import notices
from orders.payments.sandbox.server.store import Store
from orders.payments.sandbox.server.web import Door, Refused, Request, Response

SILENT_SECONDS = 12.0  # longer than a caller of any patience waits; then its connection is let go
# Requests left without an answer at a time. The rest fail at once, so that the control page can still be reached.
SILENT_AT_ONCE = 6
LOOK_AGAIN_SECONDS = 0.1


class Lag:
    """Keeps answers back for as long as the control page wishes."""

    def __init__(self, store: Store) -> None:
        self._store, self._places = store, threading.BoundedSemaphore(SILENT_AT_ONCE)

    def behind(self, door: Door) -> Door:
        """The same door, its answers late or missing."""

        def lagging(request: Request, **named: str) -> Response:
            try:
                response = door(request, **named)
            except Refused:
                self._keep_waiting()
                raise
            self._keep_waiting()
            return response

        return lagging

    def _keep_waiting(self) -> None:
        """Raises Refused (500) instead of answering when the sandbox is silent: the asker shall know nothing."""
        with self._store.transaction() as c:
            ordered = notices.mischief(c)
        if ordered["silent"]:
            self._say_nothing()
            raise Refused(500, "silent", "The sandbox was told not to answer.")
        time.sleep(ordered["answer_seconds"])

    def _say_nothing(self) -> None:
        if not self._places.acquire(blocking=False):
            return
        try:
            until = time.monotonic() + SILENT_SECONDS
            while time.monotonic() < until and self._still_silent():
                time.sleep(LOOK_AGAIN_SECONDS)
        finally:
            self._places.release()

    def _still_silent(self) -> bool:
        with self._store.transaction() as c:
            return bool(notices.mischief(c)["silent"])
