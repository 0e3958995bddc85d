"""What people see of a waiting room: small, the same with and without script, and a file when nothing else runs."""

import gzip
import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orders import arranging, gatekeeping, queueing, room_files, room_pages
from orders.models import Room
from tests import factories
from tests.orders.rooms import call, forget, public, room

__all__ = ["public"]

pytestmark = pytest.mark.usefixtures("stock", "public")
OVER_THE_WIRE = 14 * 1024
HEADERS = 700  # bytes of the head of one answer, generously


@pytest.fixture
def waiting(now: datetime) -> Room:
    return room(state=Room.State.QUEUEING, at=now)


@pytest.fixture
def holder(waiting: Room, client: Client, now: datetime) -> Client:
    """Somebody with the first number."""
    client.cookies[gatekeeping.ticket_cookie("toko")] = queueing.join(slug="toko", at=now).ticket
    return client


def panel(page: str) -> list[str]:
    """The panels that are shown to who has no script."""
    return re.findall(r'<section data-p="(\w+)"[^>]*?(?<! hidden)>', page)


def read(client: Client, address: str = "/antre/toko/") -> str:
    forget()
    return client.get(address).content.decode()


def outlets(public: Path, *, at: datetime) -> None:
    """What the status pages write."""
    known = {
        "written_at": at.isoformat(),
        "sellers": [
            {"code": "", "name": "", "website": "", "stock": "plenty"},
            {"code": "posfin", "name": "Posfin", "website": "https://posfin.example/", "stock": "plenty"},
            {"code": "kecil", "name": "Kecil", "website": "javascript:alert(1)", "stock": "low"},
            {"code": "kosong", "name": "Kosong", "website": "", "stock": "none"},
        ],
        "outlets": [{"reseller": "posfin"}, {"reseller": "posfin"}],
    }
    public.mkdir(parents=True, exist_ok=True)
    (public / "outlets.json").write_text(json.dumps(known))


def test_page_style_and_script_together_stay_below_fourteen_kilobytes(
    holder: Client, public: Path, now: datetime
) -> None:
    outlets(public, at=now)
    room_pages.publish(at=now)
    parts = []
    for name in ("room.css", "room.js"):
        found = finders.find(f"meterai/{name}")
        assert isinstance(found, str)
        parts.append(Path(found).read_bytes())
    for page in (read(holder), (public / "antre/toko/index.html").read_text()):
        assert len(re.findall(r'(?:src|href)="/static/', page)) == 2, "nothing else is loaded"
        sizes = [len(gzip.compress(part, 6)) + HEADERS for part in (page.encode(), *parts)]
        assert sum(sizes) <= OVER_THE_WIRE, sizes


def test_nothing_on_the_page_is_inline(holder: Client) -> None:
    page = read(holder)
    assert not re.search(r"<style|style=|\son\w+=|<script(?! src=)", page)


def test_waiting_costs_no_statement(holder: Client, waiting: Room) -> None:
    room_files.publish(waiting, draw=None, at=datetime.now().astimezone())
    room_files.publish_directory([waiting], at=datetime.now().astimezone())
    forget()
    with CaptureQueriesContext(connection) as statements:
        page = holder.get("/antre/toko/").content.decode()
    assert len(statements) == 0
    assert panel(page) == ["waiting"]


def test_each_state_shows_its_own_panel(holder: Client, waiting: Room, now: datetime) -> None:
    assert panel(read(Client())) == ["join"]
    assert panel(read(holder)) == ["waiting"]
    call(waiting, up_to=1)
    assert panel(read(holder)) == ["called"]
    arranging.close(room=waiting, by="penyelia", reason="a test", at=now)
    assert panel(read(holder)) == ["closed"]
    arranging.begin_queue(room=waiting, by="penyelia", reason="a test", at=now)
    arranging.drain(room=waiting, by="penyelia", reason="a test", at=now)
    assert panel(read(holder)) == ["drained"]
    arranging.open_doors(room=waiting, by="penyelia", reason="a test", at=now)
    assert panel(read(holder)) == ["open"]


def test_a_missed_turn_offers_its_one_reentry_and_is_not_taken_away_by_a_refresh(
    holder: Client, waiting: Room, now: datetime
) -> None:
    call(waiting, up_to=1)
    Room.objects.filter(pk=waiting.pk).update(grace_from=now - timedelta(minutes=11))
    called_then(waiting, at=now - timedelta(minutes=11))
    page = holder.post("/antre/toko/masuk/").content.decode()
    assert panel(page) == ["missed"]
    assert 'name="lagi"' in page and "http-equiv" not in page


def called_then(waiting: Room, *, at: datetime) -> None:
    waiting.marks.create(
        at=at, state=waiting.state, serving=1, called=1, given=1, waiting=0, in_shop=0, ceiling=9, show_rate=1, why="-"
    )


def test_a_page_without_script_looks_again_as_the_engine_says(holder: Client) -> None:
    forget()
    answer = holder.get("/antre/toko/?nomor")
    again = answer.context["place"].look_again
    assert f'content="{again};url=/antre/toko/?nomor"' in answer.content.decode()


def test_a_ticket_that_is_no_good_is_called_so(waiting: Room, client: Client) -> None:
    client.cookies[gatekeeping.ticket_cookie("toko")] = "a" * 39
    page = read(client)
    assert panel(page) == ["join"] and "tidak berlaku lagi" in page


def test_forms_of_the_page_lead_back_to_the_visitors_own_page(waiting: Room, client: Client) -> None:
    assert client.post("/antre/toko/ikut/", {"nomor": "1"})["Location"] == "/antre/toko/?nomor"


def test_the_code_can_be_sent_to_oneself_and_stays_out_of_every_log(holder: Client) -> None:
    page = read(holder)
    code = re.search(r'data-f="code">([\w-]+)<', page)
    assert code is not None
    assert f"pulihkan/%23{code[1]}" in page and "mailto:" in page and "https://wa.me/" in page


def test_a_range_is_told_and_never_one_number() -> None:
    place = queueing.Place(
        room="toko", state="queueing", number=9, called=False, ahead=8, minutes=(3, 9), may_run_out=False,
        look_again=5, at=datetime.now().astimezone(),
    )  # fmt: skip
    told = {minutes: room_pages._minutes(_with(place, minutes)) for minutes in ((3, 9), (0, 2), (130, 200))}
    assert told[3, 9] == "sekitar 3–9 menit"
    assert told[0, 2] == "paling lama 2 menit"
    assert told[130, 200] == "sekitar 2–4 jam"


def _with(place: queueing.Place, minutes: tuple[int, int]) -> queueing.Place:
    return queueing.Place(**{**place.__dict__, "minutes": minutes})


def test_other_sellers_are_named_while_they_have_stock_and_no_queue(
    waiting: Room, client: Client, public: Path, now: datetime
) -> None:
    outlets(public, at=now)
    room_pages.publish(at=now)
    page = read(client)
    assert "https://posfin.example/" in page and "2 gerai" in page
    assert "javascript:" not in page and "/beli/?reseller=kecil" in page
    assert "Kosong" not in page
    outlets(public, at=now - timedelta(hours=1))
    room_pages.publish(at=now)
    assert "posfin" not in read(client)


def test_a_seller_with_a_queue_of_his_own_is_not_recommended(waiting: Room, public: Path, now: datetime) -> None:
    posfin = room(slug="posfin", reseller=factories.reseller("posfin"), state=Room.State.QUEUEING, at=now)
    assert posfin.state == Room.State.QUEUEING
    outlets(public, at=now)
    room_pages.publish(at=now)
    assert "posfin.example" not in (public / "antre/toko/index.html").read_text()


def test_the_file_is_the_same_page_in_both_languages_and_knows_nobody(waiting: Room, public: Path) -> None:
    call_command("publish_rooms")
    page, english = ((public / f"{folder}antre/toko/index.html").read_text() for folder in ("", "en/"))
    assert '<html lang="id">' in page and '<html lang="en">' in english
    assert 'action="/en/antre/toko/ikut/"' in english
    assert "data-ticket" not in page and 'name="csrf' not in page
    assert "/antre/toko/?nomor" in page, "who has no script is led to his own page"
    assert [one.name for one in (public / "antre/toko").iterdir()] == ["index.html"]


def test_the_file_stands_while_the_database_does_not_answer(waiting: Room, public: Path, now: datetime) -> None:
    room_pages.publish(at=now)
    before = (public / "antre/toko/index.html").read_bytes()

    def refuse(*arguments: object) -> None:
        raise OperationalError("gone")

    with connection.execute_wrapper(refuse):
        room_pages.publish(at=now)
    assert (public / "antre/toko/index.html").read_bytes() == before
