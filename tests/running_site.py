"""The site as it runs in production: web, worker with scheduler, sandbox gateway, each a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import requests
from django.conf import settings

ROOT = Path(__file__).resolve().parent.parent
QUEUES = "seal,payments,outbox,support,housekeeping,imports"


def free_port() -> int:
    """A port nobody holds."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(true: object, *, seconds: float = 30, every: float = 0.05) -> None:
    """Call `true` until it says so; AssertionError when it does not in time."""
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"still not so after {seconds} s"
        time.sleep(every)


@dataclass
class Process:
    """A process of ours with all its children, so that a kill reaches every one of them."""

    command: list[str]
    environment: dict[str, str]
    log: Path
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """kill -9, the whole group."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        if self.running is not None:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.running.wait(5)
            self.kill()

    def _signal(self, number: signal.Signals) -> None:
        if self.running is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.running.pid, number)
            if number is signal.SIGKILL:
                self.running.wait(10)


@dataclass
class Site:
    """Addresses and processes of one running site on the test database."""

    folder: Path
    url: str = ""
    gateway_url: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)

    @classmethod
    def on(cls, folder: Path, **more: str) -> "Site":
        """A site on the test's own database, storage and authority; `more` is added to its processes' environment."""
        site = cls(folder=folder, url=f"http://127.0.0.1:{free_port()}", gateway_url=f"http://127.0.0.1:{free_port()}")
        site.environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "meterai.settings.testing",
            "DATABASE_URL": _test_database(),
            "SITE_URL": site.url,
            "ALLOWED_HOSTS": "127.0.0.1",
            "SANDBOX_URL": site.gateway_url,
            "SANDBOX_STORE": str(folder / "sandbox.db"),
            "SEAL_LEASE_SECONDS": "2",
            "EMAIL_URL": f"filemail://{folder}/mail",
            **more,
        }
        return site

    def web(self, *, workers: int = 1, threads: int = 4) -> Process:
        return self._start("web", self._granian(self.url, "meterai.wsgi:application", workers, threads))

    def gateway(self, *, threads: int = 4) -> Process:
        target = "orders.payments.sandbox.server:application"
        return self._start("gateway", self._granian(self.gateway_url, target, 1, threads))

    def worker(self, *, scheduler: bool = True, processes: int = 1) -> Process:
        command = [sys.executable, "-m", "celery", "-A", "meterai.celery", "worker", "-Q", QUEUES, "-c", str(processes)]
        command += ["--without-gossip", "--without-mingle", "-l", "WARNING"]
        if scheduler:
            command += ["-B", "-s", str(self.folder / f"beat-{len(self.processes)}")]
        return self._start("worker", command)

    def wait(self) -> None:
        wait_until(lambda: self._answers(f"{self.url}/readyz"))
        wait_until(lambda: self._answers(f"{self.gateway_url}/healthz"))

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.stop()

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def _start(self, name: str, command: list[str]) -> Process:
        process = Process(command, self.environment, self.folder / f"{name}.log")
        process.start()
        self.processes.append(process)
        return process

    def _granian(self, url: str, target: str, workers: int, threads: int) -> list[str]:
        granian = [str(Path(sys.executable).with_name("granian")), "--interface", "wsgi", "--no-ws"]
        address = ["--host", "127.0.0.1", "--port", url.rsplit(":", 1)[1]]
        return [*granian, *address, "--workers", str(workers), "--blocking-threads", str(threads), target]

    @staticmethod
    def _answers(url: str) -> bool:
        try:
            return requests.get(url, timeout=2).status_code == 200
        except requests.RequestException:
            return False


def _test_database() -> str:
    given = settings.DATABASES["default"]
    secret = quote(str(given["PASSWORD"]), safe="")
    return f"postgres://{given['USER']}:{secret}@{given['HOST']}:{given['PORT']}/{given['NAME']}"
