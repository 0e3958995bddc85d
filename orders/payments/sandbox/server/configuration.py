"""What the sandbox server reads from its environment. It refuses to start on anything missing or unusable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from standardwebhooks import Webhook

NAMES = ("SANDBOX_SERVER_KEY", "SANDBOX_NOTIFY_SECRET", "SANDBOX_STORE", "SANDBOX_URL")
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class NotConfigured(Exception):
    """The sandbox gateway cannot start; the message names the variable, never its value."""


@dataclass(frozen=True, kw_only=True)
class Configuration:
    server_key: str = field(repr=False)
    """Bearer key of the merchant (us)."""
    notify_secret: str = field(repr=False)
    """Standard Webhooks secret, "whsec_" and base64."""
    store: Path
    """The SQLite file."""
    url: str
    """This server's own public address, without a final slash."""

    @property
    def on_loopback(self) -> bool:
        """True when the server is told that it lives on a developer's own machine."""
        return urlsplit(self.url).hostname in LOOPBACK


def read(environ: Mapping[str, str]) -> Configuration:
    missing = [name for name in NAMES if not environ.get(name)]
    if missing:
        raise NotConfigured(f"The sandbox gateway needs {', '.join(missing)}.")
    configuration = Configuration(
        server_key=environ["SANDBOX_SERVER_KEY"],
        notify_secret=environ["SANDBOX_NOTIFY_SECRET"],
        store=Path(environ["SANDBOX_STORE"]),
        url=environ["SANDBOX_URL"].rstrip("/"),
    )
    parts = urlsplit(configuration.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path:
        raise NotConfigured("SANDBOX_URL must be an http(s) address without a path.")
    _check_secret(configuration.notify_secret)
    return configuration


def _check_secret(secret: str) -> None:
    if not secret.startswith("whsec_"):
        raise NotConfigured("SANDBOX_NOTIFY_SECRET must start with whsec_.")
    try:
        Webhook(secret)
    except Exception as error:
        raise NotConfigured("SANDBOX_NOTIFY_SECRET must be whsec_ and base64.") from error
