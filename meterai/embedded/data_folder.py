"""The folder that holds everything a local installation is: secrets, database, queue, documents, logs.

    secrets.json (0600)  ports.json  sandbox.sqlite3  postgres/  valkey/  files/  authority/  static/  run/  log/

Copy it while the server is stopped and you have a backup; remove it and the next start begins anew.
"""

import base64
import fcntl
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .errors import CannotStart

FOLDERS = ("valkey", "files", "authority", "static", "run", "log")
LARGEST_LOG = 5_000_000  # bytes; an older one is kept once, as <name>.log.1


@dataclass(frozen=True)
class DataFolder:
    """Paths and small files of one data folder; `lock` it before changing anything in it."""

    root: Path

    @classmethod
    def make(cls, root: Path) -> "DataFolder":
        """Open the folder, made on first use and readable by its owner alone. Raises CannotStart."""
        folder = cls(root.absolute())
        try:
            folder.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in FOLDERS:
                (folder.root / name).mkdir(mode=0o700, exist_ok=True)
            folder.path("run", "lock").open("a").close()
        except OSError as error:
            raise CannotStart(
                f"Cannot write in the data folder {folder.root}: {error.strerror}.",
                cure="choose a folder of your own with --data DIR, or give this one to your user (chown)",
            ) from error
        return folder

    def path(self, *parts: str) -> Path:
        """A path inside the folder."""
        return self.root.joinpath(*parts)

    def log(self, name: str) -> IO[bytes]:
        """The log of that name, open for appending; put aside first when it has grown large."""
        path = self.path("log", f"{name}.log")
        if path.exists() and path.stat().st_size > LARGEST_LOG:
            path.replace(path.with_suffix(".log.1"))
        return path.open("ab")

    def read(self, name: str) -> dict[str, Any]:
        """A small JSON file of the folder; empty when it is not there."""
        path = self.path(name)
        if not path.exists():
            return {}
        try:
            content = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise CannotStart(f"Cannot read {path}: {error}.", cure="restore it from a backup") from error
        return dict(content)

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Write a small JSON file, whole or not at all, for its owner alone."""
        path = self.path(name)
        fresh = path.with_name(f"{path.name}.new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def secrets(self) -> dict[str, str]:
        """The secrets of this installation, made at the first start and kept."""
        known = self.read("secrets.json")
        if "postgres_password" not in known and self.path("postgres").exists():
            raise CannotStart(
                f"{self.path('secrets.json')} is missing: the database beside it cannot be opened.",
                cure="restore the file from a backup, or begin anew with another --data DIR",
            )
        complete = _new_secrets() | known
        if complete != known:
            self.write("secrets.json", complete)
        return complete

    def lock(self) -> "Lock":
        """Take the folder for the life of this process. Raises CannotStart when another server has it."""
        lock = Lock(self.path("run", "lock"))
        if not lock.take():
            other = self.read("run/server.json")
            where = f" at {other['url']}" if other.get("url") else ""
            raise CannotStart(
                f"A server is already running on {self.root}: pid {other.get('pid', 'unknown')}{where}.",
                cure="use that one, stop it (Ctrl-C), or start another with --data DIR and --port N",
            )
        return lock


class Lock:
    """A lock that the system gives back when the process ends, however it ends.

    A POSIX record lock (lockf) and not flock(): children that honcho forks would inherit the latter and
    keep it.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w")

    def take(self) -> bool:
        """True when nobody else has it."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def release(self) -> None:
        """Give it back."""
        self._file.close()


def _new_secrets() -> dict[str, str]:
    names = (
        "secret_key",
        "postgres_admin_password",
        "postgres_password",
        "valkey_password",
        "sandbox_server_key",
    )
    made = {name: secrets.token_urlsafe(32) for name in names}
    # The form of Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks
    made["sandbox_notify_secret"] = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    return made
