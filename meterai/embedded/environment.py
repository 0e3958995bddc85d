"""The environment that every process of Meterai is given. What is set already wins."""

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from .data_folder import DataFolder

CHECKOUT = Path(__file__).resolve().parents[2]
EVERYWHERE = ("0.0.0.0", "::")


def for_processes(
    folder: DataFolder,
    *,
    settings: str,
    url: str,
    sandbox_url: str,
    addresses: dict[str, str],
    host: str = "127.0.0.1",
) -> dict[str, str]:
    """os.environ, completed with addresses, secrets and paths of the data folder."""
    secret = folder.secrets()
    ours = {
        "DJANGO_SETTINGS_MODULE": settings,
        "SECRET_KEY": secret["secret_key"],
        "SITE_URL": url,
        "ALLOWED_HOSTS": ",".join(_hosts(url=url, host=host)),
        "STORAGE_URL": folder.path("files").as_uri(),
        "STATIC_ROOT": str(folder.path("static")),
        "PUBLIC_ROOT": str(folder.path("public")),
        "AUTHORITY_DIR": str(folder.path("authority")),
        "SANDBOX_URL": sandbox_url,
        "SANDBOX_SERVER_KEY": secret["sandbox_server_key"],
        "SANDBOX_NOTIFY_SECRET": secret["sandbox_notify_secret"],
        "SANDBOX_STORE": str(folder.path("sandbox.sqlite3")),
        "PYTHONUNBUFFERED": "1",
    }
    given = {name: value for name, value in os.environ.items() if value}
    return ours | addresses | given


def _hosts(*, url: str, host: str) -> list[str]:
    """Names under which the site may be asked for. Listening everywhere, those are all of this machine's."""
    hosts = {"127.0.0.1", "localhost", "[::1]", urlsplit(url).hostname or "localhost"}
    if host not in EVERYWHERE:
        hosts.add(host)
    else:
        hosts.add(socket.gethostname())
        cards = psutil.net_if_addrs().values()
        hosts |= {address.address for card in cards for address in card if address.family == socket.AF_INET}
    return sorted(hosts)
