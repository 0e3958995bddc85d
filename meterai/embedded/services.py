"""PostgreSQL and Valkey of one data folder, except where the environment names services of its own."""

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

from . import guard, ports, processes
from .data_folder import DataFolder
from .errors import CannotStart
from .postgres import Postgres
from .progress import Progress
from .valkey import Valkey

LEFTOVERS = "Ended what an earlier start had left behind."


class Services:
    """Holds the data folder until `stop`, and ends what an earlier holder left running.

    `mark_variable` goes into the environment of every process started beside the services.
    """

    def __init__(self, folder: DataFolder, *, throw_away: bool = False) -> None:
        self.folder = folder
        self.mark = secrets.token_hex(16)
        self._throw_away = throw_away
        self._lock = folder.lock()
        if self._end_leftovers():
            print(LEFTOVERS, file=sys.stderr)
        self._running: list[Postgres | Valkey] = []
        self._guard: subprocess.Popen[bytes] | None = None
        self.addresses: dict[str, str] = {}

    def start(self, *, progress: Progress, url: str = "") -> None:
        """Start what the environment does not name. Raises CannotStart, with nothing left running."""
        # Written before the first process starts: what carries the mark can be found again from here on.
        self.folder.write("run/server.json", {"pid": os.getpid(), "mark": self.mark, "url": url})
        self._guard = guard.start(data=self.folder.root, mark=self.mark, remove=self._throw_away)
        try:
            with progress.step("postgres"):
                self._start_postgres()
            with progress.step("valkey"):
                self._start_valkey()
        except BaseException:
            self.stop()
            raise

    @property
    def mark_variable(self) -> dict[str, str]:
        """What every process started beside the services gets into its environment."""
        return {processes.MARK: self.mark}

    def fallen(self) -> str | None:
        """The name of a service that has ended though nobody asked it to."""
        return next((one.name for one in self._running if one.child and one.child.poll() is not None), None)

    def stop(self) -> None:
        """Stop what was started, and whatever carries the mark still; give the data folder back."""
        for one in reversed(self._running):
            one.stop()
        processes.end_marked(self.mark, patience=2)
        for name in ("run/server.json", "run/env.json"):
            self.folder.path(name).unlink(missing_ok=True)
        if self._guard:
            self._guard.kill()
            self._guard.wait()
        self.release()

    def release(self) -> None:
        """Give the data folder back."""
        self._lock.release()

    def _start_postgres(self) -> None:
        if given := os.environ.get("DATABASE_URL"):
            check_reachable("DATABASE_URL", given)
            return
        postgres = Postgres(self.folder, mark=self.mark, throw_away=self._throw_away)
        self._running.append(postgres)
        self.addresses["DATABASE_URL"] = postgres.start(port=self.port("postgres"))

    def _start_valkey(self) -> None:
        wanted = {"BROKER_URL": 0, "CACHE_URL": 1}
        for name in wanted:
            check_reachable(name, os.environ.get(name, ""))
        missing = {name: number for name, number in wanted.items() if not os.environ.get(name)}
        if missing:
            valkey = Valkey(self.folder, mark=self.mark, throw_away=self._throw_away)
            self._running.append(valkey)
            address = valkey.start(port=self.port("valkey"))
            self.addresses |= {name: f"{address}/{number}" for name, number in missing.items()}

    def port(self, name: str, *, wanted: int = 0) -> int:
        """The port that the service had last time if free, else another; written down for the next start."""
        known = self.folder.read("ports.json")
        port = ports.free(wanted=known.get(name, wanted))
        if known.get(name) != port:
            self.folder.write("ports.json", known | {name: port})
        return port

    def _end_leftovers(self) -> int:
        mark = self.folder.read("run/server.json").get("mark")
        if not mark:
            return 0
        began = time.monotonic()
        count = processes.end_marked(mark)
        # The guard of a killed launcher may be ending them at this moment; both aim at the same ones.
        while processes.marked(mark) and time.monotonic() - began < 10:
            time.sleep(0.1)
        return count


def check_reachable(name: str, address: str) -> None:
    """Try to connect to a service that the environment names. Raises CannotStart, without its password."""
    parts = urlsplit(address)
    usual = {"postgres": 5432, "postgresql": 5432, "redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671}
    if not parts.hostname or parts.scheme not in usual:
        return  # a file, a socket: whoever uses it will say
    host, port = parts.hostname, parts.port or usual[parts.scheme]
    try:
        with contextlib.closing(socket.create_connection((host, port), timeout=5)):
            pass
    except OSError as error:
        raise CannotStart(
            f"{name} names {host}:{port}, where nothing answers ({error.strerror or error}).",
            cure=f"start that service, correct {name}, or unset it to use the embedded one",
        ) from error
