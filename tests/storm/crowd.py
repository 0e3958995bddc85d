"""Many visits at once on few threads: whoever waits holds no thread."""

import heapq
import threading
import time
from collections.abc import Callable, Iterator

from django.db import connection

THREADS = 16
CLOSED = 0.05  # seconds between two looks when nobody is due


class Crowd:
    """Leads visits to their ends, so many open at a time, and says how many have ended."""

    def __init__(self, visits: Iterator[Iterator[float]], *, most: int, threads: int = THREADS) -> None:
        self._visits, self._most = visits, most
        self._turn = threading.Lock()
        self._waiting: list[tuple[float, int, Iterator[float]]] = []
        self._open = self._entered = 0
        self._over = False
        self.ended = 0
        self.failures: list[Exception] = []
        self._threads = [threading.Thread(target=self._lead, daemon=True) for _ in range(threads)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wait(self, meanwhile: Callable[[], None], *, seconds: float) -> None:
        """Until all have ended, calling `meanwhile` again and again.

        Raises the first failure of a visit, or AssertionError when some are open still after so many seconds.
        """
        deadline = time.monotonic() + seconds
        try:
            while any(thread.is_alive() for thread in self._threads):
                meanwhile()
                assert time.monotonic() < deadline, f"{self._open} visits are open after {seconds:.0f} s"
                time.sleep(CLOSED)
        finally:
            self._over = True
        if self.failures:
            raise self.failures[0]

    def _lead(self) -> None:
        try:
            while (visit := self._next()) is not None:
                self._step(visit)
        except Exception as error:  # whatever it is, the storm ends with it
            self.failures.append(error)

    def _next(self) -> Iterator[float] | None:
        """A visit that is due, a new one if there is room, or None when all have ended or one failed."""
        while not self.failures and not self._over:
            with self._turn:
                if self._waiting and self._waiting[0][0] <= time.monotonic():
                    return heapq.heappop(self._waiting)[2]
                if self._open < self._most and (new := next(self._visits, None)) is not None:
                    self._open += 1
                    return new
                if not self._open:
                    return None
            time.sleep(CLOSED)
        return None

    def _step(self, visit: Iterator[float]) -> None:
        pause = next(visit, None)
        connection.close()  # into the pool: a thread that sleeps holds none
        with self._turn:
            if pause is None:
                self._open -= 1
                self.ended += 1
            else:
                self._entered += 1
                heapq.heappush(self._waiting, (time.monotonic() + pause, self._entered, visit))
