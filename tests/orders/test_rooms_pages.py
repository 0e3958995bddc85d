"""The waiting room's doors: pages without script, the API, the files, and the shop's own door."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from meterai.models import Reseller
from orders import arranging, gatekeeping, pulse, queueing, room_files
from orders.models import Order, Room, ShopPass
from tests import factories
from tests.orders.rooms import call, forget, public, room

__all__ = ["public"]

pytestmark = pytest.mark.usefixtures("stock", "public")


@pytest.fixture
def waiting(now: datetime) -> Room:
    return room(state=Room.State.QUEUEING, at=now)


@pytest.fixture(autouse=True)
def forgetful(public: Path) -> Iterator[None]:
    """Each request as if a second had gone by since the last one looked at the file."""
    yield
    forget()


def form(**changes: Any) -> dict[str, Any]:
    known = {
        "quantity": 1,
        "email": "siti@contoh.example",
        "phone": "",
        "method": "sandbox:qris",
        "token": uuid.uuid4(),
    }
    return known | changes


def typed(**changes: Any) -> dict[str, Any]:
    """What the form of the shop sends."""
    return {"contact": "siti@contoh.example"} | form(**changes)


def order_by_api(client: Client, token: str = "", key: str = "", **changes: Any) -> Any:
    headers = {"Idempotency-Key": key or str(uuid.uuid4())} | ({gatekeeping.PASS_HEADER: token} if token else {})
    wish = {"quantity": 1, "email": "siti@contoh.example", "method": "qris"} | changes
    return client.post("/api/v1/orders", wish, content_type="application/json", headers=headers)


def publish(waiting: Room) -> None:
    waiting.refresh_from_db()
    room_files.publish(waiting, draw=None, at=datetime.now().astimezone())
    room_files.publish_directory([waiting], at=datetime.now().astimezone())
    forget()


def test_a_visitor_joins_waits_enters_and_buys_without_any_script(waiting: Room, client: Client) -> None:
    publish(waiting)
    sent = client.get("/beli/")
    assert (sent.status_code, sent["Location"]) == (303, "/antre/toko/")
    assert "Ambil nomor" in client.get("/antre/toko/").content.decode()
    assert client.post("/antre/toko/ikut/").status_code == 303
    page = client.get("/antre/toko/").content.decode()
    assert "Kode pemulihan" in page
    early = client.post("/antre/toko/masuk/")
    assert (early.status_code, early["Location"]) == (303, "/antre/toko/")
    call(waiting, up_to=1)
    entered = client.post("/antre/toko/masuk/")
    assert (entered.status_code, entered["Location"]) == (303, "/beli/")
    assert client.get("/beli/").status_code == 200
    bought = client.post("/beli/", typed())
    assert "/pesanan/MT-" in bought["Location"]
    assert ShopPass.objects.get().used_at is not None


def test_one_pass_buys_one_order_and_sending_the_form_twice_shows_it_again(waiting: Room, client: Client) -> None:
    client.post("/antre/toko/ikut/")
    call(waiting, up_to=1)
    client.post("/antre/toko/masuk/")
    once = typed()
    first, again = client.post("/beli/", once), client.post("/beli/", once)
    assert first["Location"] == again["Location"]
    second = client.post("/beli/", typed())
    assert (second.status_code, second["Location"]) == (303, "/antre/toko/")
    assert Order.objects.count() == 1


def test_an_order_that_fails_leaves_the_pass_as_it_was(waiting: Room, client: Client) -> None:
    client.post("/antre/toko/ikut/")
    call(waiting, up_to=1)
    client.post("/antre/toko/masuk/")
    assert client.post("/beli/", typed(quantity=31)).status_code == 409
    assert ShopPass.objects.get().used_at is None
    assert "/pesanan/MT-" in client.post("/beli/", typed())["Location"]


def test_a_forged_or_borrowed_pass_opens_nothing(waiting: Room, client: Client, now: datetime) -> None:
    client.cookies[gatekeeping.pass_cookie("toko")] = "1.99999999999.AAAAAAAAAAAAAAAAAAAAAA"
    assert client.get("/beli/").status_code == 303
    other = ShopPass(pk=1, room=waiting, expires_at=now + timedelta(minutes=5))
    client.cookies[gatekeeping.pass_cookie("toko")] = gatekeeping.pass_token(other, slug="posfin")
    assert client.get("/beli/").status_code == 303


def test_without_a_queue_the_door_asks_no_query_and_nobody(now: datetime, client: Client, order: Order) -> None:
    publish(room(at=now))
    room_files.facts("toko"), room_files.listed()
    with CaptureQueriesContext(connection) as queries:
        gate = gatekeeping.look(cookies={}, seller="", key="form:x", at=now)
    assert len(queries) == 0
    assert gate.new_guest
    assert client.get("/beli/").status_code == 200


def test_where_there_is_no_room_at_all_nothing_is_different(client: Client) -> None:
    assert client.get("/beli/").status_code == 200
    assert gatekeeping.GUEST_COOKIE not in client.cookies
    assert client.get("/antre/toko/").status_code == 404
    assert client.get("/antre/toko.json").status_code == 404
    assert client.get("/antre/toko.undian.json").status_code == 404
    assert client.post("/antre/toko/ikut/").status_code == 404


def test_who_was_in_the_shop_when_the_queue_began_may_finish(now: datetime, client: Client) -> None:
    made = room(at=now)
    publish(made)
    assert client.get("/beli/").status_code == 200
    arranging.begin_queue(room=made, by="ticker", reason="sessions", at=now)
    bought = client.post("/beli/", typed())
    assert "/pesanan/MT-" in bought["Location"]
    again = client.post("/beli/", typed())
    assert again["Location"] == "/antre/toko/"
    assert Client().post("/beli/", typed())["Location"] == "/antre/toko/"


def test_each_visitor_is_counted_once_while_there_is_no_queue(now: datetime, client: Client) -> None:
    publish(room(at=now))
    before = pulse.pulse.report()["arrivals"].get("toko", 0)
    for _load in range(3):
        client.get("/beli/")
    assert pulse.pulse.report()["arrivals"]["toko"] == before + 1


def test_people_with_orders_never_queue(waiting: Room, client: Client, order: Order) -> None:
    assert client.get(order.get_absolute_url()).status_code == 200
    place = f"/pesanan/{order.code}/{order.key}"
    assert client.post(f"{place}/batal/")["Location"] == order.get_absolute_url()
    assert client.get("/pesanan/").status_code == 200


def test_a_reseller_sells_past_the_queue_of_the_official_shop(
    waiting: Room, client: Client, posfin: Reseller, now: datetime
) -> None:
    factories.lease(posfin, 5, at=now)
    assert client.get("/beli/?reseller=posfin").status_code == 200
    assert order_by_api(client, reseller="posfin").status_code == 201
    room(slug="posfin", reseller=posfin, state=Room.State.QUEUEING, at=now)
    forget()
    assert client.get("/beli/?reseller=posfin")["Location"] == "/antre/posfin/"


def test_a_program_is_told_of_the_queue_and_buys_with_a_pass(waiting: Room, client: Client) -> None:
    refused = order_by_api(client)
    assert (refused.status_code, refused.json()["code"]) == (503, "queue")
    assert "/api/v1/rooms/toko/tickets" in refused.json()["detail"]
    joined = client.post("/api/v1/rooms/toko/tickets", {}, content_type="application/json")
    assert joined.status_code == 201
    ticket = {"ticket": joined.json()["ticket"]}
    early = client.post("/api/v1/rooms/toko/passes", ticket, content_type="application/json")
    assert (early.status_code, early.json()["code"]) == (409, "not_called")
    call(waiting, up_to=1)
    place = client.post("/api/v1/rooms/toko/place", ticket, content_type="application/json")
    assert place.json()["called"] is True
    entered = client.post("/api/v1/rooms/toko/passes", ticket, content_type="application/json").json()
    key = str(uuid.uuid4())
    assert order_by_api(client, entered["token"], key).status_code == 201
    assert order_by_api(client, entered["token"], key).status_code == 200
    assert order_by_api(client, "", key).status_code == 200
    assert order_by_api(client, entered["token"]).status_code == 503
    used = client.post("/api/v1/rooms/toko/passes", ticket, content_type="application/json")
    assert used.json()["code"] == "pass_used"


def test_a_place_comes_back_on_another_device(waiting: Room, client: Client) -> None:
    code = client.post("/api/v1/rooms/toko/tickets", {}, content_type="application/json").json()["code"]
    other = Client()
    assert other.get("/antre/toko/pulihkan/").status_code == 200
    assert other.post("/antre/toko/pulihkan/", {"kode": "0000"}).status_code == 422
    assert other.post("/antre/toko/pulihkan/", {"kode": code.lower()})["Location"] == "/antre/toko/"
    assert code in other.get("/antre/toko/").content.decode()
    back = other.post("/api/v1/rooms/toko/recovery", {"code": code}, content_type="application/json").json()
    assert back["place"]["number"] == 1
    wrong = other.post("/api/v1/rooms/toko/recovery", {"code": "7K3M"}, content_type="application/json")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "mistyped")


def test_joining_twice_keeps_the_place_unless_a_new_one_is_asked_for(waiting: Room, client: Client) -> None:
    client.post("/antre/toko/ikut/")
    ticket = client.cookies[gatekeeping.ticket_cookie("toko")].value
    client.post("/antre/toko/ikut/")
    assert client.cookies[gatekeeping.ticket_cookie("toko")].value == ticket
    client.post("/antre/toko/ikut/", {"baru": "1"})
    assert client.cookies[gatekeeping.ticket_cookie("toko")].value != ticket


def test_looking_and_waiting_cost_no_statement(waiting: Room, client: Client) -> None:
    client.post("/antre/toko/ikut/")
    publish(waiting)
    ticket = {"ticket": client.cookies[gatekeeping.ticket_cookie("toko")].value}
    with CaptureQueriesContext(connection) as queries:
        for _look in range(5):
            assert client.get("/antre/toko.json").status_code == 200
            assert client.get("/antre/toko/").status_code == 200
            assert client.post("/api/v1/rooms/toko/place", ticket, content_type="application/json").status_code == 200
    assert len(queries) == 0


def test_the_files_are_the_same_for_everybody_and_need_no_ticker(waiting: Room, client: Client) -> None:
    room_files.path("toko").unlink()
    from_row = client.get("/antre/toko.json")
    assert json.loads(from_row.content)["s"] == "q"
    publish(waiting)
    answer = client.get("/antre/toko.json")
    assert answer.content == room_files.path("toko").read_bytes()
    assert answer["Cache-Control"] == "public, max-age=1"
    assert not answer.cookies


def test_a_made_up_room_is_remembered_by_nobody(waiting: Room, client: Client) -> None:
    before = len(room_files._seen)
    for number in range(5):
        assert client.get(f"/antre/tidak-ada-{number}/").status_code == 404
    assert len(room_files._seen) <= before + 2


def test_a_missed_turn_is_explained_and_a_closed_room_says_so(waiting: Room, client: Client, now: datetime) -> None:
    client.post("/antre/toko/ikut/")
    call(waiting, up_to=1)
    ticket = client.cookies[gatekeeping.ticket_cookie("toko")].value
    passed = queueing.enter(slug="toko", ticket=ticket, at=now)
    ShopPass.objects.update(entered_at=now - timedelta(minutes=30), expires_at=now - timedelta(minutes=20))
    late = client.post("/antre/toko/masuk/")
    assert late.status_code == 409
    assert 'name="lagi"' in late.content.decode()
    assert client.post("/antre/toko/masuk/", {"lagi": "1"})["Location"] == "/beli/"
    assert ShopPass.objects.exclude(pk=passed.pk).get().turn == 2
    arranging.close(room=waiting, by="penyelia", reason="a fault", at=now)
    assert client.post("/antre/toko/masuk/").status_code == 409
    assert Client().post("/antre/toko/ikut/").status_code == 409


def test_an_open_room_sends_everybody_straight_in(now: datetime, client: Client) -> None:
    room(at=now)
    assert client.post("/antre/toko/ikut/")["Location"] == "/beli/"
    refused = client.post("/api/v1/rooms/toko/tickets", {}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (409, "open")


def test_who_has_no_ticket_or_a_wrong_one_is_told_so(waiting: Room, client: Client) -> None:
    assert client.post("/antre/toko/masuk/", {"tiket": "x" * 39}).status_code == 422
    for ticket in ("x" * 39, "\x00", ""):
        body = {"ticket": ticket}
        for door in ("place", "passes"):
            answer = client.post(f"/api/v1/rooms/toko/{door}", body, content_type="application/json")
            assert answer.status_code in (400, 422)


def test_work_is_asked_for_with_a_way_in_that_needs_no_script(waiting: Room, client: Client, settings: Any) -> None:
    settings.ROOMS = replace(settings.ROOMS, work_bits=20)
    asked = client.get("/api/v1/rooms/toko/challenge").json()
    assert (asked["bits"], asked["patience"]) == (20, 20)
    page = client.get("/antre/toko/").content.decode()
    assert 'name="tantangan"' in page
    early = client.post("/antre/toko/ikut/", {"tantangan": asked["challenge"]})
    assert early.status_code == 425
    assert asked["challenge"] in early.content.decode()
    assert client.post("/antre/toko/ikut/", {"tantangan": "nonsense"}).status_code == 422
    by_api = client.post(
        "/api/v1/rooms/toko/tickets", {"challenge": asked["challenge"]}, content_type="application/json"
    )
    assert (by_api.status_code, by_api.json()["code"]) == (422, "too_early")


def test_one_address_may_take_so_many_numbers_and_no_more(waiting: Room, client: Client, settings: Any) -> None:
    settings.ROOMS = replace(settings.ROOMS, join_rate="2/m")
    answers = [client.post("/antre/toko/ikut/", {"baru": "1"}) for _time in range(3)]
    assert [answer.status_code for answer in answers] == [303, 303, 429]
    assert answers[2]["Retry-After"]
    by_api = [client.post("/api/v1/rooms/toko/tickets", {}, content_type="application/json") for _time in range(3)]
    assert by_api[2].status_code == 429
    assert by_api[2]["Retry-After"]
