"""The public status: what the files say, that they stand alone, and that they never say more than is known."""

import gzip
import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.template import engines
from django.test import Client

from meterai import watching
from meterai.models import Batch, Outlet, Reseller, User
from support import incidents, outcomes, publishing, status, status_pages
from support.incidents import Opening, Words
from support.models import Cause, Component, Day, Health, Incident, Severity
from support.tasks import publish_status
from tests import factories

pytestmark = pytest.mark.django_db
ATOM = "{http://www.w3.org/2005/Atom}"
FIRST_VIEW = 40_000  # bytes on the wire


@pytest.fixture(autouse=True)
def public(settings: Any, tmp_path: Path) -> Path:
    """Where the files go."""
    settings.PUBLIC_ROOT = tmp_path / "public"
    return settings.PUBLIC_ROOT  # type: ignore[no-any-return]


@pytest.fixture
def incident(gudang: User, now: datetime) -> Incident:
    """One at the issuer, with an update."""
    said = Opening(
        title=Words("Pembubuhan <tertunda>", "Affixing is delayed"),
        text=Words("Penerbit belum menjawab.", "The issuer does not answer."),
        components=["affixing"],
        cause=Cause.ISSUER,
        severity=Severity.MAJOR,
        begun_at=now - timedelta(minutes=30),
    )
    made = incidents.begin(opening=said, by=gudang, at=now - timedelta(minutes=20))
    incidents.tell(incident=made, text=Words("Sebab ketemu.", "Found."), by=gudang, at=now, state="identified")
    return made


@contextmanager
def silence() -> Iterator[None]:
    """The database does not answer meanwhile."""

    def refused(*_arguments: Any, **_options: Any) -> None:
        raise OperationalError("gone")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "cursor", refused)
        patch.setattr(connection, "ensure_connection", refused)
        yield


def page(name: str = "status/index.html") -> str:
    """A file as it stands on disk."""
    from django.conf import settings

    return (Path(settings.PUBLIC_ROOT) / name).read_text()


def healths() -> dict[str, str]:
    document = status.current()
    assert document is not None
    return {one["name"]: one["health"] for one in document["components"]}


def test_before_anything_happened_no_component_is_called_normal(now: datetime) -> None:
    assert publishing.publish(at=now)
    assert set(healths().values()) == {"unknown"}
    text = page()
    assert "Belum ada pengukuran." in text
    assert text.count('<span class="tag">belum ada data</span>') >= len(Component)


def test_what_was_measured_is_what_the_page_says(stock: Batch, now: datetime) -> None:
    outcomes.measure(at=now - timedelta(seconds=20))
    for _ in range(3):
        factories.order(at=now - timedelta(seconds=15), quantity=1)
    outcomes.measure(at=now - timedelta(seconds=10))
    publishing.publish(at=now)
    assert healths()["buying"] == "normal"
    assert "100,0% dari 3 percobaan dalam 15 menit terakhir berhasil." in page()


def test_a_measurement_of_long_ago_is_no_measurement(stock: Batch, now: datetime) -> None:
    then = now - timedelta(minutes=10)
    outcomes.measure(at=then - timedelta(seconds=10))
    for _ in range(3):
        factories.order(at=then, quantity=1)
    for step in (0, 10):
        measured = outcomes.measure(at=then + timedelta(seconds=step))
    buying = [status._components(measured, [], at)[0]["health"] for at in (then + timedelta(seconds=20), now)]
    assert buying == ["normal", "unknown"]


def test_an_incident_is_on_the_page_of_each_language_with_its_times(incident: Incident, now: datetime) -> None:
    publishing.publish(at=now)
    assert "Pembubuhan &lt;tertunda&gt;" in page() and "Sebab ketemu." in page()
    assert "Affixing is delayed" in page("en/status/index.html") and "Found." in page("en/status/index.html")
    own = page(f"status/{incident.code}/index.html")
    assert own.count("<time") >= 4
    assert healths()["affixing"] == "disturbed"


def test_an_incident_makes_no_other_component_worse(incident: Incident, now: datetime) -> None:
    publishing.publish(at=now)
    assert {name for name, health in healths().items() if health == "disturbed"} == {"affixing"}


def test_the_database_is_gone_and_the_page_says_so_with_what_was_known(incident: Incident, now: datetime) -> None:
    publishing.publish(at=now)
    with silence():
        assert not publishing.publish(at=now + timedelta(seconds=10))
        assert not publishing.publish(at=now + timedelta(seconds=20))
    document = status.current()
    assert document is not None
    assert document["trouble"] == {"kind": "database", "since": (now + timedelta(seconds=10)).isoformat()}
    assert document["written_at"] == (now + timedelta(seconds=20)).isoformat()
    assert set(healths().values()) == {"unknown"}
    assert "Basis data tidak menjawab" in page() and "Sebab ketemu." in page()
    assert "normal.</h2>" not in page()


def test_the_database_was_never_there_and_a_page_is_written_all_the_same(now: datetime) -> None:
    with silence():
        assert not publishing.publish(at=now)
    assert "Basis data tidak menjawab" in page()


def test_when_the_database_is_back_the_trouble_is_over(now: datetime) -> None:
    with silence():
        publishing.publish(at=now)
    assert publishing.publish(at=now + timedelta(seconds=10))
    assert "Basis data" not in page()


@pytest.mark.parametrize("prefix", ["", "en/"])
def test_a_page_stands_alone(prefix: str, incident: Incident, now: datetime) -> None:
    Outlet.objects.create(
        reseller=factories.reseller(), name="Kantor Pos", address="Jalan Satu", city="Bandung", province="Jawa Barat"
    )
    publishing.publish(at=now)
    for name in ("", "gerai/", f"{incident.code}/"):
        text = page(f"{prefix}status/{name}index.html")
        loaded = re.findall(r'(?:src|<link rel="(?:stylesheet|icon)" href)="([^"]+)"', text)
        assert {one.split("?")[0] for one in loaded} == {"data:,", "/status/status.css", "/status/status.js"}
        assert not re.search(r'style="|<style|<script(?! src)|\son[a-z]+="', text)
        assert "@@OTHER@@" not in text
        other = f"/status/{name}" if prefix else f"/en/status/{name}"
        assert f'href="{other}"' in text
        assert re.search(r"<time[^>]*>[^<]*WIB</time>", text)


def test_the_first_view_is_light_with_ninety_days_of_trouble(incident: Incident, now: datetime, public: Path) -> None:
    for component in Component:
        for ago in range(90):
            named = ("normal", "slow", "disturbed", "down", "unknown")[ago % 5]
            Day.objects.create(day=now.date() - timedelta(days=ago), component=component, **{named: 86400})
    publishing.publish(at=now)
    files = ("status/index.html", "status/status.css", "status/status.js")
    assert sum(len(gzip.compress((public / name).read_bytes())) for name in files) < FIRST_VIEW


@pytest.mark.parametrize(
    ("spent", "letter"),
    [
        ({}, "u"),
        ({"unknown": 86400}, "u"),
        ({"normal": 86400}, "n"),
        ({"normal": 86000, "down": 400}, "n"),
        ({"normal": 85000, "down": 1400}, "d"),
        ({"normal": 85000, "disturbed": 1000, "down": 400}, "t"),
        ({"normal": 80000, "slow": 6400}, "s"),
        ({"unknown": 86300, "down": 100}, "d"),
    ],
)
def test_a_day_is_called_by_the_worst_that_was_more_than_a_sliver(
    spent: dict[str, int], letter: str, now: datetime
) -> None:
    today = datetime.fromisoformat("2026-09-01T05:00:00+00:00")
    Day.objects.create(day=today.date(), component="buying", **spent)
    components = status._components(None, [], today)
    assert (components[0]["days"][-1], len(components[0]["days"])) == (letter, 90)


def test_a_hundred_per_cent_is_only_what_never_failed(now: datetime) -> None:
    assert status_pages._uptime(0.99999) == "99,99%"
    assert status_pages._uptime(1.0) == "100,00%"
    assert status_pages._uptime(None) == ""


def test_a_seller_is_told_by_stock_and_sales_in_words(posfin: Reseller, stock: Batch, now: datetime) -> None:
    factories.lease(posfin, 5, at=now)
    factories.reseller("kosong")
    Outlet.objects.create(reseller=posfin, name="Kantor Pos", address="Jalan Satu", city="Bandung", province="Jabar")
    watching.look(at=now)
    publishing.publish(at=now)
    document = status.current()
    assert document is not None
    told = {one["code"]: (one["stock"], one["sold"]) for one in document["sellers"]}
    assert told == {"": ("plenty", 0), "posfin": ("plenty", 0), "kosong": ("none", 0)}
    assert "Kantor Pos" in page("status/gerai/index.html")
    outlets = json.loads(page("outlets.json"))
    assert (outlets["outlets"][0]["city"], outlets["sellers"][1]["code"]) == ("Bandung", "kosong")


def test_stock_that_nobody_looked_at_is_not_known(posfin: Reseller, stock: Batch, now: datetime) -> None:
    watching.look(at=now - timedelta(hours=1))
    publishing.publish(at=now)
    document = status.current()
    assert document is not None
    assert {one["stock"] for one in document["sellers"]} == {"unknown"}


def test_a_closed_outlet_is_not_listed(posfin: Reseller, now: datetime) -> None:
    values = {"address": "Jalan Satu", "city": "Bandung", "province": "Jabar"}
    Outlet.objects.create(reseller=posfin, name="Tutup", is_active=False, **values)
    publishing.publish(at=now)
    assert json.loads(page("outlets.json"))["outlets"] == []


@pytest.mark.parametrize("name", ["status.atom", "status.rss"])
@pytest.mark.parametrize(("prefix", "title"), [("", "Pembubuhan <tertunda>"), ("en/", "Affixing is delayed")])
def test_the_feeds_tell_the_beginning_and_each_update(
    name: str, prefix: str, title: str, incident: Incident, now: datetime
) -> None:
    publishing.publish(at=now)
    root = ET.fromstring(page(f"{prefix}{name}"))
    entries = root.findall(f"{ATOM}entry") or root.findall("channel/item")
    titles = [one.findtext(f"{ATOM}title") or one.findtext("title") or "" for one in entries]
    ids = {one.findtext(f"{ATOM}id") or one.findtext("guid") for one in entries}
    assert (len(entries), len(ids), titles[1]) == (2, 2, title)
    assert titles[0].endswith(title)


def test_the_app_gives_the_same_files_and_asks_the_database_nothing(
    client: Client, incident: Incident, now: datetime, django_assert_num_queries: Callable[[int], Any]
) -> None:
    publishing.publish(at=now)
    addresses = {
        "/status/": "status/index.html",
        "/en/status/": "en/status/index.html",
        "/status/gerai/": "status/gerai/index.html",
        f"/status/{incident.code}/": f"status/{incident.code}/index.html",
        "/status.json": "status.json",
        "/outlets.json": "outlets.json",
        "/status.atom": "status.atom",
        "/en/status.rss": "en/status.rss",
        "/status/status.css": "status/status.css",
        "/status/status.js": "status/status.js",
    }
    for address, name in addresses.items():
        with django_assert_num_queries(0):
            answer = client.get(address)
        assert (answer.status_code, answer.content.decode()) == (200, page(name)), address
        assert answer["Cache-Control"].startswith("public"), address


def test_before_the_first_publishing_the_app_says_that_nothing_is_measured(client: Client) -> None:
    answer = client.get("/status/")
    assert (answer.status_code, "Belum ada pengukuran." in answer.content.decode()) == (503, True)
    for address in ("/status/gerai/", "/status.json", "/status/GG-0000-0000/"):
        assert client.get(address).status_code == 404
    assert client.post("/status/").status_code == 405


def test_nobody_ever_reads_half_a_file(now: datetime, public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publishing.publish(at=now)
    before = page()

    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fchmod", full)
    with pytest.raises(OSError, match="No space"):
        publishing.publish(at=now + timedelta(seconds=10))
    assert page() == before
    assert [path for path in public.rglob("*") if path.name.startswith(".")] == []


def test_a_file_that_says_the_same_is_left_alone(incident: Incident, now: datetime, public: Path) -> None:
    publishing.publish(at=now)
    css = (public / "status/status.css").stat().st_ino
    publishing.publish(at=now + timedelta(seconds=10))
    assert (public / "status/status.css").stat().st_ino == css


def test_the_command_and_the_task_write_the_files(public: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("publish_status")
    assert "measured" in capsys.readouterr().out
    (public / "status.json").unlink()
    assert publish_status()
    assert status.current() is not None


def banner(language: str = "id") -> str:
    from django.utils.translation import override

    with override(language):
        return str(engines["django"].from_string('{% include "support/status_banner.html" %}').render({}))


def test_a_known_incident_is_told_on_any_page_without_a_query(
    incident: Incident, now: datetime, django_assert_num_queries: Callable[[int], Any]
) -> None:
    publishing.publish(at=now)
    with django_assert_num_queries(0):
        text = banner()
    assert "Pembubuhan &lt;tertunda&gt;" in text and f"/status/{incident.code}/" in text
    assert "Affixing is delayed" in banner("en") and f"/en/status/{incident.code}/" in banner("en")


def test_an_incident_that_ended_is_no_banner_any_more(incident: Incident, gudang: User, now: datetime) -> None:
    incidents.tell(incident=incident, text=Words("Beres.", "Done."), by=gudang, at=now, state="resolved")
    publishing.publish(at=now)
    assert banner().strip() == ""


def test_without_a_file_or_with_a_broken_one_there_is_no_banner(public: Path) -> None:
    assert banner().strip() == ""
    public.mkdir(parents=True)
    (public / "status.json").write_text('{"half')
    assert banner().strip() == ""


def test_every_state_and_reason_has_its_words() -> None:
    from support.judging import Reason

    assert set(status_pages.HEADLINES) == set(Health) == set(status_pages.TAGS) == set(status.LETTERS)
    assert set(status_pages.REASONS) == set(Reason)
    assert set(status_pages.HEIGHTS) == set(status.LETTERS.values())


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 detik"), (59, "59 detik"), (60, "1 menit"), (7300, "2 jam"), (172800, "2 hari")]
)
def test_a_span_is_said_in_one_unit(seconds: float, words: str) -> None:
    assert status_pages.duration(seconds) == words


def test_the_command_says_which_folder_cannot_be_written(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "berkas").write_text("not a folder")
    settings.PUBLIC_ROOT = tmp_path / "berkas"
    with pytest.raises(CommandError, match="PUBLIC_ROOT cannot be written"):
        call_command("publish_status")
