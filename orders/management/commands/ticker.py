"""The process that calls numbers: `manage.py ticker`. One on each machine that serves the files; one of them leads."""

import itertools
import logging
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error, connection
from django.utils import timezone

from orders import room_pages, ticking

log = logging.getLogger("orders.ticker")

# Any number that no other lock of ours uses: "room" in ASCII.
LOCK = 0x726F6F6D
EVERY = 1.0  # seconds
PAGES_EVERY = 10  # ticks; a page tells who sells besides, its numbers come from the status file


class Command(BaseCommand):
    help = "Call waiting people into the shop, once a second, and publish the rooms' files, until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="tick once and end (by a scheduler of your own)")

    def handle(self, *arguments: Any, once: bool = False, **options: Any) -> None:
        over = threading.Event()
        if threading.current_thread() is threading.main_thread():
            for which in (signal.SIGTERM, signal.SIGINT):
                signal.signal(which, lambda *_: over.set())
        leading = Leading()
        for number in itertools.count():
            began = timezone.now()
            try:
                leading.step()
                if number % PAGES_EVERY == 0:
                    room_pages.publish(at=timezone.now())
            except Exception:  # whatever it was: the last files stand, with their time, and the next second tries again
                log.exception("a tick failed")
                leading.stop()
            if once or over.wait(max(0.05, EVERY - (timezone.now() - began).total_seconds())):
                break
        leading.stop()


class Leading:
    """Ticks while it holds the lock, publishes only while another one does. The lock ends with its connection."""

    def __init__(self) -> None:
        self._backend: int | None = None
        self._ticker = ticking.Ticker()

    def step(self) -> bool:
        """One second's work; returns whether we lead."""
        if not self._leads():
            ticking.publish_again(at=timezone.now())
            return False
        self._ticker.tick(at=timezone.now())
        return True

    def stop(self) -> None:
        """Let another one lead."""
        if self._backend is not None and self._backend == _backend():
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
            except Error:
                log.warning("the connection was gone before the lock")
        self._backend = None
        connection.close()

    def _leads(self) -> bool:
        connection.ensure_connection()
        if self._backend is not None and self._backend == _backend():
            return True
        self._backend = None
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = '5s'")
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
            if not cursor.fetchone()[0]:
                return False
        self._backend = _backend()
        # Another one may have led meanwhile: what we remember is old.
        self._ticker = ticking.Ticker()
        return True


def _backend() -> int | None:
    """The server process behind our connection; None without one."""
    return connection.connection.info.backend_pid if connection.connection is not None else None
