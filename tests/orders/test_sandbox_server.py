"""The sandbox server's own parts: its pages, its QRIS text, its refusal to start half configured."""

from __future__ import annotations

import base64
import io
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from orders.payments.sandbox.server import configuration, lagging, notices, payments, qris
from orders.payments.sandbox.server.api import Api
from orders.payments.sandbox.server.asking import Wanted
from orders.payments.sandbox.server.lagging import Lag
from orders.payments.sandbox.server.pages import Pages
from orders.payments.sandbox.server.store import Store
from orders.payments.sandbox.server.web import Site

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    "SANDBOX_SERVER_KEY": "very-secret-key",
    "SANDBOX_NOTIFY_SECRET": "whsec_bm90IGEgcmVhbCBzZWNyZXQgYXQgYWxs",
    "SANDBOX_URL": "http://127.0.0.1:8001",
}


class Browser:
    """Calls the pages as a web server would."""

    def __init__(self, store: Store, configured: configuration.Configuration) -> None:
        self._site = Site(Pages(store, configured).routes())

    def open(self, path: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, dict[str, str], str]:
        body = urlencode(form or {}).encode()
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET" if form is None else "POST",
            "PATH_INFO": path,
            "wsgi.input": io.BytesIO(body),
        } | {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        seen: list[Any] = []
        content = b"".join(self._site(environ, lambda *answer: seen.extend(answer)))
        return int(seen[0][:3]), dict(seen[1]), content.decode()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "sandbox.sqlite3")


@pytest.fixture
def browser(store: Store, tmp_path: Path) -> Iterator[Browser]:
    yield Browser(store, configuration.read(ENVIRONMENT | {"SANDBOX_STORE": str(tmp_path / "x")}))


@pytest.fixture
def number(store: Store) -> str:
    wanted = Wanted(
        reference="P1",
        amount=1_250_000,
        method="qris",
        description="<script>alert(1)</script>",
        expires_at=time.time() + 3600,
        notify_url="http://127.0.0.1:9/",
        return_url='https://shop.example/pesanan?a="><b>',
    )
    with store.transaction() as c:
        return str(payments.create(c, wanted, at=time.time())[0]["id"])


def test_the_pages_are_marked_and_run_no_script(browser: Browser, number: str) -> None:
    for path in (f"/pay/{number}", "/control"):
        status, headers, text = browser.open(path)
        assert status == 200
        assert "SANDBOX" in text and "Rp1.250.000" in text
        assert "<script" not in text and "style=" not in text and '"><b>' not in text
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self';")
        assert "unsafe" not in headers["Content-Security-Policy"]


def test_the_payment_form_may_lead_back_to_the_shop(browser: Browser, number: str) -> None:
    _, headers, _ = browser.open(f"/pay/{number}")
    assert headers["Content-Security-Policy"].endswith("form-action 'self' https://shop.example")


def test_the_qr_picture_is_an_svg_without_style_or_script(browser: Browser, number: str) -> None:
    status, headers, text = browser.open(f"/pay/{number}/qr.svg")
    assert (status, headers["Content-Type"]) == (200, "image/svg+xml")
    assert text.startswith("<svg") and "<path" in text and "style=" not in text


def test_a_form_sent_from_another_site_is_refused(browser: Browser, number: str) -> None:
    assert browser.open(f"/pay/{number}", {}, sec_fetch_site="cross-site")[0] == 403
    assert "Menunggu pembayaran" in browser.open(f"/pay/{number}")[2]
    assert browser.open(f"/pay/{number}", {}, sec_fetch_site="same-origin")[0] == 303


def test_the_control_page_acts_and_orders_mischief(browser: Browser, number: str, store: Store) -> None:
    assert browser.open(f"/control/{number}", {"action": "expire"})[0] == 303
    assert browser.open(f"/control/{number}", {"action": "steal"})[0] == 422
    assert browser.open(f"/pay/{number}", {})[0] == 409
    wish = {"delay_seconds": "2.5", "drop_share": "0.25", "duplicate": "1"}
    assert browser.open("/control/settings", wish)[0] == 303
    text = browser.open("/control")[2]
    assert "Kedaluwarsa" in text and 'value="2.5"' in text and 'name="duplicate" value="1" checked' in text
    assert browser.open("/control/settings", wish | {"drop_share": "nan"})[0] == 422


def test_the_control_page_makes_answers_slow_or_stops_them(browser: Browser, store: Store) -> None:
    wish = {"delay_seconds": "0", "drop_share": "0", "answer_seconds": "1.5", "silent": "1"}
    assert browser.open("/control/settings", wish)[0] == 303
    text = browser.open("/control")[2]
    assert 'value="1.5"' in text and 'name="silent" value="1" checked' in text
    assert browser.open("/control/settings", wish | {"answer_seconds": "61"})[0] == 422
    with store.transaction() as c:
        assert notices.mischief(c)["answer_seconds"] == 1.5


def ask(store: Store, number: str) -> tuple[int, str]:
    """What the merchant's door answers about a payment, through the lag."""
    configured = configuration.read(ENVIRONMENT | {"SANDBOX_STORE": "unused"})
    door = Lag(store).behind(Api(store, configured).show)
    seen: list[Any] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": f"/v1/payments/{number}", "wsgi.input": io.BytesIO()}
    site = Site([("GET", "/v1/payments/(?P<number>.*)", door)])
    content = b"".join(site(environ, lambda *answer: seen.extend(answer)))
    return int(seen[0][:3]), content.decode()


def test_a_slow_sandbox_answers_late(store: Store, number: str) -> None:
    order(store, answer_seconds=0.2)
    began = time.monotonic()
    assert ask(store, number)[0] == 200 and time.monotonic() - began >= 0.2
    assert ask(store, "SBX0")[0] == 404 and time.monotonic() - began >= 0.4  # a refusal as well


def test_a_silent_sandbox_does_what_was_asked_and_never_says_so(
    store: Store, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lagging, "SILENT_SECONDS", 0.2)
    order(store, silent=True)
    began = time.monotonic()
    status, text = ask(store, number)
    assert status == 500 and number not in text and time.monotonic() - began >= 0.2


def test_a_silence_that_is_lifted_lets_the_askers_go(store: Store, number: str) -> None:
    order(store, silent=True)
    asker = threading.Thread(target=ask, args=(store, number))
    asker.start()
    order(store, silent=False)
    asker.join(5)
    assert not asker.is_alive() and ask(store, number)[0] == 200


def test_only_some_askers_of_a_silent_sandbox_hold_a_thread(
    store: Store, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lagging, "SILENT_AT_ONCE", 0)
    order(store, silent=True)
    began = time.monotonic()
    assert ask(store, number)[0] == 500 and time.monotonic() - began < lagging.SILENT_SECONDS / 2


def order(store: Store, **wish: object) -> None:
    with store.transaction() as c:
        notices.order_mischief(c, notices.mischief(c) | wish)


def test_a_lost_notification_is_lost_with_its_copies_and_others_come_twice(store: Store, number: str) -> None:
    order(store, drop_share=0.5, duplicate=True)
    with store.transaction() as c:
        for _ in range(200):
            notices.leave(c, number, at=time.time())
        rows = c.execute("select event, min(state), max(state), count(*) from notification group by event").fetchall()
    assert {tuple(row)[1:] for row in rows} == {("dropped", "dropped", 2), ("waiting", "waiting", 2)}
    assert 60 < sum(row[1] == "dropped" for row in rows) < 140


def test_a_file_of_an_older_sandbox_gets_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(
            "create table mischief (id integer primary key, delay_seconds real default 0, drop_share real default 0,"
            " duplicate integer default 0, reorder integer default 0);"
            "insert into mischief (id, duplicate) values (1, 1)"
        )
    for _start in range(2):
        with Store(path).transaction() as c:
            assert notices.mischief(c) == {
                "delay_seconds": 0,
                "drop_share": 0,
                "answer_seconds": 0,
                "duplicate": True,
                "reorder": False,
                "silent": False,
            }


def test_the_control_page_of_a_public_sandbox_wants_the_server_key(store: Store, tmp_path: Path) -> None:
    environ = ENVIRONMENT | {"SANDBOX_STORE": str(tmp_path / "x"), "SANDBOX_URL": "https://pay.example"}
    browser = Browser(store, configuration.read(environ))
    assert browser.open("/control")[0] == 401
    assert browser.open("/control/settings", {})[0] == 401
    key = base64.b64encode(b"sandbox:very-secret-key").decode()
    assert browser.open("/control", authorization=f"Basic {key}")[0] == 200


def test_an_unknown_page_says_so_in_words(browser: Browser) -> None:
    status, headers, text = browser.open("/pay/SBX" + "0" * 20)
    assert status == 404 and headers["Content-Type"].startswith("text/html") and "Tidak bisa" in text
    assert browser.open("/control", {})[0] == 405


def test_the_qris_text_is_sound_emvco() -> None:
    text = qris.text(amount=20_000, reference_label="SBX1")
    fields = _fields(text)
    assert fields["53"] == "360" and fields["54"] == "20000" and fields["58"] == "ID"
    assert fields["59"] == "METERAI SANDBOX"
    assert _fields(fields["62"])["05"] == "SBX1"
    assert _fields(fields["51"])["00"] == "ID.CO.QRIS.WWW"
    assert list(fields)[-1] == "63"
    assert int(fields["63"], 16) == _crc(text[:-4])
    assert _crc("123456789") == 0x29B1  # the published check value


@pytest.mark.parametrize("missing", [*ENVIRONMENT, "SANDBOX_STORE"])
def test_a_missing_variable_is_named(missing: str, tmp_path: Path) -> None:
    environ = ENVIRONMENT | {"SANDBOX_STORE": str(tmp_path / "x")} | {missing: ""}
    with pytest.raises(configuration.NotConfigured, match=missing):
        configuration.read(environ)


def test_the_server_refuses_to_start_half_configured_and_needs_no_django(tmp_path: Path) -> None:
    program = (
        "import sys; from orders.payments import registry;"
        "from orders.payments.sandbox.server import serving;"
        "assert not [name for name in sys.modules if name.startswith(('django', 'meterai'))];"
        "from orders.payments.sandbox.server import application"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SANDBOX_")}
    half = environ | ENVIRONMENT
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=half, capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    assert "NotConfigured: The sandbox gateway needs SANDBOX_STORE." in ended.stderr
    assert "very-secret-key" not in ended.stderr


def _fields(text: str) -> dict[str, str]:
    fields = {}
    while text:
        head = re.match(r"([0-9]{2})([0-9]{2})", text)
        assert head
        end = 4 + int(head[2])
        fields[head[1]], text = text[4:end], text[end:]
    return fields


def _crc(text: str) -> int:
    """CRC-16/CCITT-FALSE, bit by bit, so that the server's way is checked by another."""
    crc = 0xFFFF
    for byte in text.encode():
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc
