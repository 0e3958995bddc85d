"""A real sandbox server in a process of its own, and a small shop that catches its notifications."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from orders.payments.gateway import Charge, Method
from orders.payments.sandbox.client import SandboxGateway

ROOT = Path(__file__).parents[2]
SERVER_KEY = "a-server-key-for-tests"
NOTIFY_SECRET = "whsec_bm90IGEgcmVhbCBzZWNyZXQgYXQgYWxs"


class Server:
    """The sandbox under granian; it can be killed and started again on the same store and port."""

    def __init__(self, store: Path) -> None:
        self.store, self.port = store, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = {"Authorization": f"Bearer {SERVER_KEY}"}

    def start(self) -> None:
        environment = os.environ | {
            "SANDBOX_SERVER_KEY": SERVER_KEY,
            "SANDBOX_NOTIFY_SECRET": NOTIFY_SECRET,
            "SANDBOX_STORE": str(self.store),
            "SANDBOX_URL": self.url,
        }
        self._process = subprocess.Popen(
            [
                *[sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(self.port)],
                *["--blocking-threads", "8", "orders.payments.sandbox.server:application"],
            ],
            cwd=ROOT,
            env=environment,
            start_new_session=True,  # so that the worker can be killed together with its parent
        )
        wait_until(self._alive, what="the sandbox to start")

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def gateway(self, *, server_key: str = SERVER_KEY) -> SandboxGateway:
        return SandboxGateway(url=self.url, server_key=server_key, notify_secret=NOTIFY_SECRET)

    def act(self, number: str, action: str, **more: int) -> requests.Response:
        body = {"action": action, **more}
        return requests.post(f"{self.url}/v1/control/{number}", json=body, headers=self.key, timeout=5)

    def settings(self, **wish: object) -> requests.Response:
        return requests.put(f"{self.url}/v1/control/settings", json=wish, headers=self.key, timeout=5)

    def _alive(self) -> bool:
        assert self._process.poll() is None, "the sandbox ended before it answered"
        try:
            return requests.get(f"{self.url}/healthz", timeout=1).status_code == 200
        except requests.RequestException:
            return False


class Shop:
    """Catches notifications; answers with the statuses in `answers` first, then with 200."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.caught: list[tuple[dict[str, str], bytes]] = []
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = shop.answers.pop(0) if shop.answers else 200
                shop.caught.append((dict(self.headers.items()), body))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", shop.notify_url + "elsewhere/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                """What a followed redirect would find: all seems well, but nothing was caught."""
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.notify_url = f"{self.url}/pemberitahuan/"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def catch(self, count: int, *, within: float = 6) -> list[tuple[dict[str, str], bytes]]:
        """The first `count` notifications, once they are here."""
        wait_until(lambda: len(self.caught) >= count, what=f"{count} notifications", within=within)
        return self.caught[:count]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("sandbox") / "sandbox.sqlite3")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def gateway(sandbox: Server) -> SandboxGateway:
    return sandbox.gateway()


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.close()


@pytest.fixture
def charge(shop: Shop) -> Callable[..., Charge]:
    """Makes a new charge of Rp20,000, valid for an hour."""

    def make(*, method: Method = Method.QRIS, lasts: float = 3600) -> Charge:
        return Charge(
            reference=f"P{secrets.token_hex(8)}",
            amount=20_000,
            method=method,
            description="2 e-meterai",
            expires_at=datetime.now(UTC) + timedelta(seconds=lasts),
            notify_url=shop.notify_url,
            return_url=f"{shop.url}/pesanan/",
        )

    return make


def wait_until(true: Callable[[], bool], *, what: str, within: float = 10) -> None:
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, f"waited {within} s for {what}"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
