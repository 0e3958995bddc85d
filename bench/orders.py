"""Orders over HTTP: the order committed and the answer sent, by the real server with everything else running beside it.

The site is started as script/server starts it: PostgreSQL with fsync on, Valkey, two web processes of eight threads, a
worker, the scheduler and the sandbox gateway, all on the machine that also runs the buyers. Each buyer sends its next
order when the last one is answered (bench/orders_load.py). Meanwhile the worker starts the payments and sends the mail.
The yardstick is the same transaction as plain SQL, by pgbench, while the site rests.
"""

import time
from collections import defaultdict
from statistics import median
from typing import Any

from bench import shape
from bench.orders_site import WORKSHOP, Bench, collect, site, statements
from bench.sql import orders as sql
from bench.stock_database import in_django, migrate
from bench.stock_service import conserve, import_and_sell
from meterai.embedded.postgres import NAME

CLIENTS = (1, 8, 32, 64)
CALM = 30.0  # seconds that the worker is given to finish what a turn left
Measured = dict[Any, list[dict[str, Any]]]


def measure(options: shape.Options, report: shape.Report) -> None:
    began = time.monotonic()
    with site() as bench:
        with in_django(bench.database) as django:
            django(collect)
            django(migrate)
            django(import_and_sell, 20_000 if options.quick else 150_000)
            sent = django(statements)
        report.figures["statements_per_order"] = len(sent)
        report.notes["statements_per_order"] = "BEGIN, COMMIT and savepoints counted; a first order through the API"
        bench.database.run(sql.SEQUENCE.format(owner=NAME), admin=True)
        bench.start("web", *WORKSHOP)
        bench.wait()
        orders(bench, report, quick=options.quick, began=began, seconds=options.seconds)
        balance(bench, report)


def orders(bench: Bench, report: shape.Report, *, quick: bool, began: float, seconds: float) -> None:
    """Rounds in which each number of clients and the yardstick take their turn."""
    each = 1.0 if quick else 6.0
    measured, raw = defaultdict(list), []
    for kind in ("api", "form"):  # the first order of a process loads what the others find
        bench.rush(clients=16, seconds=1.0, kind=kind)
    for number in range(1 if quick else 4):
        if number and time.monotonic() - began > seconds * 0.7:
            break
        for clients in CLIENTS:
            measured[clients].append(bench.rush(clients=clients, seconds=each))
            bench.calm(seconds=1 if quick else CALM)
        measured["form"].append(bench.rush(clients=32, seconds=each, kind="form"))
        bench.calm(seconds=2 if quick else CALM)
        raw.append(bench.database.pgbench(sql.TRANSACTION, clients=32, seconds=each))
    bench.stop(*WORKSHOP)
    costs = alone(bench, measured, seconds=each)
    tell(report, measured, raw)
    for name, milliseconds in costs.items():
        report.figures[f"{name}_cpu_ms_per_order"] = milliseconds
        report.notes[f"{name}_cpu_ms_per_order"] = "processor time, which a busy machine does not stretch"


def alone(bench: Bench, measured: Measured, *, seconds: float) -> dict[str, float]:
    """32 clients and the web server without the workshop: milliseconds of processor time an order, by part."""
    count = "SELECT count(*) FROM orders_order"
    before, made = bench.spent(), bench.database.run(count)
    measured["alone"].append(bench.rush(clients=32, seconds=seconds))
    after, made = bench.spent(), bench.database.run(count) - made
    return {name: 1000 * (after[name] - before[name]) / made for name in ("web", "postgres")}


def tell(report: shape.Report, measured: Measured, raw: list[float]) -> None:
    """The figures: medians over the rounds."""

    def middle(turn: Any, what: str = "per_s") -> float:
        return median(one[what] for one in measured[turn])

    for clients in CLIENTS:
        report.figures[f"orders_per_s_{clients}"] = middle(clients)
        report.notes[f"orders_per_s_{clients}"] = "answered in {:,.0f} ms at the median, 99 % in {:,.0f}".format(
            middle(clients, "p50_ms"), middle(clients, "p99_ms")
        )
    report.figures["p99_ms_32"] = middle(32, "p99_ms")
    rounds = range(len(raw))
    report.figures["collapse_ratio"] = median(measured[64][n]["per_s"] / measured[8][n]["per_s"] for n in rounds)
    report.figures["sql_ratio_32"] = median(measured[32][n]["per_s"] / raw[n] for n in rounds)
    report.notes["sql_ratio_32"] = f"of {median(raw):,.0f} transactions/s, {len(raw)} rounds"
    report.figures["form_orders_per_s_32"] = middle("form")
    report.notes["form_orders_per_s_32"] = f"by the buyers' form; 99 % in {middle('form', 'p99_ms'):,.0f} ms"
    report.figures["alone_orders_per_s_32"] = middle("alone")
    report.notes["alone_orders_per_s_32"] = "without worker, scheduler and gateway beside the web server"


def balance(bench: Bench, report: shape.Report) -> None:
    """Every serial is accounted for, or the run fails."""
    with in_django(bench.database) as django:
        _seconds, differences = django(conserve)
    if any(differences.values()):
        raise RuntimeError(f"not accounted for: {differences}")
    made = bench.database.run("SELECT count(*) FROM orders_order")
    report.notes["conserved"] = f"{made:,} orders, every serial accounted for"


if __name__ == "__main__":
    shape.run("orders", measure, quick=40, full=300)
