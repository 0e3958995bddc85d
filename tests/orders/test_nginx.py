"""deploy/nginx with a real nginx before a real site, whose web server, PostgreSQL and Valkey are then stopped."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.test import RequestFactory

from bench import queue_nginx
from bench.queue_nginx import Nginx
from meterai import client
from meterai.embedded import environment
from meterai.embedded.data_folder import DataFolder
from meterai.embedded.progress import Progress
from meterai.embedded.services import Services
from tests.running_site import ROOT, Process, free_port, wait_until

if queue_nginx.BINARY is None:
    pytest.skip(
        "nginx IS MISSING: apt-get install nginx; the configuration in deploy/nginx was NOT tested",
        allow_module_level=True,
    )

pytestmark = pytest.mark.usefixtures("nginx")
SET_UP = """
import django
django.setup()
from datetime import timedelta
from django.core.management import call_command
from django.utils import timezone
from orders import arranging, room_pages
from orders.models import Room
from support import publishing
from tests import factories

call_command("migrate", verbosity=0)
call_command("collectstatic", verbosity=0, interactive=False)
at = timezone.now()
factories.stock(30, at=at)
room = Room.objects.create(slug="toko", name="Toko resmi", target=10, ticked_at=at)
arranging.begin_prequeue(room=room, opens_at=at + timedelta(minutes=5), by="penyelia", reason="a test", at=at)
call_command("ticker", once=True)
room_pages.publish(at=timezone.now())
publishing.publish(at=timezone.now())
"""
OF_THE_SYSTEM = ("PATH", "HOME", "USER", "LANG", "TMPDIR")
MINUTE = timedelta(minutes=1)


@dataclass
class Stage:
    """nginx, and what runs behind it."""

    nginx: Nginx
    web: Process
    services: Services

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(f"{self.nginx.url}{path}", timeout=10, allow_redirects=False, **options)

    def stop_all_behind(self) -> None:
        self.web.stop()
        self.services.stop()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A site on a PostgreSQL and a Valkey of its own, with a room before its opening, and nginx before it."""
    folder = DataFolder.make(tmp_path_factory.mktemp("site"))
    services, url = Services(folder), f"http://127.0.0.1:{free_port()}"
    variables = _started(services, folder, url)
    granian = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--workers", "1"]
    address = ["--host", "127.0.0.1", "--port", url.rsplit(":", 1)[1], "--blocking-threads", "4"]
    web = Process([*granian, *address, "meterai.wsgi:application"], variables, folder.root / "web.log")
    public, static = folder.path("public"), folder.path("static")
    nginx = Nginx(folder=folder.root, port=free_port(), app=url, public=public, static=static)
    nginx.write()
    try:
        subprocess.run([sys.executable, "-c", SET_UP], env=variables, cwd=ROOT, check=True)
        web.start()
        nginx.start()
        running = Stage(nginx, web, services)
        wait_until(lambda: running.get("/readyz").status_code == 200)
        yield running
    finally:
        nginx.stop()
        web.stop()
        services.stop()


def _started(services: Services, folder: DataFolder, url: str) -> dict[str, str]:
    """The services run, and not those of the test run; the environment of the processes beside them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ) - set(OF_THE_SYSTEM):
            patch.delenv(name)
        services.start(progress=Progress(total=2, quiet=True))
        variables = environment.for_processes(
            folder,
            settings="meterai.settings.development",
            url=url,
            sandbox_url="http://127.0.0.1:1",
            addresses=services.addresses,
        )
    return variables | services.mark_variable | {"TRUSTED_PROXY_HOPS": "1", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def nginx(stage: Stage) -> Nginx:
    return stage.nginx


@pytest.fixture(scope="module")
def alone(stage: Stage) -> Stage:
    """Web server, PostgreSQL and Valkey are gone. The tests that need them stand above those that use this."""
    stage.stop_all_behind()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", int(stage.nginx.app.rsplit(":", 1)[1])), timeout=1)
    database = urlsplit(stage.services.addresses["DATABASE_URL"])
    with pytest.raises(OSError):
        socket.create_connection((database.hostname or "", database.port or 0), timeout=1)
    return stage


@dataclass
class Echo:
    """An app that tells what it was asked, behind an nginx of its own."""

    nginx: Nginx
    server: ThreadingHTTPServer

    def asked(self, path: str, **headers: str) -> dict[str, str]:
        told = requests.get(f"{self.nginx.url}{path}", headers=headers, timeout=10).json()
        return {name.lower(): value for name, value in told.items()}


class _Echoing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps(dict(self.headers)).encode()
        self.send_response(503 if self.path.endswith("/full") else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Nothing."""


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[Echo]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echoing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    app = f"http://127.0.0.1:{server.server_address[1]}"
    nginx = Nginx(folder=tmp_path, port=free_port(), app=app, public=tmp_path / "public", static=tmp_path / "static")
    nginx.write()
    nginx.start()
    yield Echo(nginx, server)
    nginx.stop()
    server.shutdown()
    server.server_close()


def test_the_configuration_is_sound(nginx: Nginx) -> None:
    done = nginx.check()
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr and "[emerg]" not in done.stderr


def test_one_look_of_a_waiting_phone_is_three_hundred_bytes_with_its_head(stage: Stage) -> None:
    answer = queue_nginx.answer(stage.nginx.port, "/antre/toko.json")
    assert len(answer) <= 300, answer
    told = json.loads(answer.partition(b"\r\n\r\n")[2])
    # The longest file that a room of a million can have, in place of this one.
    longest = {**told, "n": 1_000_000, "m": 1_999_999, "r": [12345.5, 23456.5], "i": [5, 300, 20], "k": 990_000}
    longest |= {"h": 100, "d": 2}
    del longest["o"]  # before the opening only, when there is no velocity
    more = len(json.dumps(longest, separators=(",", ":"))) - len(json.dumps(told, separators=(",", ":")))
    assert len(answer) + more <= 300
    assert stage.get("/antre/toko.json").headers["Cache-Control"] == "max-age=1"


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_the_waiting_page_with_all_it_loads_is_fourteen_kilobytes(stage: Stage, prefix: str) -> None:
    parts = queue_nginx.page_and_parts(stage.nginx.port, f"{prefix}/antre/toko/")
    assert {path.rpartition(".")[2] for path in parts} >= {"css", "js"}
    assert all(part.startswith(b"HTTP/1.1 200") for part in parts.values())
    poll = queue_nginx.answer(stage.nginx.port, "/antre/toko.json")
    assert len(poll) + sum(map(len, parts.values())) <= 14_000


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_the_waiting_page_is_the_file_and_with_a_query_the_apps(stage: Stage, prefix: str) -> None:
    page = stage.get(f"{prefix}/antre/toko/")
    assert page.status_code == 200
    assert page.text == (stage.nginx.public / f"{prefix[1:]}/antre/toko/index.html".lstrip("/")).read_text()
    assert "Set-Cookie" not in page.headers
    own = stage.get(f"{prefix}/antre/toko/?nomor")
    assert own.status_code == 200
    assert own.text != page.text
    assert "no-store" in own.headers["Cache-Control"] or "private" in own.headers["Cache-Control"]


def test_a_room_that_is_not_there_is_the_apps_to_deny(stage: Stage) -> None:
    assert stage.get("/antre/lain/").status_code == 404
    assert stage.get("/antre/lain.json").status_code == 404
    assert stage.get("/antre/ruang.daftar.json").status_code == 404
    assert stage.get("/antre/..%2f..%2fsecrets.json").status_code in (400, 404)


def test_joining_goes_to_the_app(stage: Stage) -> None:
    joined = requests.post(f"{stage.nginx.url}/antre/toko/ikut/", timeout=10, allow_redirects=False)
    assert joined.status_code == 303
    assert "antre-toko" in joined.cookies


@pytest.mark.parametrize("path", ["/status/", "/en/status/", "/antre/toko/", "/turun.css", "/static/meterai/room.css"])
def test_files_carry_the_security_headers_of_the_app(stage: Stage, path: str) -> None:
    of_app, of_file = stage.get("/beli/").headers, stage.get(path).headers
    policies = [_policy(headers["Content-Security-Policy"]) for headers in (of_app, of_file)]
    for policy in policies:
        policy["form-action"] = policy["form-action"][:1]  # the app's forms lead to gateways, and no file's do
    assert policies[0] == policies[1]
    shared = {
        "X-Content-Type-Options",
        "X-Frame-Options",
        "Referrer-Policy",
        "Cross-Origin-Opener-Policy",
        "Cross-Origin-Resource-Policy",
        "Permissions-Policy",
    }
    assert {name: of_app[name] for name in shared} == {name: of_file[name] for name in shared}
    assert of_file["Server"] == "nginx"


def _policy(text: str) -> dict[str, list[str]]:
    return {words[0]: words[1:] for words in (part.split() for part in text.split(";")) if words}


def test_hashed_files_are_kept_for_ever_and_come_compressed(stage: Stage) -> None:
    page = stage.get("/antre/toko/").text
    path = re.findall(r'"(/static/meterai/room\.[0-9a-f]{12}\.js)"', page)[0]
    answer = stage.get(path, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "immutable" in answer.headers["Cache-Control"]


def test_the_app_hears_the_visitors_own_address_and_no_other(echo: Echo, settings: Any) -> None:
    told = echo.asked("/beli/", **{"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"})
    assert told["x-forwarded-for"] == "203.0.113.9, 127.0.0.1"
    assert told["x-forwarded-proto"] == "http"
    settings.TRUSTED_PROXY_HOPS = 1
    request = RequestFactory().get("/", headers={"x-forwarded-for": told["x-forwarded-for"]})
    assert client.address(request) == "127.0.0.1"


def test_what_the_app_itself_refuses_is_not_covered_up(echo: Echo) -> None:
    answer = requests.get(f"{echo.nginx.url}/api/v1/full", timeout=10)
    assert answer.status_code == 503
    assert "host" in {name.lower() for name in answer.json()}


def test_the_log_holds_no_address_no_key_and_no_query(echo: Echo) -> None:
    echo.asked("/pesanan/MT-ABCD-EFGH/kunci-rahasia-yang-panjang/?surel=siti@contoh.example")
    echo.asked("/en/dokumen/1234/kunci-rahasia-yang-panjang/")
    echo.asked("/beli/")
    echo.nginx.stop()
    lines = (echo.nginx.folder / "meterai.log").read_text()
    assert len(lines.splitlines()) == 3
    assert "/pesanan/…" in lines and "/en/dokumen/…" in lines and "/beli/" in lines
    for secret in ("kunci", "MT-ABCD", "siti", "127.0.0.1"):
        assert secret not in lines


# From here on nothing stands behind nginx any more.


@pytest.mark.parametrize("path", ["/antre/toko/", "/en/antre/toko/", "/antre/toko/?nomor", "/en/antre/toko/?nomor"])
def test_with_everything_stopped_the_waiting_page_still_answers(alone: Stage, path: str) -> None:
    answer = alone.get(path)
    assert answer.status_code == 200
    assert "Toko resmi" in answer.text
    for loaded in re.findall(r'(?:src|href)="(/static/[^"]+)"', answer.text):
        assert alone.get(loaded).status_code == 200


def test_with_everything_stopped_a_phone_hears_how_old_the_news_is(alone: Stage) -> None:
    answer = alone.get("/antre/toko.json")
    assert answer.status_code == 200
    written = datetime.fromtimestamp(answer.json()["t"], UTC)
    assert datetime.now(UTC) - 10 * MINUTE < written <= datetime.now(UTC)
    assert "Date" in answer.headers
    assert alone.get("/antre/toko.undian.json").json()["commitment"]


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_with_everything_stopped_status_and_outlets_answer_with_their_age(alone: Stage, prefix: str) -> None:
    for path in ("/status/", "/status/gerai/"):
        answer = alone.get(f"{prefix}{path}")
        assert answer.status_code == 200
        written = datetime.fromisoformat(re.findall(r'data-news="([^"]+)"', answer.text)[0])
        assert datetime.now(UTC) - 10 * MINUTE < written <= datetime.now(UTC)
        for loaded in re.findall(r'(?:src|href)="(/status/status\.(?:css|js)[^"]*)"', answer.text):
            assert alone.get(loaded).status_code == 200
    assert alone.get(f"{prefix}/status.atom").headers["Content-Type"].startswith("application/atom+xml")


def test_with_everything_stopped_the_feeds_answer(alone: Stage) -> None:
    for name in ("status.json", "outlets.json", "status.rss"):
        assert alone.get(f"/{name}").status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/beli/", "/en/beli/", "/status/GG-AAAA-AAAA/", "/antre/lain/", "/static/no.css"]
)
def test_with_everything_stopped_other_pages_say_so_in_two_languages(alone: Stage, path: str) -> None:
    answer = alone.get(path)
    if path.startswith("/static/"):
        assert answer.status_code == 404
        return
    assert answer.status_code == 503
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["Cache-Control"] == "no-store"
    assert 'lang="id"' in answer.text and 'lang="en"' in answer.text
    links = re.findall(r'href="(/[^"]+)"', answer.text)
    assert {"/status/", "/status/gerai/", "/en/status/", "/en/status/gerai/"} <= set(links)
    for link in links:
        assert alone.get(link).status_code == 200


@pytest.mark.parametrize("path", ["/antre/toko/ikut/", "/antre/toko/masuk/", "/beli/"])
def test_with_everything_stopped_a_form_is_refused_and_told_when_to_try_again(alone: Stage, path: str) -> None:
    answer = requests.post(f"{alone.nginx.url}{path}", data={"quantity": "1"}, timeout=10)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "10"


def test_with_everything_stopped_programs_hear_it_in_their_own_form(alone: Stage) -> None:
    for path in ("/api/v1/rooms/toko/passes", "/gerbang/midtrans/notifikasi"):
        answer = requests.post(f"{alone.nginx.url}{path}", json={"ticket": "x"}, timeout=10)
        assert answer.status_code == 503
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert answer.headers["Retry-After"] == "10"
        assert answer.json()["status"] == 503
