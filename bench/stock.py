"""Selling a serial once: our reserve statement against no allocation at all, and against the textbook ways.

One PostgreSQL of its own, set up as script/server sets it up (fsync on). The SQL is driven by pgbench with prepared
statements, a transaction being order + serial + line + outbox row; the service is `orders.ordering.place_order` in
eight processes. The ceiling is the same transaction with its serial handed to it by a sequence: the same rows are
written, but nothing is chosen and nobody waits.
"""

import logging
import multiprocessing
import os
import re
import resource
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import psycopg

from bench import shape
from bench.sql.stock import FILL, HANDED, RESET, WAYS, YARDSTICKS, as_pgbench, transaction
from meterai.embedded import environment, guard, processes
from meterai.embedded.data_folder import DataFolder
from meterai.embedded.ports import free
from meterai.embedded.postgres import ADMIN, NAME, Postgres, binary

PROCESSES = 8  # that place orders at one time
SMALL, LARGE, WEAR = 10_000, 10_000_000, 500_000  # serials, serials, reservations


class Broken(Exception):
    """A transaction did not run to its end, or serials were lost."""


@dataclass(frozen=True)
class Database:
    """Where to connect, and as whom: the site's own role, or the superuser."""

    address: str
    admin_password: str
    name: str = NAME

    def connect(self, *, admin: bool = False) -> psycopg.Connection:
        parts = urlsplit(self.address)
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

    def pgbench(
        self, script: str, *, clients: int, seconds: float = 0, each: int = 0, mode: str = "prepared", options: str = ""
    ) -> float:
        """Transactions a second, for so many seconds or so many `each` client. Raises Broken."""
        until = ["-t", str(each)] if each else ["-T", str(max(1, round(seconds)))]
        parts = urlsplit(self.address)
        given = {"PGHOST": parts.hostname or "", "PGPORT": str(parts.port), "PGDATABASE": self.name}
        given |= {"PGUSER": NAME, "PGPASSWORD": parts.password or "", "PGOPTIONS": options}
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(script)
            file.flush()
            command = [binary("pgbench"), "-n", "-M", mode, "-c", str(clients), "-j", "2", *until, "-f", file.name]
            done = subprocess.run(command, check=False, env=os.environ | given, capture_output=True, text=True)
        found = re.search(r"tps = ([\d.]+)", done.stdout)
        if done.returncode or not found:
            raise Broken(done.stderr.strip()[:2000] or done.stdout)
        return float(found[1])


# --- the parts of a run ------------------------------------------------------------------------------------------


def measure(options: shape.Options, report: shape.Report) -> None:
    began = time.monotonic()
    with own_postgres() as database, in_django() as django:
        take, arrows = django(migrate)
        empty = None if options.quick else database.copy("bench_small")
        count = 100_000 if options.quick else 1_200_000
        stock_up(database, django, report, count=count, arrows=arrows)
        handed = HANDED.format(spare=spare(database))
        statements(database, report, take=take, quick=options.quick, seconds=options.seconds / 100)
        service(report, handed=handed, seconds=options.seconds / 20)
        if empty:
            worn(database, report, take=take, handed=handed)
        balance(database, django, report)
        if empty:
            size(empty, report, take=take, left=options.seconds * 1.15 - (time.monotonic() - began))
        for name, what in {"size_ratio": f"{LARGE:,} serials", "worn_ratio": f"{WEAR:,} reservations"}.items():
            if name not in report.figures:
                report.missing(name, f"{what} do not fit into the time of this run")


def stock_up(database: Database, django: Callable[..., Any], report: shape.Report, *, count: int, arrows: str) -> None:
    """Two batches by the real import: one on sale, and a spare one whose serials the yardsticks use."""
    with in_django() as fresh:
        seconds, peak = fresh(import_and_sell, count)
    report.figures |= {"import_serials_per_s": count / seconds, "import_peak_mb": peak}
    report.notes["import_serials_per_s"] = f"one delivery of {count:,} serials, checked and committed"
    report.notes["import_peak_mb"] = "peak of the importing process, all of Django included"
    django(import_spare, count)
    database.run(YARDSTICKS.format(spare=spare(database), half=count // 2))
    database.run(arrows + "ANALYZE")


def statements(database: Database, report: shape.Report, *, take: str, quick: bool, seconds: float) -> None:
    """All ways take turns, so that a slow moment hits each; a ratio is the median over the rounds."""
    batch = spare(database)
    ways = {"ours": take} | {name: way.format(spare=batch) for name, way in WAYS.items()}
    turns = [("ours", 8), ("handed", 8), ("bare", 8), ("ours", 32), ("handed", 32), ("row", 32), ("counter", 32)]
    rates: dict[tuple[str, int], list[float]] = {turn: [] for turn in turns}
    for _round in range(2 if quick else 5):
        for way, clients in turns:
            rates[way, clients].append(database.pgbench(transaction(ways[way]), clients=clients, seconds=seconds))

    def ratio(way: str, yardstick: str, clients: int) -> float:
        pairs = zip(rates[way, clients], rates[yardstick, clients], strict=True)
        return median(ours / theirs for ours, theirs in pairs)

    report.figures |= {
        "sql_ratio_8": ratio("ours", "handed", 8),
        "sql_ratio_32": ratio("ours", "handed", 32),
        "bare_ratio_8": ratio("ours", "bare", 8),
        "row_ratio_32": ratio("row", "handed", 32),
        "counter_ratio_32": ratio("counter", "handed", 32),
    }
    for clients in (8, 32):
        ours, theirs = (median(rates[way, clients]) for way in ("ours", "handed"))
        report.notes[f"sql_ratio_{clients}"] = f"{ours:,.0f} of {theirs:,.0f} transactions/s"
    report.notes["bare_ratio_8"] = "against order, line and outbox row alone: no stamp row, no ledger"
    report.notes["row_ratio_32"] = "on fresh rows with a partial index, its best hour; wear is not measured"
    if not quick:
        pair = (transaction(ways[way]) for way in ("ours", "handed"))
        ours, theirs = (database.pgbench(script, clients=8, seconds=5, mode="extended") for script in pair)
        report.figures["unprepared_ratio_8"] = ours / theirs
        report.notes["unprepared_ratio_8"] = "planned anew each time, as Django sends it"


def service(report: shape.Report, *, handed: str, seconds: float) -> None:
    """place_order in eight processes, with its own statement and with the ceiling's, in turns."""
    with in_django() as fresh:
        rates = fresh(buy_together, ["", handed] * 2, seconds / 2)
    turn = [sum(rates_of_a_turn) for rates_of_a_turn in zip(*rates, strict=True)]
    ours, ceiling = (turn[0] + turn[2]) / 2, (turn[1] + turn[3]) / 2
    report.figures["service_ratio_8"] = ours / ceiling
    report.notes["service_ratio_8"] = f"{ours:,.0f} of {ceiling:,.0f} orders/s through place_order"


def worn(database: Database, report: shape.Report, *, take: str, handed: str) -> None:
    """Half a million reservations of one serial each, no vacuum meanwhile: what is left of our rate.

    Before and after are each measured against the ceiling of that moment, or the machine's own ups and downs would be
    all that is seen.
    """
    for table in ("extent", "pooled", "stamp", "movement"):
        database.run(f"ALTER TABLE meterai_{table} SET (autovacuum_enabled = false)")

    def ratio() -> float:
        rates = [[database.pgbench(transaction(way), clients=8, seconds=3) for way in (take, handed)] for _ in range(3)]
        return median(ours / theirs for ours, theirs in rates)

    before = ratio()
    wear = as_pgbench(take).replace(":code", "'wear'")
    database.pgbench(wear, clients=8, each=WEAR // 8, options="-c synchronous_commit=off")
    report.figures["worn_ratio"] = ratio() / before
    report.notes["worn_ratio"] = f"{WEAR:,} reservations of one serial, autovacuum off on the stock tables"


def balance(database: Database, django: Callable[..., Any], report: shape.Report) -> None:
    """How long the conservation query takes on what the run has left. Nothing may be missing."""
    seconds, difference = django(conserve)
    if difference:
        raise Broken(f"{difference} serials of the batch on sale are not accounted for")
    report.figures["conservation_s"] = seconds
    stamps = database.run("SELECT count(*) FROM meterai_stamp")
    report.notes["conservation_s"] = f"over {stamps:,} stamps; the batch on sale is balanced"


def size(small: Database, report: shape.Report, *, take: str, left: float) -> None:
    """The same 8,000 transactions on ten thousand and on ten million serials, or on as many as the time allows."""
    tiny, large = small.copy("bench_probe"), small.copy("bench_large")
    began = time.monotonic()
    fill(tiny, 200_000)
    a_serial = (time.monotonic() - began) / 200_000 * 3  # larger indexes take longer than in proportion
    count = int(min(LARGE, max(left - 30, 10) / a_serial))
    counts = {small: SMALL, large: count}
    for database, serials in counts.items():
        fill(database, serials)
    rates: dict[Database, list[float]] = {small: [], large: []}
    for _round in range(5):
        for database, serials in counts.items():
            database.run(RESET.format(count=serials), admin=True)
            for settle in ("VACUUM ANALYZE", "CHECKPOINT"):  # neither may fall into the measurement
                database.run(settle, admin=True)
            rates[database].append(database.pgbench(transaction(take), clients=8, each=SMALL // 10))
    report.figures["size_ratio"] = median(rates[large]) / median(rates[small])
    report.notes["size_ratio"] = f"{count:,} serials against {SMALL:,}, 8,000 transactions at 8 clients each"


# --- databases ------------------------------------------------------------------------------------------------------


def spare(database: Database) -> int:
    return int(database.run("SELECT id FROM meterai_batch WHERE reference = 'spare'"))


def fill(database: Database, count: int) -> None:
    database.run(FILL.format(count=count, owner=NAME), admin=True)
    database.run("VACUUM ANALYZE meterai_serial", admin=True)


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
            os.environ["DATABASE_URL"] = address
            yield Database(address, folder.secrets()["postgres_admin_password"])
        finally:
            postgres.stop()
            processes.end_marked(mark, patience=2)
            watch.kill()
            watch.wait()


# --- what runs in processes with Django ------------------------------------------------------------------------------


@contextmanager
def in_django() -> Iterator[Callable[..., Any]]:
    """A fresh process with Django; what is given to it runs there, and its answer comes back."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=set_up) as child:
        yield lambda work, *arguments: child.submit(work, *arguments).result()


def set_up() -> None:
    import django

    logging.disable(logging.INFO)
    django.setup()


def migrate() -> tuple[str, str]:
    """Make the tables, leave no connection open. Returns the very statement of meterai.taking, and the row's guard."""
    from django.core.management import call_command
    from django.db import connection

    from meterai import arrows, taking

    call_command("migrate", verbosity=0)
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    return taking._TAKE, str(arrows.enforce_arrows(table="bench_row", arrows=[("free", "reserved")]).sql)


def import_and_sell(count: int) -> tuple[float, float]:
    """Import a delivery and put it on sale: seconds of the import alone, and the peak memory in megabytes."""
    from meterai import stocking
    from meterai.models import User

    one, two = (User.objects.create(username=name, is_staff=True) for name in ("gudang", "keuangan"))
    batch, seconds = take_in(count, reference="stock", by=one)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000
    stocking.activate(batch=batch, by=two, at=datetime.now(UTC))
    return seconds, peak


def import_spare(count: int) -> None:
    from meterai.models import User

    take_in(count, reference="spare", by=User.objects.get(username="gudang"))


def take_in(count: int, *, reference: str, by: Any) -> tuple[Any, float]:
    from meterai import stocking

    with tempfile.TemporaryFile() as file:
        for _line in range(count):
            file.write(secrets.token_hex(11).upper().encode() + b"\n")
        file.seek(0)
        began = time.perf_counter()
        batch = stocking.take_in(delivery=file, reference=reference, by=by, at=datetime.now(UTC))
        return batch, time.perf_counter() - began


def conserve() -> tuple[float, int]:
    from meterai import conserving

    began = time.perf_counter()
    balances = conserving.balances()
    return time.perf_counter() - began, next(one.difference for one in balances if one.batch == "stock")


def buy_together(turns: list[str], seconds: float) -> list[list[float]]:
    """Orders a second in each turn, for each of eight processes. Forked: no connection is open yet."""
    fork = multiprocessing.get_context("fork")
    barrier, results = fork.Barrier(PROCESSES), fork.SimpleQueue()
    buyers = [fork.Process(target=buy, args=(barrier, results, turns, seconds)) for _ in range(PROCESSES)]
    for buyer in buyers:
        buyer.start()
    rates = [results.get() for _ in buyers]
    for buyer in buyers:
        buyer.join()
    return rates


def buy(barrier: Any, results: Any, turns: list[str], seconds: float) -> None:
    """Place orders for so many seconds a turn; a turn's statement takes the place of the one in meterai.taking."""
    from meterai import taking
    from orders import ordering

    own = taking._TAKE
    wish = ordering.Wish(quantity=1, email="siti@contoh.example", phone="", gateway="sandbox", method="qris")
    ordering.place_order(wish=wish, idempotency_key=secrets.token_hex(16), at=datetime.now(UTC))
    rates = []
    for statement in turns:
        taking._TAKE = statement or own
        barrier.wait()
        began, done = time.perf_counter(), 0
        while time.perf_counter() < began + seconds:
            ordering.place_order(wish=wish, idempotency_key=secrets.token_hex(16), at=datetime.now(UTC))
            done += 1
        rates.append(done / (time.perf_counter() - began))
    results.put(rates)


if __name__ == "__main__":
    shape.run("stock", measure, quick=40, full=440)
