"""The launcher keeps its promises: it starts, recovers, refuses in words, and leaves nothing behind.

Each test starts the real thing in a process of its own, in a folder of its own; Django is not involved. Where
the whole server is started, `manage.py`, site and gateway are small stand-ins in a copied checkout.
"""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from meterai.embedded import processes

CHECKOUT = Path(__file__).resolve().parents[2]
SERVICES = ("DATABASE_URL", "BROKER_URL", "CACHE_URL", "STORAGE_URL")
OURS = (*SERVICES, "SITE_URL", "SANDBOX_URL", "SECRET_KEY", "DJANGO_SETTINGS_MODULE")

WSGI = """
def application(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]
"""
CELERY = """
import os
from celery import Celery
del os.environ["DJANGO_SETTINGS_MODULE"]
app = Celery("stand-in", broker=os.environ["BROKER_URL"])
"""
MANAGE = """
import os, signal, sys, psycopg
if sys.argv[1] in ("ticker", "publish_status"):
    signal.pause()
if sys.argv[1:] != ["prepare"]:
    sys.exit(f"{sys.argv[1:]} with {os.environ['SITE_URL']}")
if os.environ.get("STAND_IN_BREAKS"):
    sys.exit("OSError: [Errno 28] No space left on device")
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS starts (number int)")
    connection.execute("INSERT INTO starts SELECT count(*) + 1 FROM starts")
    (starts,) = connection.execute("SELECT max(number) FROM starts").fetchone()
for step in ("migrate", "compile_translations", "collectstatic", "make_authority", "seed_demo"):
    print(f"step: {step} 0.1", flush=True)
print(f"login: start number {starts}")
"""


class Launched:
    """One launcher in a process of its own, as a person would have it in a terminal."""

    def __init__(self, *arguments: str, data: Path, checkout: Path = CHECKOUT, **variables: str) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in OURS}
        self.data = data
        self.output = data.with_suffix(".out")
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "meterai.embedded", *arguments, "--data", str(data)],
                cwd=checkout,
                env=environment | variables,
                stdout=output,
                stderr=output,
                start_new_session=True,
                # A test run in the background may have inherited an ignored SIGINT; a terminal never gives one.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads
            )

    def shown(self) -> str:
        return self.output.read_text()

    def wait_for(self, text: str) -> "Launched":
        _until(lambda: text in self.shown() or self.process.poll() is not None, within=30)
        assert text in self.shown(), self.shown()
        return self

    def addresses(self) -> dict[str, str]:
        self.wait_for("CACHE_URL=")
        return dict(line.split("=", 1) for line in self.shown().splitlines() if "_URL=" in line)

    def left(self) -> list[psutil.Process]:
        """What runs with this data folder in its command line or carries its mark, guard included."""
        named = [one for one in psutil.process_iter(["cmdline"]) if str(self.data) in (one.info["cmdline"] or [])]
        known = self.data / "run" / "server.json"
        return named + (processes.marked(json.loads(known.read_text())["mark"]) if known.exists() else [])

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(15)


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Launched]]:
    started: list[Launched] = []

    def start(*arguments: str, data: str = "data folder", **options: object) -> Launched:
        started.append(Launched(*arguments, data=tmp_path / data, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.stop(signal.SIGTERM)
        processes.end(one.left(), patience=5)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose Django parts are stand-ins."""
    root = tmp_path / "a checkout"
    shutil.copytree(CHECKOUT / "meterai" / "embedded", root / "meterai" / "embedded")
    gateway = root / "orders" / "payments" / "sandbox"
    gateway.mkdir(parents=True)
    for path, content in {
        root / "meterai" / "__init__.py": "",
        root / "meterai" / "wsgi.py": WSGI,
        root / "meterai" / "celery.py": CELERY,
        gateway / "server.py": WSGI,
        root / "manage.py": MANAGE,
    }.items():
        path.write_text(content)
    return root


def _until(happened: Callable[[], bool], *, within: float) -> None:
    deadline = time.monotonic() + within
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.05)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_both_services_answer_and_a_stop_leaves_nothing_running(launch: Callable[..., Launched]) -> None:
    launched = launch("services")
    addresses = launched.addresses()
    with psycopg.connect(addresses["DATABASE_URL"]) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolcreatedb, getdatabaseencoding() FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert row == (False, True, "UTF8")
    with redis.from_url(addresses["CACHE_URL"]) as cache:
        assert cache.ping()
    assert len(launched.left()) == 4  # launcher, guard, PostgreSQL, Valkey
    launched.stop()
    assert launched.left() == []


def test_secrets_are_kept_from_other_users(launch: Callable[..., Launched]) -> None:
    launched = launch("services")
    launched.addresses()
    secrets = json.loads((launched.data / "secrets.json").read_text())
    command_lines = " ".join(" ".join(process.cmdline()) for process in launched.left())
    assert not [name for name, secret in secrets.items() if secret in command_lines]
    for name in ("secrets.json", "run/server.json", "run/valkey.conf", "."):
        assert stat.S_IMODE((launched.data / name).stat().st_mode) & 0o077 == 0, name


def test_a_hard_kill_stops_the_services_and_the_next_start_has_the_data(
    launch: Callable[..., Launched],
) -> None:
    first = launch("services")
    addresses = first.addresses()
    with psycopg.connect(addresses["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with redis.from_url(addresses["BROKER_URL"]) as broker:
        broker.set("kept", "42")
        broker.execute_command("WAITAOF", 1, 0, 2000)
    first.process.kill()
    first.process.wait()
    _until(lambda: not first.left(), within=10)
    assert first.left() == []

    again = launch("services").addresses()
    assert again == addresses  # the ports were free, so they are the same ones
    with psycopg.connect(again["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    with redis.from_url(again["BROKER_URL"]) as broker:
        assert broker.get("kept") == b"42"


def test_the_next_start_ends_what_was_left_when_even_the_guard_was_killed(
    launch: Callable[..., Launched],
) -> None:
    first = launch("services")
    first.addresses()
    left = first.left()
    guard = [process for process in left if "meterai.embedded.guard" in process.cmdline()]
    services = [process for process in left if process not in guard and process.pid != first.process.pid]
    for process in (*guard, first.process):
        process.kill()
    first.process.wait()
    psutil.wait_procs(guard, timeout=5)  # only now: while its parent lived, nobody would have collected it
    assert [process.is_running() for process in services] == [True, True]
    bystander = subprocess.Popen(["sleep", "60"], env={processes.MARK: "of somebody else"})
    try:
        launch("services").wait_for("Ended what an earlier start had left").addresses()
        assert not [process for process in services if process.is_running()]
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_second_server_on_the_same_folder_is_refused(launch: Callable[..., Launched]) -> None:
    first = launch("services")
    addresses = first.addresses()
    shown = first.shown()
    second = Launched("services", data=first.data)
    assert second.process.wait(15) == 1
    assert f"already running on {first.data}: pid {first.process.pid}" in second.shown()
    assert "Cure:" in second.shown() and "CACHE_URL=" in shown
    psycopg.connect(addresses["DATABASE_URL"]).close()


def test_a_database_without_its_secrets_is_not_touched(launch: Callable[..., Launched]) -> None:
    first = launch("services")
    first.addresses()
    first.stop()
    (first.data / "secrets.json").unlink()
    second = launch("services")
    assert second.process.wait(15) == 1
    assert "secrets.json is missing" in second.shown() and "Traceback" not in second.shown()


def test_services_named_in_the_environment_are_used_instead(launch: Callable[..., Launched]) -> None:
    given = launch("services", data="given").addresses()
    launched = launch("services", data="other", **given)
    _until(lambda: "valkey … 0" in launched.shown(), within=15)
    time.sleep(0.2)
    assert len(launched.left()) == 2  # launcher and guard
    assert not (launched.data / "postgres").exists()


def test_a_named_service_that_does_not_answer_is_told_without_its_password(
    launch: Callable[..., Launched],
) -> None:
    port = _free_port()
    launched = launch("services", DATABASE_URL=f"postgres://meterai:rahasia@127.0.0.1:{port}/meterai")
    assert launched.process.wait(15) == 1
    assert f"DATABASE_URL names 127.0.0.1:{port}, where nothing answers" in launched.shown()
    assert "rahasia" not in launched.shown() and "Traceback" not in launched.shown()


def test_a_command_on_throw_away_services_hands_on_its_exit_code(tmp_path: Path) -> None:
    code = "import os, sys, psycopg; psycopg.connect(os.environ['DATABASE_URL']).close(); sys.exit(7)"
    environment = {name: value for name, value in os.environ.items() if name not in OURS} | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "meterai.embedded", "run", sys.executable, "-c", code]
    assert subprocess.run(command, cwd=CHECKOUT, env=environment, timeout=30, check=False).returncode == 7
    assert list(tmp_path.iterdir()) == []


def test_the_server_shows_where_it_is_and_keeps_its_data(launch: Callable[..., Launched], checkout: Path) -> None:
    port = _free_port()
    for number in (1, 2):
        launched = launch("server", "--port", str(port), checkout=checkout).wait_for("Ctrl-C stops everything")
        assert f"http://127.0.0.1:{port}/admin/" in launched.shown()
        assert f"start number {number}" in launched.shown()
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"ok"
        connection.close()
        began = time.monotonic()
        assert launched.stop() == 0
        assert time.monotonic() - began < 10
        assert launched.left() == []


def test_ctrl_c_while_the_processes_start_stops_them_all(launch: Callable[..., Launched], checkout: Path) -> None:
    launched = launch("server", "--port", str(_free_port()), checkout=checkout).wait_for("web, worker")
    os.killpg(launched.process.pid, signal.SIGINT)  # as a terminal sends it: to the forks of honcho as well
    assert launched.process.wait(15) == 0
    assert launched.left() == []


def test_when_one_process_ends_all_end_and_its_name_is_told(launch: Callable[..., Launched], checkout: Path) -> None:
    launched = launch("server", "--port", str(_free_port()), checkout=checkout).wait_for("Ctrl-C stops everything")
    beat = [process for process in launched.left() if "beat" in process.cmdline()]
    beat[0].kill()
    assert launched.process.wait(15) == 1
    assert "beat ended by itself" in launched.shown()
    assert launched.left() == []


def test_a_taken_port_is_told_before_anything_starts(launch: Callable[..., Launched], checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        launched = launch("server", "--port", str(port), checkout=checkout)
        assert launched.process.wait(15) == 1
    assert f"Port {port} is taken by" in launched.shown() and f"(pid {os.getpid()})" in launched.shown()
    assert "Cure:" in launched.shown() and "--port" in launched.shown()
    assert not (launched.data / "postgres").exists()


def test_a_failed_preparation_shows_its_end_and_the_cure(launch: Callable[..., Launched], checkout: Path) -> None:
    launched = launch("server", "--port", str(_free_port()), checkout=checkout, STAND_IN_BREAKS="1")
    assert launched.process.wait(15) == 1
    assert "No space left on device" in launched.shown()
    assert "Cure: free some space on the disk" in launched.shown()
    assert launched.left() == []
