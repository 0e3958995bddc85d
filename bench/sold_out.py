"""The last serials, drawn by 32 connections: is anybody told "sold out" while there were some left?

Round by round two batches go on sale in a few extents, and every connection reserves one serial after the other by the
site's own call until it is told that none is left; it goes on asking until all the others have been told so as well.
Now and then a connection gives some serials back, by the site's own statement, or its transaction ends in a rollback
after it has taken one. No answer is believed: each is compared with all that the other connections were told.
"""

import array
import bisect
import multiprocessing
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from threading import BrokenBarrierError
from typing import Any

import psycopg

from bench import shape
from bench.sql import stock as sql
from bench.stock_database import Broken, Database, Ours, in_django, migrate, own_postgres
from bench.stock_service import conserve

CLIENTS = 32
EXTENTS = (8, 4, 2, 1)  # of a batch, taking turns: sixteen at most in a round of two batches
GIVE_BACK, ROLL_BACK = 1 / 40, 1 / 100  # of all takes
BACK_AT_ONCE = 3  # serials
HELD_FOR = timedelta(minutes=32)
DRY = 3  # empty answers in a row, of every connection, end a round
REST = 0.002  # seconds before asking again after an empty answer
PATIENCE = 300.0  # seconds that a round may take
Sale = tuple[float, int]  # when, and how many serials


@dataclass
class Told:
    """What one connection was told. Times are of the machine's one monotonic clock, in seconds."""

    asked: int = 0
    taken: list[str] = field(default_factory=list)
    taken_from: array.array = field(default_factory=lambda: array.array("d"))  # when the call began
    returned: list[str] = field(default_factory=list)
    returned_at: array.array = field(default_factory=lambda: array.array("d"))  # when it was committed
    rolled_back: list[tuple[float, float]] = field(default_factory=list)  # when the call began, when it was undone
    empty: list[tuple[float, float]] = field(default_factory=list)  # when the call began, when it was answered


def measure(options: shape.Options, report: shape.Report) -> None:
    stock, rounds = (50_000, 5) if options.quick else (1_000_000, 20)
    each = stock // rounds // 2
    with own_postgres() as database:
        with in_django(database) as django:
            ours = django(migrate)
        database.fill(batch=1, reference="last", count=each, batches=rounds * 2)
        database.settle()
        began = time.monotonic()
        sales, told = sell_out(database, ours, rounds=rounds, each=each)
        seconds = time.monotonic() - began
        with in_django(database) as django:
            _seconds, differences = django(conserve)
        stamps, left = (database.run(query) for query in ("SELECT count(*) FROM meterai_stamp", sql.LEFT))
    report.figures |= figures(sales, told) | {"left": left, "seconds": seconds}
    sold = report.figures["sold"]
    if any(differences.values()) or stamps != sold:
        raise Broken(f"{stamps:,} stamps, {sold:,} told; not accounted for: {differences}")
    report.notes |= {
        "asked": f"by {CLIENTS} connections, a serial each time; sold out {rounds} times over, to the last one",
        "sold": f"of {stock:,}, from {', '.join(map(str, EXTENTS))} extents a batch, two batches a round",
        "false_sold_out": "empty answers while all the time a serial was left that no call under way could have taken",
        "sold_twice": "serials told to one more than gave them back",
        "returned": f"{BACK_AT_ONCE} at once, and sold again",
        "rolled_back": "transactions that had taken a serial",
        "seconds": f"{sold / seconds:,.0f} sold a second",
    }


def sell_out(database: Database, ours: Ours, *, rounds: int, each: int) -> tuple[list[Sale], list[Told]]:
    """Put two batches of `each` serials on sale a round; returns when, and how many, and what the clients were told."""
    fork = multiprocessing.get_context("fork")
    gate, results, dry = fork.Barrier(CLIENTS + 1), fork.SimpleQueue(), fork.RawArray("i", CLIENTS)
    given = (database, ours, gate, results, dry, rounds)
    clients = [fork.Process(target=_client, args=(number, *given)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    sales: list[Sale] = []
    with suppress(BrokenBarrierError):  # a client met an error, and tells it below
        for number in range(rounds):
            for batch in (2 * number + 1, 2 * number + 2):
                extents = EXTENTS[(batch - number) % len(EXTENTS)]
                database.run(sql.ON_SALE.format(batch=batch, count=each, extents=extents))
            sales.append((time.monotonic(), 2 * each))
            dry[:] = [0] * CLIENTS
            gate.wait(PATIENCE)  # all begin
            gate.wait(PATIENCE)  # all have been told that nothing is left
    answers = [results.get() for _client in clients]
    for client in clients:
        client.join()
    if errors := [answer for answer in answers if isinstance(answer, str)]:
        raise Broken(max(errors, key=len))
    return sales, answers


def _client(number: int, database: Database, ours: Ours, gate: Any, results: Any, dry: Any, rounds: int) -> None:
    try:
        with database.connect() as connection:
            connection.execute("SET statement_timeout = '60s'")
            buyer = Buyer(connection, ours, dice=random.Random(number))
            for _round in range(rounds):
                gate.wait(PATIENCE)
                buyer.buy_until_all_are_told(dry, number, gate)
                gate.wait(PATIENCE)
        results.put(buyer.told)
    except Exception as error:  # whatever it is, the parent waits for an answer
        gate.abort()
        results.put(f"{type(error).__name__}: {error}")


class Buyer:
    """One connection that reserves one serial after the other."""

    def __init__(self, connection: psycopg.Connection, ours: Ours, *, dice: random.Random) -> None:
        self.told = Told()
        self._connection, self._ours, self._dice = connection, ours, dice
        self._held: list[str] = []

    def buy_until_all_are_told(self, dry: Any, number: int, gate: Any) -> None:
        """`dry` counts the empty answers in a row of every connection; this one's are at `number`."""
        while not gate.broken:
            if self._dice.random() < ROLL_BACK:
                self._take_and_roll_back()
            elif self._take():
                dry[number] = 0
                if self._dice.random() < GIVE_BACK:
                    self._give_back()
            else:
                dry[number] += 1
                if min(dry[:]) >= DRY:
                    return
                time.sleep(REST)

    def _ask(self) -> tuple[str | None, float]:
        """A serial, or None for the answer that nothing is left; and when the call began."""
        at, began = datetime.now(UTC), time.monotonic()
        values = {"wanted": 1, "reseller": None, "until": at + HELD_FOR, "at": at, "reference": "bench"}
        row = self._connection.execute(self._ours.call, values).fetchone()
        self.told.asked += 1
        if row is None:
            self.told.empty.append((began, time.monotonic()))
        return (row[0] if row else None), began

    def _take(self) -> bool:
        serial, began = self._ask()
        if serial:
            self.told.taken.append(serial)
            self.told.taken_from.append(began)
            self._held.append(serial)
        return bool(serial)

    def _take_and_roll_back(self) -> None:
        with self._connection.transaction(force_rollback=True):
            serial, began = self._ask()
        if serial:
            self.told.rolled_back.append((began, time.monotonic()))

    def _give_back(self) -> None:
        back = [self._held.pop() for _serial in self._held[-BACK_AT_ONCE:]]
        values = {"serials": back, "references": ["bench"] * len(back), "at": datetime.now(UTC), "reason": "cancelled"}
        freed = self._connection.execute(self._ours.release, values).fetchall()
        if len(freed) != len(back):
            raise Broken(f"{len(freed)} of {len(back)} serials could be given back")
        self.told.returned += back
        self.told.returned_at.extend([time.monotonic()] * len(back))


# --- what the answers say when they are laid side by side -----------------------------------------------------------


def figures(sales: list[Sale], told: list[Told]) -> dict[str, float | None]:
    """The figures of the run; see the notes of `measure` for what each means."""
    holders = Counter(serial for one in told for serial in one.taken)
    holders.subtract(serial for one in told for serial in one.returned)
    return {
        "asked": sum(one.asked for one in told),
        "sold": holders.total(),
        "false_sold_out": false_answers(sales, told),
        "sold_twice": sum(count > 1 for count in holders.values()),
        "returned": sum(len(one.returned) for one in told),
        "rolled_back": sum(len(one.rolled_back) for one in told),
        "empty_answers": sum(len(one.empty) for one in told),
    }


def false_answers(sales: list[Sale], told: list[Told]) -> int:
    """How many empty answers cannot have been true at any moment of their call.

    A serial counts as gone from the moment at which the call that took it began, and as back only when its return was
    committed: what is left by that count was certainly to be had. An answer is false if that was never nothing.
    """
    changes = list(sales)
    for one in told:
        changes += [(began, -1) for began in one.taken_from]
        changes += [(at, 1) for at in one.returned_at]
        changes += [change for began, undone in one.rolled_back for change in ((began, -1), (undone, 1))]
    changes.sort()
    times, left = [at for at, _change in changes], list(accumulate(change for _at, change in changes))

    def least(began: float, answered: float) -> int:
        first, past = bisect.bisect_right(times, began) - 1, bisect.bisect_right(times, answered)
        return min(left[first:past])

    return sum(least(began, answered) > 0 for one in told for began, answered in one.empty)


if __name__ == "__main__":
    shape.run("sold_out", measure, quick=40, full=500)
