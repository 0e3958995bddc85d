"""The waiting room: looks at the status file by nginx from disk, joining and entering through the web processes.

nginx runs on the configuration of deploy/nginx before the site as script/server starts it: PostgreSQL with fsync on,
Valkey, two web processes of eight threads, the ticker. The yardstick is a bare file of the same size from the same
nginx in turns: a server block with nothing but a root, as the manual shows it. All run on the machine that also makes
the load.
"""

import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

import psutil

from bench import queue_room, shape
from bench.orders_site import Bench, collect, site
from bench.queue_load import HOW, load
from bench.queue_nginx import BINARY, Nginx, answer, page_and_parts
from bench.queue_room import SLUG
from bench.stock_database import in_django, migrate
from bench.stock_service import import_and_sell
from meterai.embedded.ports import free
from meterai.embedded.postgres import NAME

STATUS, JOIN, ENTER = f"/antre/{SLUG}.json", f"/api/v1/rooms/{SLUG}/tickets", f"/api/v1/rooms/{SLUG}/passes"
CLIENTS = 64
BARE = """    server {{
        listen 127.0.0.1:{port} reuseport;
        access_log off;
        root {folder};
    }}
"""
# Everybody has an address of their own in this load; the figure is what the processes do, not what one address may.
os.environ.setdefault("ROOM_JOIN_RATE", "100000000/m")


def measure(options: shape.Options, report: shape.Report) -> None:
    began = time.monotonic()
    each, rounds = (1.0, 3) if options.quick else (6.0, 5)
    if BINARY is None:
        for name in ("polls_per_s", "static_ratio", "bytes_per_poll", "page_bytes"):
            report.missing(name, "nginx is not installed")
    with site() as bench:
        prepare(bench)
        bench.database.run(f"ALTER ROLE {NAME} SET log_statement = 'all'", admin=True)
        with running(bench):
            statements(bench, report)
        bench.database.run(f"ALTER ROLE {NAME} RESET log_statement", admin=True)
        with running(bench):
            if BINARY is not None:
                with in_front(bench) as nginx:
                    polls(nginx, report, seconds=each, rounds=rounds)
                    connections(nginx, report, count=2000 if options.quick else 8000)
            report.figures["app_polls_per_s"] = load(bench.url + STATUS, clients=CLIENTS, seconds=each).per_s
            report.notes["app_polls_per_s"] = "the same file by the app alone"
            joins(bench, report, seconds=2 * each)
            enters(bench, report, seconds=2 * each)
    report.notes["load"] = f"{HOW}; {time.monotonic() - began:.0f} s in all"


def prepare(bench: Bench) -> None:
    with in_django(bench.database) as django:
        django(collect)
        django(migrate)
        django(import_and_sell, 1000)
        django(queue_room.make_room, {"target": 500, "override": 0})


@contextmanager
def running(bench: Bench) -> Iterator[None]:
    bench.variables["PGAPPNAME"] = "web"
    bench.start("web")
    bench.variables["PGAPPNAME"] = "ticker"
    bench.start("ticker")
    bench.wait()
    try:
        yield
    finally:
        bench.stop("web", "ticker")


@contextmanager
def in_front(bench: Bench) -> Iterator[Nginx]:
    """nginx, with the yardstick's server beside ours: `bare.json`, as long as the status file is."""
    folder = bench.folder / "front"
    (folder / "bare").mkdir(parents=True)
    public, static = bench.folder / "public", bench.folder / "static"
    (folder / "bare" / "bare.json").write_bytes((public / STATUS[1:]).read_bytes())
    bare = BARE.format(port=free(), folder=folder / "bare")
    nginx = Nginx(folder=folder, port=free(), app=bench.url, public=public, static=static, servers=bare)
    nginx.write()
    nginx.start()
    try:
        yield nginx
    finally:
        nginx.stop()


def polls(nginx: Nginx, report: shape.Report, *, seconds: float, rounds: int) -> None:
    """Ours and the yardstick in turns."""
    port = re.findall(r"listen 127.0.0.1:(\d+)", nginx.servers)[0]
    ours, bare = nginx.url + STATUS, f"http://127.0.0.1:{port}/bare.json"
    measured = []
    for number in range(rounds):
        turn = {}
        for url in (ours, bare) if number % 2 else (bare, ours):
            got = load(url, clients=CLIENTS, seconds=seconds)
            if got.refused:
                raise RuntimeError(f"{got.refused} of {got.count} looks at {url} failed")
            turn[url] = got.per_s
        measured.append(turn)
    report.figures["polls_per_s"] = median(turn[ours] for turn in measured)
    report.notes["polls_per_s"] = "asked: 20,000 on two shared cores; kept connections, nginx from disk"
    report.figures["static_ratio"] = median(turn[ours] / turn[bare] for turn in measured)
    report.notes["static_ratio"] = f"asked: 0.9; the bare file {median(turn[bare] for turn in measured):,.0f}/s"
    report.figures["bytes_per_poll"] = len(answer(nginx.port, STATUS))
    report.notes["bytes_per_poll"] = "asked: at most 300; head and body over HTTP/1.1"
    parts = page_and_parts(nginx.port, f"/antre/{SLUG}/")
    report.figures["page_bytes"] = sum(map(len, parts.values())) + len(answer(nginx.port, STATUS))
    report.notes["page_bytes"] = f"asked: at most 14,000; {len(parts)} files and the first look, heads included"


def connections(nginx: Nginx, report: shape.Report, *, count: int) -> None:
    """What nginx holds for a client that waits on a kept connection, after its first look."""
    name = "nginx_bytes_per_connection"
    before, held = _memory(nginx.running.pid if nginx.running else 0), []
    try:
        for _client in range(count):
            one = socket.create_connection(("127.0.0.1", nginx.port), timeout=10)
            held.append(one)
            one.sendall(f"GET {STATUS} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            one.recv(1000)
        report.figures[name] = (_memory(nginx.running.pid if nginx.running else 0) - before) / count
        report.notes[name] = f"of {count:,} kept ones; the kernel's own not counted"
    except OSError as error:
        report.missing(name, f"after {len(held):,}: {error.strerror}")
    finally:
        for one in held:
            one.close()


def statements(bench: Bench, report: shape.Report) -> None:
    """What the web processes send to the database while people join, and while they wait, by the log of PostgreSQL."""
    load(bench.url + JOIN, clients=8, seconds=1, kind="join")
    before, told = _logged(bench), _given(bench)
    joined = load(bench.url + JOIN, clients=32, seconds=3, kind="join")
    sent = len(_logged(bench)) - len(before)
    people = _given(bench) - told
    if not sent:
        raise RuntimeError("the log tells of no strip, so it would tell of no look either")
    report.figures["db_statements_per_join"] = sent / max(1, joined.count)
    report.notes["db_statements_per_join"] = f"{sent} tore strips off for {people:,} numbers; none is one person's"
    before, count = _logged(bench), 200
    for _look in range(2):
        for path in (STATUS, f"/antre/{SLUG}/?nomor"):
            load(bench.url + path, clients=count, seconds=2)
    report.figures["db_statements_per_waiting_client"] = (len(_logged(bench)) - len(before)) / count
    report.notes["db_statements_per_waiting_client"] = (
        f"asked: 0; {count} clients look at file and page without nginx, as fast as they can"
    )


def _given(bench: Bench) -> int:
    return int(bench.database.run("SELECT next_number - 1 FROM orders_room"))


def _logged(bench: Bench) -> list[str]:
    """The statements so far of the connections that the web processes hold."""
    query = "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE application_name = 'web'"
    pids = set((bench.database.run(query) or "").split())
    lines = (bench.folder / "log" / "postgres.log").read_text(errors="replace").splitlines()
    found = (re.search(r"\[(\d+)\] LOG:  (?:statement|execute [^:]*): (.*)", line) for line in lines)
    return [one[2] for one in found if one and one[1] in pids]


def joins(bench: Bench, report: shape.Report, *, seconds: float) -> None:
    load(bench.url + JOIN, clients=32, seconds=1, kind="join")
    names = ("web", "ticker")
    before, given = sum(_memory(bench.running[name].pid) for name in names), _given(bench)
    writes = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE relname <> 'orders_mark'"
    wrote = int(bench.database.run(writes))
    got = load(bench.url + JOIN, clients=CLIENTS, seconds=seconds, kind="join")
    if got.refused:
        raise RuntimeError(f"{got.refused} of {got.count} were not let into the queue")
    time.sleep(1.5)  # the statistics of PostgreSQL come late
    report.figures["joins_per_s"] = got.per_s
    report.notes["joins_per_s"] = f"asked: 1,500; through the API, 99 % in {got.p99_ms:,.0f} ms"
    report.figures["db_writes_per_join"] = (int(bench.database.run(writes)) - wrote) / got.count
    report.notes["db_writes_per_join"] = "strips of up to 1,000 numbers, and what the ticker writes in that time"
    people, grown = _given(bench) - given, sum(_memory(bench.running[name].pid) for name in names) - before
    report.figures["app_bytes_per_waiting_client"] = max(0.0, grown / people)
    report.notes["app_bytes_per_waiting_client"] = (
        f"an upper bound, for the processes still warm up: they grew by {grown / 1e6:.1f} MB over {people:,} numbers"
    )


def enters(bench: Bench, report: shape.Report, *, seconds: float) -> None:
    file = Path(bench.folder / "tickets")
    count = round(4000 * (seconds + 1))
    with in_django(bench.database) as django:
        django(queue_room.give_tickets, count, file)
    time.sleep(1.5)  # until every process has read the file
    query = "SELECT count(*) FROM orders_shoppass"
    began = time.monotonic()
    got = load(bench.url + ENTER, clients=CLIENTS, seconds=seconds, kind="enter", tickets=file)
    passed, entered = time.monotonic() - began, int(bench.database.run(query))
    if got.refused:
        raise RuntimeError(f"{got.refused} of {got.count} were not let in")
    report.figures["enters_per_s"] = min(got.per_s, entered / min(passed, seconds + 0.5))
    report.notes["enters_per_s"] = f"a row each; 99 % in {got.p99_ms:,.0f} ms"


def _memory(pid: int) -> float:
    """Bytes of memory of its own, with its children's."""
    total = 0
    with suppress(psutil.Error):
        one = psutil.Process(pid)
        for process in (one, *one.children(recursive=True)):
            total += process.memory_full_info().uss
    return float(total)


if __name__ == "__main__":
    shape.run("queue", measure, quick=40, full=200)
