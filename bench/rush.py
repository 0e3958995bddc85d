"""A rush of real HTTP clients on the real site: ten times what the target serves, and a database ten times slower.

Everything runs as script/server starts it, behind nginx where it is installed; bench/rush_people.py are the people. The
database is made slow by a trigger on orders that sleeps: 0.1 s always, 1 s in the slow time; the room's limit of the
reserve signal is 0.5 s. The shop is small (the machine is), so that its line is long: figures are for its target.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import mean
from typing import Any

from bench import queue_room, shape
from bench.orders_site import WORKSHOP, Bench, collect, site
from bench.queue_nginx import BINARY, Nginx
from bench.stock_database import in_django, migrate
from bench.stock_service import conserve, import_and_sell
from meterai.embedded.ports import free
from meterai.embedded.postgres import NAME
from orders.rooms import estimate

SLOWNESS = """
CREATE TABLE bench_slow (seconds float NOT NULL);
INSERT INTO bench_slow VALUES (0.1);
GRANT SELECT ON bench_slow TO {owner};
CREATE FUNCTION bench_sleep() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep((SELECT seconds FROM bench_slow)); RETURN NEW; END $$;
CREATE TRIGGER bench_sleep BEFORE INSERT ON orders_order FOR EACH ROW EXECUTE FUNCTION bench_sleep();
"""
MARKS = """
SELECT coalesce(json_agg(json_build_object('t', extract(epoch FROM at), 'state', state, 'called', called,
    'waiting', waiting, 'in_shop', in_shop, 'ceiling', ceiling) ORDER BY at), '[]') FROM orders_mark
"""
ENTERED = "SELECT coalesce(json_agg(extract(epoch FROM entered_at) ORDER BY entered_at), '[]') FROM orders_shoppass"


@dataclass(frozen=True)
class Plan:
    """Seconds from the beginning, and people a second. `slow` to `well` the database is slow."""

    base: float
    spike: float
    begins: int
    until: int
    slow: int
    well: int
    end: int
    visit: float
    target: int
    leave: float = 0.6


FULL = Plan(base=1, spike=22, begins=15, until=105, slow=200, well=230, end=355, visit=20, target=40)
QUICK = Plan(base=1, spike=40, begins=3, until=10, slow=18, well=24, end=27, visit=5, target=20)
Events = list[dict[str, Any]]


def measure(options: shape.Options, report: shape.Report) -> None:
    plan = QUICK if options.quick else FULL
    os.environ |= {"ROOM_JOIN_RATE": "10000000/m", "ROOM_VISIT_SECONDS": str(round(plan.visit))}
    with site() as bench:
        with in_django(bench.database) as django:
            django(collect)
            django(migrate)
            django(import_and_sell, 20_000)
            limits = {"reserve": 0.5, "pay": 10.0, "errors": 0.05, "pool": 0.5}
            django(queue_room.make_room, {"target": plan.target, "mode": "automatic", "limits": limits})
        bench.database.run(SLOWNESS.format(owner=NAME), admin=True)
        bench.start("web", "ticker", *WORKSHOP)
        bench.wait()
        with in_front(bench) as url:
            began, events = story(bench, url, plan)
        bench.stop("web", "ticker", *WORKSHOP)
        marks, entered = (json.loads(json.dumps(bench.database.run(query))) for query in (MARKS, ENTERED))
        with in_django(bench.database) as django:
            _seconds, differences = django(conserve)
    if any(differences.values()):
        raise RuntimeError(f"not accounted for: {differences}")
    for mark in marks:
        mark["t"] -= began
    tell_shop(report, plan, marks, [moment - began for moment in entered])
    tell_people(report, plan, events)


@contextmanager
def in_front(bench: Bench) -> Iterator[str]:
    """The address to ask: nginx before the site, or the site alone."""
    if BINARY is None:
        yield bench.url
        return
    folder = bench.folder / "front"
    folder.mkdir()
    public, static = bench.folder / "public", bench.folder / "static"
    nginx = Nginx(folder=folder, port=free(), app=bench.url, public=public, static=static)
    nginx.write()
    nginx.start()
    try:
        yield nginx.url
    finally:
        nginx.stop()


def story(bench: Bench, url: str, plan: Plan) -> tuple[float, Events]:
    """(when it began, what people met). The database is slowed down and set right meanwhile."""
    told = asdict(plan) | {"from": plan.begins}
    command = [sys.executable, "-m", "bench.rush_people", url, json.dumps(told)]
    file = bench.folder / "people.out"
    with file.open("wb") as out:
        people = subprocess.Popen(command, stdout=out)
        began = time.time()
        for moment, seconds in ((plan.slow, 1.0), (plan.well, 0.1)):
            time.sleep(max(0.0, began + moment - time.time()))
            bench.database.run(f"UPDATE bench_slow SET seconds = {seconds}", admin=True)
        if people.wait(plan.end + 60):
            raise RuntimeError("the people ended early")
    return began, [json.loads(line) for line in file.read_text().splitlines()]


def put(report: shape.Report, name: str, value: float | None, asked: str, *, holds: bool, more: str = "") -> None:
    if value is None:
        report.missing(name, f"asked: {asked}; {more or 'not seen in this run'}")
        return
    report.figures[name] = value
    report.notes[name] = f"{'asked' if holds else 'FAILS, asked'}: {asked}{'; ' if more else ''}{more}"


def tell_shop(report: shape.Report, plan: Plan, marks: Events, entered: list[float]) -> None:
    """What the ticker wrote down every three seconds, and the passes."""
    top = max(mark["in_shop"] for mark in marks)
    over = top / plan.target - 1
    put(report, "overshoot", over, "at most 0.1", holds=over <= 0.1 + 1e-9, more=f"{top} in a shop for {plan.target}")
    rates = _rates(marks)
    window = min(60, plan.slow - plan.begins - 5)
    before = mean([rate for moment, rate in rates if plan.slow - window <= moment < plan.slow] or [0.0])
    halved = next((t - plan.slow for t, rate in rates if t > plan.slow + 1 and rate <= before / 2), None)
    said = f"called {before:.1f} a second before; looked at every 3 s"
    put(report, "seconds_to_halve", halved, "at most 10", holds=(halved or 99) <= 10, more=said)
    came = sum(plan.slow - window <= moment < plan.slow for moment in entered) / window
    back = None
    for end in range(plan.well + 20, plan.end):
        if back is None and sum(end - 20 <= moment < end for moment in entered) / 20 >= 0.9 * came:
            back = end - plan.well
    put(report, "seconds_to_recover", back, "at most 120", holds=(back or 999) <= 120, more="mean of 20 s")
    queue = [mark for mark in marks if mark["state"] == "queueing" and mark["waiting"] > 0 and mark["t"] > plan.begins]
    steady = [one for one in queue if not plan.slow <= one["t"] < plan.well + 120]
    use = mean(one["in_shop"] for one in steady[5:]) / plan.target if len(steady) > 10 else None
    put(report, "slot_use", use, "at least 0.9", holds=(use or 0) >= 0.9, more=f"{plan.leave:.0%} gone")


def _rates(marks: Events) -> list[tuple[float, float]]:
    """(moment, people called a second since the mark two before)."""
    pairs = zip(marks, marks[2:], strict=False)
    return [(two["t"], (two["called"] - one["called"]) / max(1.0, two["t"] - one["t"])) for one, two in pairs]


def tell_people(report: shape.Report, plan: Plan, events: Events) -> None:
    by: dict[str, Events] = {}
    for event in events:
        by.setdefault(event["what"], []).append(event)
    report.figures["joined"] = len(by.get("joined", []))
    failed = len(by.get("join failed", []))
    report.notes["joined"] = f"{len(by.get('walked in', []))} more walked in before the queue; {failed} could not join"
    offered = plan.spike / (plan.target / plan.visit)
    report.figures["offered_ratio"], report.notes["offered_ratio"] = offered, "people a second / what the target serves"
    due = [one for one in by.get("called", []) if one["minutes"]]
    kept = [estimate.is_inside(one["waited"] / 60, promised=tuple(one["minutes"])) for one in due]
    share = mean(kept) if kept else None
    said = f"{len(due)} were promised something" if due else "nobody who was promised something was called"
    put(report, "inside_range", share, "at least 0.8", holds=(share or 0) >= 0.8, more=said)
    rose = len(by.get("rose", []))
    put(report, "positions_risen", rose, "0", holds=not rose, more=f"{len(by.get('looked', [])):,} looks")
    inside = by.get("entered", []) + by.get("ordered", [])
    wrong = [one for one in inside if one["status"] == 0 or one["status"] >= 500]
    share = len(wrong) / max(1, len(inside))
    put(
        report,
        "errors_inside",
        share,
        "below 0.005",
        holds=share < 0.005,
        more=f"{len(inside)} steps of people admitted",
    )
    for name, those in (
        ("p99_inside_s", [one for one in inside if not plan.slow <= one["t"] < plan.well + 2]),
        ("p99_inside_slow_s", [one for one in inside if plan.slow <= one["t"] < plan.well + 2]),
    ):
        took = sorted(one["took"] for one in those)
        value = took[min(len(took) - 1, int(len(took) * 0.99))] if took else None
        slow = name == "p99_inside_slow_s"
        asked = "nothing, since each order sleeps 1 s then" if slow else "below 1"
        put(report, name, value, asked, holds=slow or (value or 9) < 1)
    ordered = [one for one in by.get("ordered", []) if one["status"] == 201]
    report.figures["orders"] = len(ordered)
    report.notes["orders"] = f"of {len(by.get('ordered', []))}; every serial accounted for"


if __name__ == "__main__":
    shape.run("rush", measure, quick=48, full=540)
