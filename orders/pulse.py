"""What a web process notes about its own health, in memory, and tells once a second.

Told to Valkey and not to a table: the database slowed down is what must be noticed at once, and a word about it must
not wait in the line for it. Valkey lost is silence, and silence freezes admission. Nothing that counts is kept there.
"""

import itertools
import json
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import redis
from django.conf import settings
from django.core.signals import got_request_exception, request_finished
from django.db import connections

log = logging.getLogger(__name__)

KEY = "meterai:rooms:pulse"
EVERY = 1.0  # seconds
WINDOW = 5.0  # seconds that a report looks back
MOST_SAMPLES = 100  # of one step in one report
HANGS = 1.0  # seconds; a step that takes longer is told of while it lasts
_keys = itertools.count()


class Pulse:
    """One process's notes. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._name = uuid.uuid4().hex
        self._steps: dict[str, deque[tuple[float, float]]] = {}
        self._answers: deque[tuple[float, bool]] = deque(maxlen=5000)
        self._pool: deque[tuple[float, float, float]] = deque()
        self._under_way: dict[int, tuple[str, float]] = {}
        self._arrivals: dict[str, int] = {}
        self._strips: dict[int, tuple[int, float]] = {}
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._client: Any = None

    def took(self, step: str, seconds: float) -> None:
        """A step took so long."""
        with self._lock:
            self._steps.setdefault(step, deque(maxlen=2000)).append((time.monotonic(), seconds))
        self.start()

    def begun(self, step: str) -> int:
        """A step has begun; the key to end it with. One that hangs is told of before it ends."""
        key = next(_keys)
        with self._lock:
            self._under_way[key] = (step, time.monotonic())
        return key

    def ended(self, key: int) -> None:
        """The step is over, whether it succeeded or not."""
        step, began = self._under_way.pop(key)
        self.took(step, time.monotonic() - began)

    def answered(self, *, is_error: bool) -> None:
        """A request was answered."""
        with self._lock:
            self._answers.append((time.monotonic(), is_error))
        self.start()

    def arrived(self, room: str) -> None:
        """Somebody came into the shop behind this room while there was no queue."""
        with self._lock:
            self._arrivals[room] = self._arrivals.get(room, 0) + 1
        self.start()

    def gave(self, strip: int, used: int) -> None:
        """So many numbers of this strip were given out until now."""
        with self._lock:
            self._strips[strip] = (used, time.monotonic())
        self.start()

    def start(self) -> None:
        """Begin to tell, once a process: only one that has something to tell."""
        if self._thread is None or not self._thread.is_alive():
            with self._lock:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._keep_telling, name="pulse", daemon=True)
                    self._thread.start()

    def stop(self) -> None:
        """Tell nothing any more, until something is noted again."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = None
        self._over.clear()

    def report(self) -> dict[str, Any]:
        """What was noted in the last seconds."""
        now = time.monotonic()
        self._note_pool(now)
        with self._lock:
            steps = {
                name: [round(value, 4) for moment, value in taken if now - moment <= WINDOW][-MOST_SAMPLES:]
                for name, taken in self._steps.items()
            }
            for step, began in self._under_way.values():
                if now - began > HANGS:
                    steps.setdefault(step, []).append(round(now - began, 4))
            recent = [is_error for moment, is_error in self._answers if now - moment <= WINDOW]
            self._strips = {strip: told for strip, told in self._strips.items() if now - told[1] < 60}
            strips = {str(strip): used for strip, (used, _moment) in self._strips.items()}
            return {
                "t": time.time(),
                "steps": steps,
                "answers": len(recent),
                "errors": sum(recent),
                "pool": self._pool_wait(now),
                "arrivals": dict(self._arrivals),
                "strips": strips,
            }

    def tell(self) -> None:
        """Send the report. Silent when Valkey does not take it."""
        if self._client is None:
            self._client = client()
        with suppress(redis.RedisError):
            self._client.hset(KEY, self._name, json.dumps(self.report()))

    def _keep_telling(self) -> None:
        while True:
            try:
                self.tell()
            except Exception:  # a report that fails must not end the reports
                log.exception("the pulse could not be told")
            if self._over.wait(EVERY):
                return

    def _note_pool(self, now: float) -> None:
        # Looked for and not asked for: asking would open one.
        pool = getattr(connections["default"], "_connection_pools", {}).get("default")
        if pool is not None:
            stats = pool.get_stats()
            with self._lock:
                self._pool.append((now, stats.get("requests_wait_ms", 0) / 1000, stats.get("requests_num", 0)))
                while len(self._pool) > 1 and now - self._pool[1][0] >= WINDOW:
                    self._pool.popleft()

    def _pool_wait(self, now: float) -> float:
        """Seconds that getting a connection took on average."""
        if len(self._pool) < 2:
            return 0.0
        (_, waited, asked), (_, waited_now, asked_now) = self._pool[0], self._pool[-1]
        return round((waited_now - waited) / max(1.0, asked_now - asked), 4)


pulse = Pulse()


@contextmanager
def timed(step: str) -> Iterator[None]:
    """Note how long the block took, whether it succeeds or not."""
    key = pulse.begun(step)
    try:
        yield
    finally:
        pulse.ended(key)


def client() -> Any:
    """A client of Valkey that gives up early."""
    location = str(settings.CACHES["default"]["LOCATION"])
    return redis.Redis.from_url(location, socket_timeout=1, socket_connect_timeout=1)


def reports(source: Any, *, at: float, younger_than: float) -> dict[str, dict[str, Any]]:
    """The last report of each process that is not silent; old ones are cleared away. Raises redis.RedisError."""
    told = {name.decode(): json.loads(body) for name, body in source.hgetall(KEY).items()}
    if gone := [name for name, report in told.items() if at - report["t"] > 60]:
        source.hdel(KEY, *gone)
    return {name: report for name, report in told.items() if at - report["t"] <= younger_than}


def _failed(sender: object, **rest: object) -> None:
    pulse.answered(is_error=True)


def _answered(sender: object, **rest: object) -> None:
    pulse.answered(is_error=False)


def connect() -> None:
    """Listen to Django's own signals; called once, when the app is ready."""
    got_request_exception.connect(_failed, dispatch_uid="pulse")
    request_finished.connect(_answered, dispatch_uid="pulse")
