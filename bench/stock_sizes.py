"""What size and wear do to the rate, and how long conservation takes: on databases filled by SQL."""

import time

from bench import shape
from bench.sql import stock as sql
from bench.stock_database import Broken, Database, Ours, in_django
from bench.stock_rates import Rates
from bench.stock_service import conserve
from meterai.embedded.postgres import NAME

SMALL, MEDIUM, LARGE = 10_000, 1_000_000, 10_000_000  # serials
WEAR = 500_000  # reservations
ROUNDS = 5
BATCH, SPARE = 1, 2
# The spare batch beside the middle size: the first part is for the ceiling, the second is sold as rows.
HANDED, ROWS = 250_000, WEAR + 150_000
STAMPS, SECONDS_A_MILLION_STAMPS = 8_000_000, 9
_TABLES = "orders_order, orders_line, orders_notice, meterai_stamp, meterai_movement, meterai_extent, meterai_pooled"


def sized(empty: Database) -> dict[int, Database]:
    """A database for each size, filled."""
    names = {SMALL: "bench_small", MEDIUM: "bench_medium", LARGE: "bench_large"}
    databases = {count: empty.copy(name) for count, name in names.items()}
    for count, database in databases.items():
        database.fill(batch=BATCH, reference="stock", count=count)
        database.run(sql.ORDERS.format(owner=NAME), admin=True)
        database.settle()
    return databases


def put_on_sale(database: Database, count: int) -> None:
    """All serials in extents, nothing sold yet, nothing left to be vacuumed or written out."""
    database.run(sql.RESET.format(batch=BATCH, count=count), admin=True)
    database.settle(_TABLES)


def size(databases: dict[int, Database], report: shape.Report, *, ours: Ours, deadline: float) -> None:
    """The same 8,000 transactions at each size, in turns; no round but the first begins after `deadline`."""
    rates = Rates()
    script = sql.transaction(ours.call)
    for number in range(ROUNDS):
        if number and time.monotonic() > deadline:
            break
        for count, database in databases.items():
            put_on_sale(database, count)
            rates.add(str(count), 8, database.pgbench(script, clients=8, each=SMALL // 10))
    for name, count in {"size_ratio": LARGE, "size_ratio_1m": MEDIUM}.items():
        report.figures[name] = rates.ratio(str(count), str(SMALL), 8)
        medians = (rates.middle(str(serials), 8) for serials in (count, SMALL))
        rounds = rates.rounds(str(count), 8)
        report.notes[name] = "{:,.0f} of {:,.0f} transactions/s".format(*medians) + f", 8 connections, {rounds} rounds"


def worn(database: Database, report: shape.Report, *, ours: Ours, seconds: float) -> None:
    """Half a million reservations of one serial each, no vacuum meanwhile: what is left of our rate.

    Before and after are each measured against the ceiling of that moment, or the machine's own ups and downs would be
    all that is seen.
    """
    put_on_sale(database, MEDIUM)
    database.fill(batch=SPARE, reference="spare", count=HANDED + ROWS)
    database.run(yardsticks(ours, spare=SPARE, counted=HANDED, rows=HANDED))
    for table in ("meterai_extent", "meterai_pooled", "meterai_stamp", "meterai_movement", "bench_row"):
        database.run(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
    database.settle()
    ways = {"ours": ours.call, "row": sql.ROW, "handed": sql.call(ours.take, "bench_handed")}

    def rates() -> Rates:
        taken = Rates()
        for _round in range(3):
            for way, statement in ways.items():
                taken.add(way, 8, database.pgbench(sql.transaction(statement), clients=8, seconds=seconds))
        return taken

    before = rates()
    wear = sql.as_pgbench(ours.call).replace(":code", "'wear'")
    database.pgbench(wear, clients=8, each=WEAR // 8, options="-c synchronous_commit=off")
    database.run(sql.WEAR_ROWS.format(count=WEAR))
    after = rates()
    worn_to = {way: after.ratio(way, "handed", 8) / before.ratio(way, "handed", 8) for way in ("ours", "row")}
    report.figures["worn_ratio"] = worn_to["ours"]
    report.notes["worn_ratio"] = (
        f"{WEAR:,} reservations of one serial, autovacuum off on the stock tables;"
        f" {worn_to['row']:.2f} for the row way, as many rows sold by one UPDATE"
    )


def yardsticks(ours: Ours, *, spare: int, counted: int, rows: int) -> str:
    """The ceiling and the textbook ways, on a spare batch: past `counted` for the counter, past `rows` as rows."""
    functions = (sql.FUNCTION.format(name=name, body=body.format(spare=spare)) for name, body in sql.BODIES.items())
    return sql.YARDSTICKS.format(spare=spare, counted=counted, rows=rows) + ours.row_arrows + "".join(functions)


def conservation(database: Database, report: shape.Report, *, left: float) -> None:
    """The conservation query over ten million serials, most of them stamps: as many as can be made in the time left."""
    stamps = int(min(STAMPS, max((left - 10) / SECONDS_A_MILLION_STAMPS, 1) * 1_000_000))
    parts = {"stamps": stamps, "pooled": stamps + LARGE // 100}
    database.run(sql.USED.format(batch=BATCH, count=LARGE, **parts), admin=True)
    database.settle(_TABLES)
    with in_django(database) as django:
        seconds, differences = django(conserve)
    if any(differences.values()):
        raise Broken(f"serials are not accounted for: {differences}")
    report.figures["conservation_s"] = seconds
    report.notes["conservation_s"] = f"{LARGE:,} serials, of which {stamps:,} stamps and {LARGE // 100:,} in the pool"
