"""A small company of our own on loopback, which can misbehave: what stand-ins of payment companies share."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request as it came in."""

    verb: str
    path: str
    headers: dict[str, str]
    """By name in lower case."""
    body: bytes

    def json(self) -> dict[str, Any]:
        decoded = json.loads(self.body)
        assert isinstance(decoded, dict)
        return decoded


@dataclass
class Wrong(Exception):
    """A refusal, as the company answers it."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)


class StandIn:
    """Answers on a thread of its own; a subclass says what. `trouble` is what goes wrong, request by request.

    lost: the request is done and the connection closed without an answer; silent: done, and no answer comes;
    slow: done, and the answer never ends; 500, 302, html, large: not done, and answered so.
    """

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.trouble: list[str] = []
        self.change: dict[str, Any] = {}
        """Fields put over the top of the next answers: {"gross_amount": "1.00"}."""
        self._closing = threading.Event()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                stand_in._serve(self)

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, seen: Seen) -> tuple[int, dict[str, Any]]:
        raise NotImplementedError

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        seen = Seen(
            verb=handler.command,
            path=handler.path,
            headers={name.lower(): value for name, value in handler.headers.items()},
            body=handler.rfile.read(length),
        )
        self.seen.append(seen)
        trouble = self.trouble.pop(0) if self.trouble else ""
        handler.close_connection = True
        if trouble in ("500", "302", "html", "large"):
            self._misbehave(handler, trouble)
            return
        try:
            status, body = self.answer(seen)
        except Wrong as wrong:
            status, body = wrong.status, wrong.body
        if trouble == "silent":
            self._closing.wait(30)
        if trouble in ("lost", "silent"):
            return
        content = json.dumps(body | self.change).encode()
        _send(handler, status, content, "application/json", promised=len(content) + (trouble == "slow"))
        if trouble == "slow":
            self._closing.wait(30)

    def _misbehave(self, handler: BaseHTTPRequestHandler, trouble: str) -> None:
        if trouble == "302":
            handler.send_response(302)
            handler.send_header("Location", f"{self.url}/elsewhere")
            handler.send_header("Content-Length", "0")
            handler.send_header("Connection", "close")
            handler.end_headers()
            return
        content = b"<html>busy</html>" if trouble == "html" else b"{}" if trouble == "500" else b'"' + b"x" * 200_000
        _send(handler, 500 if trouble == "500" else 200, content, "text/html")


def _send(
    handler: BaseHTTPRequestHandler, status: int, content: bytes, kind: str, *, promised: int | None = None
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Connection", "close")
    handler.send_header("Content-Length", str(len(content) if promised is None else promised))
    handler.end_headers()
    handler.wfile.write(content)
    handler.wfile.flush()
