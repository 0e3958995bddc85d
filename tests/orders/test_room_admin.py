"""Waiting rooms at the desk: live figures, the chart, and every step with its reason."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from meterai.models import Flip
from orders import queueing, room_admin, room_chart
from orders.models import Draw, Mark, Outcome, Room
from tests import factories
from tests.orders.rooms import public, room

__all__ = ["public"]

pytestmark = pytest.mark.usefixtures("stock", "public")
WHY = {"reason": "hari terakhir pendaftaran"}


def may(*rights: str, name: str = "rani") -> Client:
    """A member of staff with just these rights."""
    person = factories.person(name)
    person.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def keeper(db: None) -> Client:
    return may("view_room", "manage_room")


@pytest.fixture
def waiting(now: datetime) -> Room:
    figures = {
        "waiting": 4321, "in_shop": 9, "ceiling": 10.0, "expected": 1.5, "show_rate": 0.42, "velocity": [20.0, 31.0],
        "most": 15, "stock": 30, "stock_for": 70, "why": "bad:pay", "signals": {"pay": [12.5, 10.0]}, "kept": 91,
    }  # fmt: skip
    made = room(state=Room.State.QUEUEING, at=now)
    Room.objects.filter(pk=made.pk).update(figures=figures)
    made.refresh_from_db()
    return made


def address(waiting: Room, rest: str = "change/") -> str:
    return f"/admin/orders/room/{waiting.pk}/{rest}"


def mark(waiting: Room, at: datetime, **values: Any) -> Mark:
    kept = {"state": "queueing", "serving": 0, "called": 0, "given": 9, "waiting": 7, "in_shop": 3, "ceiling": 10}
    return Mark.objects.create(room=waiting, at=at, show_rate=0.5, why="steady", **kept | values)


def test_the_page_shows_figures_signals_and_why_the_line_is_slowed(
    waiting: Room, keeper: Client, now: datetime
) -> None:
    mark(waiting, now - timedelta(minutes=5))
    Outcome.objects.create(room=waiting, minute=now - timedelta(minutes=4), inside=3, late=1)
    page = keeper.get(address(waiting)).content.decode()
    for said in ("4.321", "20–31", "42%", "melewati ambangnya", "12,5", "75%", "<svg", "Angka-angkanya"):
        assert said in page


@pytest.mark.parametrize(("step", "state"), [("tutup", "closed"), ("habis", "drained"), ("buka", "open")], ids=str)
def test_each_step_moves_the_room_and_says_who_and_why(waiting: Room, keeper: Client, step: str, state: str) -> None:
    assert keeper.get(address(waiting, f"langkah/{step}/")).status_code == 200
    assert keeper.post(address(waiting, f"langkah/{step}/")).status_code == 422
    assert keeper.post(address(waiting, f"langkah/{step}/"), WHY).status_code == 303
    waiting.refresh_from_db()
    flip = Flip.objects.filter(noun="orders.room", row=str(waiting.pk)).latest("pk")
    assert (waiting.state, flip.new, flip.actor, flip.reason) == (state, state, "rani", WHY["reason"])
    assert "rani" in keeper.get(address(waiting)).content.decode()


def test_a_step_that_does_not_fit_the_state_changes_nothing(waiting: Room, keeper: Client) -> None:
    before = Flip.objects.count()
    page = keeper.post(address(waiting, "langkah/antre/"), WHY, follow=True)
    assert "sudah berubah" in page.content.decode()
    assert Flip.objects.count() == before


def test_a_prequeue_is_begun_with_its_time_and_its_promise(now: datetime, keeper: Client) -> None:
    made = room(at=now)
    late = timezone.localtime(now + timedelta(hours=50)).strftime("%Y-%m-%dT%H:%M")
    assert keeper.post(address(made, "langkah/pra-antrean/"), WHY | {"opens_at": late}).status_code == 422
    soon = timezone.localtime(now + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    assert keeper.post(address(made, "langkah/pra-antrean/"), WHY | {"opens_at": soon}).status_code == 303
    made.refresh_from_db()
    assert made.state == Room.State.PREQUEUE
    assert Draw.objects.get(room=made).commitment


def test_what_a_person_sets_is_kept_with_the_reason(waiting: Room, keeper: Client) -> None:
    sent = keeper.get(address(waiting, "langkah/atur/")).context["form"].initial
    values = {name: value for name, value in sent.items() if value not in (None, False)} | {"is_door": "on"}
    changed = values | WHY | {"override": 120, "share": 40, "limit_pay": 7.5}
    assert keeper.post(address(waiting, "langkah/atur/"), changed | {"share": 101}).status_code == 422
    assert keeper.post(address(waiting, "langkah/atur/"), changed).status_code == 303
    waiting.refresh_from_db()
    assert (waiting.override, waiting.share, waiting.limits["pay"]) == (120, 40, 7.5)
    told = Flip.objects.filter(noun="orders.room", reason=WHY["reason"])
    assert sorted(flip.new.partition("=")[0] for flip in told) == ["limits", "override", "share"]
    assert "120" in keeper.get(address(waiting)).content.decode()


def test_a_room_is_made_open_and_a_second_door_is_refused(keeper: Client) -> None:
    new = {"slug": "toko", "name": "Toko resmi", "is_door": "on", "mode": "automatic", "target": 500} | WHY
    assert keeper.post("/admin/orders/room/add/", new).status_code == 303
    assert Room.objects.get().state == Room.State.OPEN
    assert Flip.objects.get(noun="orders.room").new == "open"
    assert keeper.post("/admin/orders/room/add/", new | {"slug": "lain"}).status_code == 422
    assert Room.objects.count() == 1


def test_only_who_may_manage_rooms_finds_the_buttons(waiting: Room) -> None:
    reader = may("view_room", name="budi")
    page = reader.get(address(waiting))
    assert page.status_code == 200 and "langkah/" not in page.content.decode()
    for door in ("langkah/tutup/", "langkah/atur/", "langkah/pra-antrean/"):
        assert reader.post(address(waiting, door), WHY).status_code == 403
    assert reader.get("/admin/orders/room/add/").status_code == 403
    stranger = may("view_order", name="tono")
    assert stranger.get(address(waiting, "kabar/")).status_code == 403
    waiting.refresh_from_db()
    assert waiting.state == Room.State.QUEUEING


def test_the_live_part_is_not_sent_again_while_nothing_changes(waiting: Room, keeper: Client, public: Path) -> None:
    first = keeper.get(address(waiting, "kabar/"))
    assert first.status_code == 200
    same = keeper.get(address(waiting, "kabar/"), headers={"If-None-Match": first["ETag"]})
    assert same.status_code == 304 and not same.content
    Room.objects.filter(pk=waiting.pk).update(figures=waiting.figures | {"waiting": 1})
    assert keeper.get(address(waiting, "kabar/"), headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_the_chart_draws_a_gap_where_nothing_was_written_down(waiting: Room, now: datetime) -> None:
    for minutes, called in ((50, 0), (40, 60), (10, 90)):
        mark(waiting, now - timedelta(minutes=minutes), called=called)
    since = now - timedelta(hours=1)
    shown = room_chart.points(Mark.objects.order_by("at"), since=since, until=now, steps=6)
    assert [one.waiting for one in shown] == [None, 7, 7, None, None, 7]
    assert [one.called for one in shown] == [None, None, 6.0, None, None, 1.0]
    queue, _admission, occupancy = room_chart.panels(shown)
    assert queue.lines[0].path.count("M") == 2
    assert [line.name for line in occupancy.lines] == ["in_shop", "ceiling"]


def test_a_count_that_begins_anew_is_not_shown_as_calling_backwards(waiting: Room, now: datetime) -> None:
    for minutes, called in ((30, 500), (10, 3)):
        mark(waiting, now - timedelta(minutes=minutes), called=called)
    shown = room_chart.points(Mark.objects.order_by("at"), since=now - timedelta(hours=1), until=now, steps=2)
    assert [one.called for one in shown] == [None, None]


def test_a_room_that_nobody_ticks_says_so(waiting: Room, keeper: Client, now: datetime) -> None:
    assert "tidak berjalan" not in keeper.get(address(waiting)).content.decode()
    Room.objects.filter(pk=waiting.pk).update(ticked_at=now - timedelta(minutes=2))
    assert "tidak berjalan" in keeper.get(address(waiting)).content.decode()
    assert "terputus" in keeper.get("/admin/orders/room/").content.decode()


def test_the_desk_names_every_signal_that_a_room_judges(waiting: Room) -> None:
    assert set(room_admin.SIGNALS) == set(waiting.limits) == set(room_admin.room_showing.SIGNALS)
    assert queueing.facts_of("toko").state == waiting.state
