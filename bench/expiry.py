"""Reservations that lapse together: how fast 100,000 orders are let go, and what buyers notice of it meanwhile.

First alone; then a second wave while checkouts come at a steady rate, of which each one's duration is written down. A
duration counts from when a checkout was due, so that one that had to wait for its turn is not flattered.
"""

import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import urlsplit

from bench import shape
from bench.sql.stock import ORDERS, RESET, transaction
from bench.stock_database import Broken, Database, in_django, migrate, own_postgres
from meterai.embedded.postgres import NAME, binary

WAVE, WAVE_QUICK = 100_000, 20_000
CLIENTS, RATE = 8, 500  # connections, checkouts a second
LAPSED = "UPDATE orders_order SET expires_at = now() - interval '1 hour' WHERE state = 'pending'"
PEOPLE = """
INSERT INTO meterai_user (id, password, username, first_name, last_name, email, is_staff, is_active, is_superuser,
    date_joined) SELECT n, '', n::text, '', '', '', true, true, false, now() FROM generate_series(1, 2) n
"""


def measure(options: shape.Options, report: shape.Report) -> None:
    wave = WAVE_QUICK if options.quick else WAVE
    with own_postgres() as database:
        with in_django(database) as django:
            checkout = transaction(django(migrate).call)
        for statements in (PEOPLE, ORDERS.format(owner=NAME)):
            database.run(statements, admin=True)
        database.fill(batch=1, reference="expiry", count=5 * wave)
        database.run(RESET.format(batch=1, count=5 * wave), admin=True)
        with in_django(database) as django:
            django(conserve)  # Django is up, and connected, before anything is measured
            lapse(database, checkout, wave)
            began, ended = let_go(django, wave)
            report.figures["freed_s"] = ended - began
            report.notes["freed_s"] = f"{wave:,} orders of one stamp, one sweeper, nothing else under way"
            lapse(database, checkout, wave)
            under_load(database, django, report, checkout, wave, seconds=5 if options.quick else 20)
            if difference := django(conserve):
                raise Broken(f"{difference} serials are not accounted for")


def lapse(database: Database, checkout: str, wave: int) -> None:
    """So many orders, placed, and past their deadline."""
    database.pgbench(checkout, clients=CLIENTS, each=wave // CLIENTS, options="-c synchronous_commit=off")
    database.run(LAPSED)
    database.settle()


def let_go(django: Any, wave: int) -> tuple[float, float]:
    """Let the wave go; when that began and ended, in seconds since the epoch."""
    began = time.time()
    freed = django(release)
    if freed < wave:
        raise Broken(f"{freed} of {wave} orders were let go")
    return began, time.time()


def under_load(
    database: Database, django: Any, report: shape.Report, checkout: str, wave: int, *, seconds: int
) -> None:
    """The same checkouts before the wave, while it is let go, and after it, when they draw on what came back."""
    with tempfile.TemporaryDirectory() as folder:
        shop = open_shop(database, checkout, folder, seconds=4 * seconds)
        try:
            time.sleep(seconds)
            began, ended = let_go(django, wave)
            _out, error = shop.communicate(timeout=8 * seconds)
        finally:
            shop.kill()
            shop.wait()
        if shop.returncode:
            raise Broken(error.decode()[:2000])
        done = read(Path(folder))
    opened = done[0].at + 1  # in the first second connections are made and statements planned
    before = [one.ms for one in done if opened < one.at < began]
    during = [one.ms for one in done if began <= one.at <= ended]
    after = [one.ms for one in done if one.at > ended]
    report.figures |= {
        "freed_under_load_s": ended - began,
        "p50_ms_before": quantile(before, 50),
        "p50_ms_during": quantile(during, 50),
        "p99_ms_before": quantile(before, 99),
        "p99_ms_during": quantile(during, 99),
        "p99_ms_after": quantile(after, 99),
        "rate_ratio": (len(during) / (ended - began)) / (len(before) / (began - opened)),
    }
    report.notes["freed_under_load_s"] = f"{wave:,} orders, at {RATE} checkouts a second on {CLIENTS} connections"
    report.notes["p99_ms_after"] = "drawn from what came back"
    report.notes["rate_ratio"] = "checkouts done a second, during / before: below 1 they fall behind"


@dataclass(frozen=True)
class Checkout:
    """When it was done, in seconds since the epoch, and how long after it was due, in milliseconds."""

    at: float
    ms: float


def open_shop(database: Database, checkout: str, folder: str, *, seconds: int) -> "subprocess.Popen[bytes]":
    """Checkouts at a steady rate for so long; their log goes into the folder."""
    script, parts = Path(folder) / "checkout.sql", urlsplit(database.address)
    script.write_text(checkout)
    given = {"PGHOST": parts.hostname or "", "PGPORT": str(parts.port), "PGDATABASE": database.name}
    given |= {"PGUSER": NAME, "PGPASSWORD": parts.password or ""}
    command = [binary("pgbench"), "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "1", "-T", str(seconds)]
    command += ["-R", str(RATE), "-l", f"--log-prefix={folder}/log", "-f", str(script)]
    return subprocess.Popen(command, env=os.environ | given, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def read(folder: Path) -> list[Checkout]:
    """pgbench's log: client, number, microseconds since it was due, script, second, microsecond, lag."""
    words = (line.split() for file in folder.glob("log.*") for line in file.read_text().splitlines())
    done = (Checkout(at=int(row[4]) + int(row[5]) / 1e6, ms=int(row[2]) / 1000) for row in words)
    return sorted(done, key=lambda one: one.at)


def quantile(values: list[float], percent: int) -> float:
    return quantiles(values, n=100)[percent - 1]


# --- what runs in a process with Django ------------------------------------------------------------------------------


def release() -> int:
    from orders import reserving

    return reserving.release_expired(at=datetime.now(UTC), limit=1_000_000)


def conserve() -> int:
    from meterai import conserving

    return sum(abs(balance.difference) for balance in conserving.balances())


if __name__ == "__main__":
    shape.run("expiry", measure, quick=40, full=180)
