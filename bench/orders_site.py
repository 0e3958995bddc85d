"""The site as script/server runs it, for bench/orders.py: services on a disk that is waited for, and every process."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from bench.stock_database import Broken, Database
from meterai.embedded import environment, group, processes
from meterai.embedded.data_folder import DataFolder
from meterai.embedded.ports import free
from meterai.embedded.progress import Progress
from meterai.embedded.services import Services

SETTINGS = "meterai.settings.development"  # production refuses the sandbox gateway; the rest of it is the same
READY_WITHIN = 60.0  # seconds
WARM_UP = 0.5  # seconds of each turn that do not count
WORKSHOP = ("worker", "beat", "gateway")
"""What works beside the web server."""


@dataclass
class Bench:
    """A running site and its database."""

    url: str
    database: Database
    folder: Path
    commands: dict[str, list[str]]
    variables: dict[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, *names: str) -> None:
        for name in names:
            with (self.folder / f"{name}.log").open("ab") as log:
                command, quiet = self.commands[name], {"stdout": log, "stderr": log}
                self.running[name] = subprocess.Popen(command, env=self.variables, start_new_session=True, **quiet)

    def stop(self, *names: str) -> None:
        for name in names or tuple(self.running):
            processes.stop(self.running.pop(name), with_signal=signal.SIGTERM, patience=6)

    def wait(self) -> None:
        """Until the web server can serve. Raises Broken."""
        deadline = time.monotonic() + READY_WITHIN
        while not self._answers():
            if time.monotonic() > deadline or self.running["web"].poll() is not None:
                raise Broken((self.folder / "web.log").read_text()[-2000:])
            time.sleep(0.1)

    def rush(self, *, clients: int, seconds: float, kind: str = "api") -> dict[str, Any]:
        """What bench.orders_load measures. Raises Broken when an order was refused, or none was answered."""
        words = [sys.executable, "-m", "bench.orders_load", self.url, str(clients), str(seconds), kind, str(WARM_UP)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=seconds + 90)
        if done.returncode:
            raise Broken(done.stderr[-2000:])
        measured: dict[str, Any] = json.loads(done.stdout)
        if measured["refused"] or not measured["per_s"]:
            raise Broken(f"{kind}, {clients} clients: {measured['per_s']} orders/s, refused {measured['refused']}")
        return measured

    def spent(self) -> dict[str, float]:
        """Seconds of processor time so far, by what runs: each part started here, and PostgreSQL."""
        groups = {name: [psutil.Process(one.pid)] for name, one in self.running.items()}
        groups = {name: [one, *one.children(recursive=True)] for name, [one] in groups.items()}
        with self.database.connect() as connection:
            server = psutil.Process(connection.info.backend_pid).parent()
        groups["postgres"] = server.children(recursive=True) if server else []
        return {name: sum(map(_processor_time, group)) for name, group in groups.items()}

    def calm(self, *, seconds: float) -> int:
        """Wait until the worker has nothing to do, so long at most; returns what is left."""
        query = "SELECT count(*) FROM {} WHERE {}"
        work = query.format("orders_payment", "state = 'started'"), query.format("orders_notice", "sent_at IS NULL")
        deadline = time.monotonic() + seconds
        while (left := sum(self.database.run(one) for one in work)) and time.monotonic() < deadline:
            time.sleep(0.2)
        return int(left)

    def _answers(self) -> bool:
        with closing(HTTPConnection(urlsplit(self.url).netloc, timeout=5)) as connection, suppress(OSError):
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        return False


def _processor_time(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


@contextmanager
def site() -> Iterator[Bench]:
    """Services in a folder that goes with them, nothing else started yet. os.environ is that of the site."""
    with tempfile.TemporaryDirectory(prefix="meterai-bench-") as root:
        folder = DataFolder.make(Path(root))
        services = Services(folder)
        services.start(progress=Progress(total=2, quiet=True))
        port, gateway = free(), free()
        addresses = {"url": f"http://127.0.0.1:{port}", "sandbox_url": f"http://127.0.0.1:{gateway}"}
        variables = environment.for_processes(folder, settings=SETTINGS, addresses=services.addresses, **addresses)
        variables |= services.mark_variable | {"TRUSTED_PROXY_HOPS": "1", "EMAIL_URL": "dummymail://"}
        os.environ |= variables
        commands = group.commands(host="127.0.0.1", port=port, sandbox_port=gateway, schedule=folder.path("beat"))
        database = Database(services.addresses["DATABASE_URL"], folder.secrets()["postgres_admin_password"])
        bench = Bench(addresses["url"], database, folder.root, commands, variables)
        try:
            yield bench
        finally:
            bench.stop()
            services.stop()


def collect() -> None:
    """Gather the static files, under the names that the pages use. Runs in a process with Django."""
    from django.core.management import call_command

    call_command("collectstatic", verbosity=0, interactive=False)


def statements() -> list[str]:
    """What one order sends to the database over HTTP, in turn. Runs in a process with Django."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client, wish = Client(SERVER_NAME="127.0.0.1"), {"quantity": 1, "email": "siti@contoh.example", "method": "qris"}
    for number in range(2):  # the first one opens the connection and fills caches
        with CaptureQueriesContext(connection) as captured:
            headers = {"Idempotency-Key": f"statements-of-an-order-{number}"}
            answer = client.post("/api/v1/orders", wish, content_type="application/json", headers=headers)
            assert answer.status_code == 201, answer.content
    return [query["sql"] for query in captured.captured_queries]
