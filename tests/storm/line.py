"""HTTP as a storm needs it: light, one kept connection a thread and server, and a lost answer is an answer."""

import http.client
import json
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

PATIENCE = 20.0  # seconds a client waits for an answer
LOST = 0
"""In place of a status: the connection broke, and nobody knows what became of the request."""


@dataclass
class Line:
    """The way to one server. Safe to share between threads: each has a connection of its own."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._own = threading.local()

    def send(self, verb: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Status and decoded answer; LOST and None when there is no whole answer. Never repeats by itself."""
        connection = self._connection()
        try:
            connection.request(verb, path, *self._content(body, headers))
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return LOST, None
        return answer.status, json.loads(content) if content[:1] in (b"{", b"[") else None

    def send_and_leave(self, verb: str, path: str, body: object, **headers: str) -> None:
        """Hang up before the answer comes, as a telephone does that enters a tunnel."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE)
        try:
            connection.request(verb, path, *self._content(body, headers))
        except OSError:
            return
        finally:
            connection.close()

    def _content(self, body: object, headers: dict[str, str]) -> tuple[bytes | None, dict[str, str]]:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is None:
            return None, self.headers | given
        return json.dumps(body).encode(), self.headers | given | {"Content-Type": "application/json"}

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._own, "connection"):
            self._own.connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE)
        connection: http.client.HTTPConnection = self._own.connection
        return connection
