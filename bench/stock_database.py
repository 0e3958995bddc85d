"""A PostgreSQL for a benchmark of the stock, and processes with Django beside it."""

import logging
import multiprocessing
import os
import re
import secrets
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from bench.sql import stock as sql
from meterai.embedded import environment, guard, processes
from meterai.embedded.data_folder import DataFolder
from meterai.embedded.ports import free
from meterai.embedded.postgres import ADMIN, NAME, Postgres, binary


class Broken(Exception):
    """A transaction did not run to its end, or serials were lost."""


@dataclass(frozen=True)
class Database:
    """Where to connect, and as whom: the site's own role, or the superuser."""

    server: str
    admin_password: str
    name: str = NAME

    @property
    def address(self) -> str:
        """As DATABASE_URL names it."""
        return urlsplit(self.server)._replace(path=f"/{self.name}").geturl()

    def connect(self, *, admin: bool = False) -> psycopg.Connection:
        parts = urlsplit(self.server)
        who = {"user": ADMIN, "password": self.admin_password} if admin else {"user": NAME, "password": parts.password}
        return psycopg.connect(host=parts.hostname, port=parts.port, dbname=self.name, autocommit=True, **who)

    def run(self, statements: str, *, admin: bool = False) -> Any:
        """Run the statements; the first value of the last one's first row, if it has one."""
        with self.connect(admin=admin) as connection:
            done = connection.execute(statements)  # type: ignore[arg-type]
            row = done.fetchone() if done.description else None
        return row[0] if row else None

    def copy(self, name: str) -> "Database":
        """Another database like this one; nobody may be connected to this one."""
        statement = f"CREATE DATABASE {name} TEMPLATE {self.name} OWNER {NAME}"
        replace(self, name="postgres").run(statement, admin=True)
        return replace(self, name=name)

    def fill(self, *, batch: int, reference: str, count: int, batches: int = 1) -> None:
        """A batch of so many random serials by SQL, active, in no extent yet; or more of them, ids counted upwards."""
        self.run(sql.FILL.format(first=batch, last=batch + batches - 1, reference=reference, count=count), admin=True)

    def settle(self, tables: str = "") -> None:
        """Vacuum, analyse and write everything out, so that none of it falls into a measurement."""
        for statement in (f"VACUUM ANALYZE {tables}", "CHECKPOINT"):
            self.run(statement, admin=True)

    def pgbench(
        self, script: str, *, clients: int, seconds: float = 0, each: int = 0, mode: str = "prepared", options: str = ""
    ) -> float:
        """Transactions a second, for so many seconds or so many `each` client. Raises Broken."""
        until = ["-t", str(each)] if each else ["-T", str(max(1, round(seconds)))]
        parts = urlsplit(self.server)
        given = {"PGHOST": parts.hostname or "", "PGPORT": str(parts.port), "PGDATABASE": self.name}
        given |= {"PGUSER": NAME, "PGPASSWORD": parts.password or "", "PGOPTIONS": options}
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(script)
            file.flush()
            threads = str(min(2, clients))
            command = [binary("pgbench"), "-n", "-M", mode, "-c", str(clients), "-j", threads, *until, "-f", file.name]
            done = subprocess.run(command, check=False, env=os.environ | given, capture_output=True, text=True)
        found = re.search(r"tps = ([\d.]+)", done.stdout)
        if done.returncode or not found:
            raise Broken(done.stderr.strip()[:2000] or done.stdout)
        return float(found[1])


@contextmanager
def own_postgres() -> Iterator[Database]:
    """A PostgreSQL as script/server runs it, in a folder that goes with it, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="meterai-bench-") as root:
        folder, mark = DataFolder.make(Path(root)), secrets.token_hex(16)
        watch = guard.start(data=folder.root, mark=mark, remove=True)
        postgres = Postgres(folder, mark=mark)
        try:
            address = postgres.start(port=free())
            # Valkey is asked by nothing that is measured here.
            addresses = {"BROKER_URL": "redis://127.0.0.1:1/0", "CACHE_URL": "redis://127.0.0.1:1/1"}
            site = {"url": "http://127.0.0.1:8000", "sandbox_url": "http://127.0.0.1:8001"}
            settings = "meterai.settings.testing"
            os.environ |= environment.for_processes(folder, settings=settings, addresses=addresses, **site)
            yield Database(address, folder.secrets()["postgres_admin_password"])
        finally:
            postgres.stop()
            processes.end_marked(mark, patience=2)
            watch.kill()
            watch.wait()


@contextmanager
def in_django(database: Database) -> Iterator[Callable[..., Any]]:
    """A fresh process with Django on `database`; what is given to it runs there, and its answer comes back."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=_set_up, initargs=(database.address,)) as child:
        yield lambda work, *arguments: child.submit(work, *arguments).result()


def _set_up(address: str) -> None:
    import django

    os.environ["DATABASE_URL"] = address
    logging.disable(logging.INFO)
    django.setup()


@dataclass(frozen=True)
class Ours:
    """The SQL that the site itself uses."""

    take: str  # the statement of meterai.taking, whose call may be written in more than one way
    call: str  # the same call of meterai_take, one row a serial
    release: str
    row_arrows: str  # the guard of a stamp's states, for the rows of the textbook way


def migrate() -> Ours:
    """Make the tables, leave no connection open. Runs in a process with Django."""
    from django.core.management import call_command

    from meterai import arrows, taking

    call_command("migrate", verbosity=0)
    leave_no_connection()
    guard_of_a_row = str(arrows.enforce_arrows(table="bench_row", arrows=[("free", "reserved")]).sql)
    return Ours(taking._TAKE, sql.call(taking._TAKE), taking._RELEASE, guard_of_a_row)


def leave_no_connection() -> None:
    """So that this process may be forked, or its database be copied."""
    from django.db import connection

    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
