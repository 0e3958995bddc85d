"""`script/server`: from an empty machine to a running site, step by step, and down again without a trace."""

import contextlib
import http.client
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from . import environment, ports, preparing
from .data_folder import DataFolder
from .errors import CannotStart, end_of
from .group import Group, commands
from .progress import Progress
from .services import Services

SETTINGS = "meterai.settings.development"
READY_WITHIN = 90.0  # seconds
STOP_WITHIN = 7.0  # seconds, then what has not stopped is killed


@dataclass(frozen=True, kw_only=True)
class Options:
    """What script/server was asked for; `data` and `checkout` are absolute."""

    host: str
    port: int
    url: str
    data: Path
    checkout: Path = environment.CHECKOUT


class Server:
    """One run of script/server."""

    def __init__(self, options: Options) -> None:
        self._options = options
        local = "127.0.0.1" if options.host in environment.EVERYWHERE else options.host
        self._local = (local, options.port)
        self._url = options.url.rstrip("/") or f"http://{_in_address(local)}:{options.port}"
        self._folder = DataFolder.make(options.data)
        self._services = Services(self._folder)
        self._progress = Progress(total=2 + len(preparing.STEPS) + 1)
        self._group = Group(self._folder, when_started=self._watch_beside)
        self._logins: list[str] = []
        self._sandbox_url = ""
        self._trouble: str | None = None
        self._over = threading.Event()

    def run(self) -> int:
        """Start all, stay until it ends, stop all. Returns an exit code or raises CannotStart."""
        if found := ports.complaint(host=self._options.host, port=self._options.port):
            self._services.release()
            raise CannotStart(found[0], cure=found[1])
        signal.signal(signal.SIGTERM, _stop_early)
        signal.signal(signal.SIGHUP, _stop_early)
        self._services.start(progress=self._progress, url=self._url)
        try:
            self._serve()
        finally:
            # A third Ctrl-C must not leave half of it running.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            self._services.stop()
        return self._outcome()

    def _serve(self) -> None:
        sandbox_port = self._services.port("gateway", wanted=self._options.port + 1)
        variables = environment.for_processes(
            self._folder,
            settings=SETTINGS,
            url=self._url,
            sandbox_url=f"http://127.0.0.1:{sandbox_port}",
            addresses=self._services.addresses,
            host=self._options.host,
        )
        self._folder.write("run/env.json", variables)
        variables |= self._services.mark_variable
        checkout = self._options.checkout
        self._sandbox_url = variables["SANDBOX_URL"]
        self._logins = preparing.prepare(
            self._folder, checkout=checkout, environment=variables, progress=self._progress
        )
        group = commands(
            host=self._options.host,
            port=self._options.port,
            sandbox_port=sandbox_port,
            schedule=self._folder.path("run", "beat-schedule"),
        )
        for name, command in group.items():
            self._group.add(name, command, environment=variables, cwd=checkout)
        self._progress.begin("web, worker, beat, ticker, status, gateway")
        try:
            self._group.loop()
        finally:
            self._over.set()

    def _watch_beside(self) -> None:
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        """Beside honcho's loop: say when the site is ready, and end the group when it cannot go on."""
        began = time.monotonic()
        asked_at: float | None = None
        ready = False
        while not self._over.wait(0.2):
            now = time.monotonic()
            if self._group.asked_to_stop or self._trouble:
                asked_at = asked_at or now
                self._group.terminate()
                if now - asked_at > STOP_WITHIN:
                    self._group.kill()
            elif fallen := self._services.fallen():
                self._trouble = f"{fallen} ended by itself"
            elif not ready and self._answers():
                ready = True
                self._progress.done(f"{now - began:.1f} s")
                self._announce()
            elif not ready and now - began > READY_WITHIN:
                self._trouble = f"the site did not become ready within {READY_WITHIN:.0f} seconds"

    def _answers(self) -> bool:
        # http.client and not urllib: that one would go through a proxy that the environment names.
        with contextlib.closing(http.client.HTTPConnection(*self._local, timeout=5)) as connection:
            try:
                connection.request("GET", "/readyz")
                return connection.getresponse().status == 200
            except (OSError, http.client.HTTPException):
                return False

    def _announce(self) -> None:
        lines = [
            "",
            f"  Shop              {self._url}/",
            f"  Administration    {self._url}/admin/",
            f"  API description   {self._url}/api/v1/schema/",
            f"  Sandbox gateway   {self._sandbox_url}/control",
            "                    (user sandbox; its password is sandbox_server_key in secrets.json)",
            f"  Data and logs     {self._folder.root}",
            "",
            *[f"  {login}" for login in self._logins],
            "",
            "  Ctrl-C stops everything; the data stay.",
            "",
        ]
        print("\n".join(lines), flush=True)
        self._group.show_output()

    def _outcome(self) -> int:
        if self._group.asked_to_stop:
            print("Stopped.", file=sys.stderr)
            return int(self._group.returncode or 0)
        if self._trouble is None and self._group.first_ended:
            name, code = self._group.first_ended
            self._trouble = f"{name} ended by itself (exit code {code})"
        self._progress.done("failed")
        name = (self._trouble or "").split()[0]
        log = self._folder.path("log", f"{name}.log")
        shown = f" The end of {log}:\n{end_of(log)}" if log.exists() else ""
        raise CannotStart(
            f"{self._trouble}, so everything was stopped.{shown}",
            cure=f"read the lines above and the logs in {self._folder.path('log')}, then start again",
        )


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _stop_early(number: int, frame: FrameType | None) -> NoReturn:
    """Before the processes run: leave through every `finally`."""
    raise KeyboardInterrupt
