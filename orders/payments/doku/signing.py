"""DOKU's signature, the same on what we send and on what it sends (its "Non-SNAP" way).

HMAC-SHA256 with the secret key over the lines Client-Id, Request-Id, Request-Timestamp, Request-Target and, where there
is a body, Digest: the SHA-256 of its bytes. Name and value stand around a colon, the lines around a line feed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

PREFIX = "HMACSHA256="


def timestamp(at: datetime) -> str:
    """ISO 8601 in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Signer:
    """Holds the secret key and does not show it."""

    def __init__(self, *, client_id: str, secret_key: str) -> None:
        self.client_id, self._key = client_id, secret_key.encode()

    def __repr__(self) -> str:
        return f"<Signer of {self.client_id}>"

    def sign(self, *, request_id: str, sent_at: str, target: str, content: bytes | None) -> str:
        """The Signature header. `target` is the path of the address that is called, without host and query."""
        lines = [
            f"Client-Id:{self.client_id}",
            f"Request-Id:{request_id}",
            f"Request-Timestamp:{sent_at}",
            f"Request-Target:{target}",
        ]
        if content is not None:
            lines.append(f"Digest:{base64.b64encode(hashlib.sha256(content).digest()).decode()}")
        made = hmac.new(self._key, "\n".join(lines).encode(errors="replace"), hashlib.sha256).digest()
        return PREFIX + base64.b64encode(made).decode()
