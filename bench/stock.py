"""Selling a serial once: our reserve step against no allocation at all, and against the textbook ways.

One PostgreSQL of its own, set up as script/server sets it up (fsync on). The SQL is driven by pgbench with prepared
statements, a transaction being order + serial + line + outbox row; the service is `orders.ordering.place_order` in
processes of its own. The ceiling is the same transaction with its serial handed to it by a sequence: the same rows are
written, but nothing is chosen and nobody waits. Every yardstick runs in two forms, as one prepared statement and as a
function whose plans are kept (ours is such a function); at each number of connections the faster form counts.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from bench import shape, stock_sizes
from bench.sql import stock as sql
from bench.stock_database import Broken, Database, Ours, in_django, migrate, own_postgres
from bench.stock_rates import Rates, Turn
from bench.stock_service import buy_together, conserve, import_and_sell
from meterai.embedded.postgres import NAME

SPARE = 1000  # the batch whose serials the yardsticks use
CEILING = {"handed": "the ceiling as a statement", "handed()": "the ceiling as a function"}
LARGE_PARTS = {
    "size_ratio": "10,000,000 serials",
    "size_ratio_1m": "1,000,000 serials",
    "worn_ratio": "500,000 reservations",
}


def measure(options: shape.Options, report: shape.Report) -> None:
    began = time.monotonic()
    quick = options.quick

    def after(share: float) -> float:
        """When that share of the run's time is over."""
        return began + options.seconds * share

    with own_postgres() as database:
        with in_django(database) as django:
            ours = django(migrate)
        empty = None if quick else database.copy("bench_empty")
        stock_up(database, report, ours=ours, count=100_000 if quick else 1_000_000)
        seconds = options.seconds / 280  # of a turn
        statements(database, report, ours=ours, quick=quick, seconds=seconds, deadline=after(0.65 if quick else 0.45))
        with in_django(database) as django:
            service(django, report, quick=quick)
            balance(django, database, report)
        if empty:
            databases = stock_sizes.sized(empty)
            stock_sizes.size(databases, report, ours=ours, deadline=after(0.6))
            stock_sizes.worn(databases[stock_sizes.MEDIUM], report, ours=ours, seconds=seconds)
            left = after(1) - time.monotonic()
            stock_sizes.conservation(databases[stock_sizes.LARGE], report, left=left)
    for name, what in LARGE_PARTS.items():
        if name not in report.figures:
            report.missing(name, f"{what} do not fit into the time of this run")


def stock_up(database: Database, report: shape.Report, *, ours: Ours, count: int) -> None:
    """A batch on sale by the real import, and a spare one by SQL for the yardsticks."""
    with in_django(database) as fresh:
        seconds, peak = fresh(import_and_sell, count)
    report.figures |= {"import_serials_per_s": count / seconds, "import_peak_mb": peak}
    report.notes["import_serials_per_s"] = (
        f"one delivery of {count:,} serials, checked and committed in {seconds:.1f} s"
    )
    report.notes["import_peak_mb"] = "peak of the importing process, all of Django included"
    spare = 300_000 if count < 1_000_000 else 2_000_000
    database.fill(batch=SPARE, reference="spare", count=spare)
    database.run(sql.ORDERS.format(owner=NAME), admin=True)
    # Of the spare serials 70 % are for the ceiling, 10 % for the counter, 20 % to be sold as rows.
    parts = {"counted": spare * 7 // 10, "rows": spare * 8 // 10}
    database.run(stock_sizes.yardsticks(ours, spare=SPARE, **parts))
    database.settle()


def statements(
    database: Database, report: shape.Report, *, ours: Ours, quick: bool, seconds: float, deadline: float
) -> None:
    """Our call, and each yardstick in both forms."""
    ways = {"ours": ours.call, "bare": sql.BARE.format(spare=SPARE)}
    for name, statement in sql.STATEMENTS.items():
        ways |= {name: statement.format(spare=SPARE), f"{name}()": sql.call(ours.take, f"bench_{name}")}
    textbook = [form for form in ("row", "row()", "counter", "counter()") if "()" in form or not quick]
    # What a promise hangs on is measured most often. A textbook way is there for comparison.
    rounds = {1: 1, 8: 2, 32: 2, 64: 1} if quick else {1: 3, 8: 7, 32: 7, 64: 3}
    turns = [Turn(way, clients, times) for clients, times in rounds.items() for way in ("ours", *CEILING)]
    turns += [Turn(way, clients, 1 if quick else 2) for clients in (8, 32) for way in textbook]
    turns.append(Turn("bare", 8, 1 if quick else 3))
    rates = Rates().take(database, ways=ways, turns=turns, seconds=seconds, deadline=deadline)
    for clients in rounds:
        ceiling = rates.faster("handed", clients)
        report.figures[f"sql_ratio_{clients}"] = rates.ratio("ours", ceiling, clients)
        medians = (rates.middle(way, clients) for way in ("ours", ceiling))
        what = f", {CEILING[ceiling]}, {rates.rounds(ceiling, clients)} rounds"
        report.notes[f"sql_ratio_{clients}"] = "{:,.0f} of {:,.0f} transactions/s".format(*medians) + what
    for clients in (8, 32):
        for name in ("row", "counter"):
            form = rates.faster(name, clients)
            report.figures[f"{name}_ratio_{clients}"] = rates.ratio(form, rates.faster("handed", clients), clients)
            report.notes[f"{name}_ratio_{clients}"] = f"{rates.middle(form, clients):,.0f} transactions/s"
        report.notes[f"row_ratio_{clients}"] += ", on fresh rows with a partial index, its best hour"
    report.figures["bare_ratio_8"] = rates.ratio("ours", "bare", 8)
    report.notes["bare_ratio_8"] = "against order, line and outbox row alone: no stamp row, no ledger"
    if not quick:
        unprepared(database, report, ours=ways["ours"], handed=ways["handed()"], seconds=seconds / 2)


def unprepared(database: Database, report: shape.Report, *, ours: str, handed: str, seconds: float) -> None:
    """Both calls planned anew each time, as Django sends them."""
    pairs = []
    for _round in range(3):
        scripts = (sql.transaction(way) for way in (ours, handed))
        pairs.append([database.pgbench(script, clients=8, seconds=seconds, mode="extended") for script in scripts])
    report.figures["unprepared_ratio_8"] = median(mine / theirs for mine, theirs in pairs)
    report.notes["unprepared_ratio_8"] = "planned anew each time, as Django sends it"


def service(django: Callable[..., Any], report: shape.Report, *, quick: bool) -> None:
    """place_order in eight processes and in one, with its own function and with the ceiling's, in turns."""
    for processes, seconds in {8: 0.8 if quick else 4.0, 1: 0.5 if quick else 2.0}.items():
        turns = ["meterai_take", "bench_handed"] * (2 if quick else 3)
        rates = django(buy_together, processes, turns, seconds)
        ours, ceiling = rates[::2], rates[1::2]
        name = f"service_ratio_{processes}"
        report.figures[name] = median(mine / theirs for mine, theirs in zip(ours, ceiling, strict=True))
        report.notes[name] = f"{median(ours):,.0f} of {median(ceiling):,.0f} orders/s through place_order"


def balance(django: Callable[..., Any], database: Database, report: shape.Report) -> None:
    """Nothing of the batch on sale may be missing after all that."""
    seconds, differences = django(conserve)
    if differences["stock"]:
        raise Broken(f"{differences['stock']} serials of the batch on sale are not accounted for")
    stamps = database.run("SELECT count(*) FROM meterai_stamp")
    report.figures["conservation_s"] = seconds
    report.notes["conservation_s"] = f"over {stamps:,} stamps; the batch on sale is balanced"


if __name__ == "__main__":
    shape.run("stock", measure, quick=40, full=560)
