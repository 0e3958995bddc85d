"""The ticker on real rows: it calls, pauses, takes over, switches on and off, and counts its promises."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from meterai.models import Batch, Flip
from orders import arranging, health_sources, pulse, queueing, room_files, room_health, room_marks, ticking
from orders.management.commands.ticker import LOCK, Leading
from orders.models import Mark, Outcome, Room, ShopPass, Strip
from orders.rooms import strips
from stamping import queue_age
from tests import factories
from tests.orders.rooms import beat, call, forget, public, room, settle, ticks

__all__ = ["public"]

pytestmark = pytest.mark.usefixtures("stock", "public")
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def waiting(now: datetime) -> Room:
    return room(state=Room.State.QUEUEING, at=now, target=10)


def line(count: int, waiting: Room, *, at: datetime) -> list[queueing.Joined]:
    """So many people join, and the strips they are from are over."""
    people = [queueing.join(slug="toko", at=at) for _number in range(count)]
    settle(waiting)
    return people


def test_people_are_called_up_to_the_target_and_no_further(waiting: Room, now: datetime) -> None:
    people = line(40, waiting, at=now)
    ticker = ticking.Ticker()
    at = ticks(ticker, 10, at=now)
    waiting.refresh_from_db()
    assert waiting.figures["called"] == 10
    called = [one for one in people if queueing.place_of(slug="toko", ticket=one.ticket, at=at).called]
    assert called == people[:10]
    for one in called:
        queueing.enter(slug="toko", ticket=one.ticket, at=at)
    ticks(ticker, 20, at=at)
    waiting.refresh_from_db()
    assert (waiting.figures["in_shop"], waiting.figures["called"], waiting.figures["waiting"]) == (10, 10, 30)


def test_who_has_ordered_makes_room_for_the_next(waiting: Room, now: datetime) -> None:
    people = line(20, waiting, at=now)
    ticker = ticking.Ticker()
    at = ticks(ticker, 12, at=now)
    passes = [queueing.enter(slug="toko", ticket=one.ticket, at=at) for one in people[:10]]
    at = ticks(ticker, 3, at=at)
    for one in passes[:4]:
        queueing.use(pk=one.pk, key=f"form:{one.pk}", at=at)
    ticks(ticker, 5, at=at)
    waiting.refresh_from_db()
    assert waiting.figures["called"] == 14


def test_no_position_ever_rises(waiting: Room, now: datetime) -> None:
    people = line(30, waiting, at=now)
    ticker, seen = ticking.Ticker(), {one.ticket: [one.place.ahead] for one in people}
    at = now
    for second in range(20):
        at = ticks(ticker, 1, at=at)
        for one in people:
            seen[one.ticket].append(queueing.place_of(slug="toko", ticket=one.ticket, at=at).ahead)
        if second % 3 == 0 and second < 12:
            queueing.enter(slug="toko", ticket=people[second // 3].ticket, at=at) if waiting.serving else None
    for positions in seen.values():
        assert positions == sorted(positions, reverse=True)


def test_nobody_is_called_into_a_shop_without_stamps(waiting: Room, now: datetime) -> None:
    order = factories.order(at=now, quantity=30)
    assert order.quantity == 30
    line(5, waiting, at=now)
    ticks(ticking.Ticker(), 5, at=now)
    waiting.refresh_from_db()
    assert (waiting.serving, waiting.figures["stock"]) == (0, 0)
    assert queueing.facts_of("toko").stock_for == 0


def test_an_override_calls_so_many_a_minute_and_zero_nobody(waiting: Room, now: datetime) -> None:
    line(40, waiting, at=now)
    ticker = ticking.Ticker()
    arranging.adjust(room=waiting, by="penyelia", reason="a test", at=now, override=0)
    at = ticks(ticker, 5, at=now)
    waiting.refresh_from_db()
    assert waiting.serving == 0
    arranging.adjust(room=waiting, by="penyelia", reason="a test", at=now, override=120)
    ticks(ticker, 10, at=at)
    waiting.refresh_from_db()
    assert 16 <= waiting.figures["called"] <= 20
    assert waiting.figures["why"] == "hand"


def test_a_ticker_that_takes_over_goes_on_where_the_killed_one_was(waiting: Room, now: datetime) -> None:
    people = line(40, waiting, at=now)
    first = ticking.Ticker()
    at = ticks(first, 12, at=now)
    for one in people[:5]:
        queueing.enter(slug="toko", ticket=one.ticket, at=at)
    at = ticks(first, 10, at=at)
    waiting.refresh_from_db()
    before = dict(waiting.figures)
    ticks(ticking.Ticker(), 1, at=at)
    waiting.refresh_from_db()
    assert waiting.figures["called"] >= before["called"]
    assert waiting.figures["show_rate"] == pytest.approx(before["show_rate"], abs=0.25)
    assert waiting.figures["in_shop"] == 5
    assert waiting.figures["expected"] <= 10


def test_numbers_that_nobody_holds_do_not_stall_the_line(waiting: Room, now: datetime) -> None:
    line(3, waiting, at=now)  # seven of the first strip are never given out
    behind = line(2, waiting, at=now)
    ticks(ticking.Ticker(), 6, at=now)
    waiting.refresh_from_db()
    assert waiting.figures["called"] == 5
    assert queueing.place_of(slug="toko", ticket=behind[1].ticket, at=now).called


def test_a_worker_says_how_far_its_strip_is_used(waiting: Room, now: datetime) -> None:
    for _number in range(4):
        queueing.join(slug="toko", at=now)
    ticks(ticking.Ticker(), 1, at=now)
    assert Strip.objects.get().used == 4
    waiting.refresh_from_db()
    assert waiting.figures["waiting"] + waiting.figures["called"] == 4


def test_silence_freezes_and_a_lost_valkey_loses_no_place(waiting: Room, now: datetime) -> None:
    people = line(30, waiting, at=now)
    ticker = ticking.Ticker()
    at = ticks(ticker, 12, at=now)
    before = Room.objects.get()
    pulse.client().flushall()
    for _second in range(5):
        ticker.tick(at=at)
        at += SECOND
    waiting.refresh_from_db()
    assert (waiting.figures["silent"], waiting.figures["why"]) == (True, "silent")
    assert waiting.figures["ceiling"] <= before.figures["ceiling"]
    assert waiting.serving >= before.serving
    forget()
    numbers = [queueing.place_of(slug="toko", ticket=one.ticket, at=at).number for one in people]
    assert len(set(numbers)) == 30
    assert queueing.join(slug="toko", at=at).place.number > max(numbers)


def test_the_clock_of_those_called_stands_still_while_nobody_ticked(waiting: Room, now: datetime) -> None:
    line(3, waiting, at=now)
    ticker = ticking.Ticker()
    at = ticks(ticker, 5, at=now)
    later = at + 30 * MINUTE
    ticks(ticker, 1, at=later)
    waiting.refresh_from_db()
    assert waiting.grace_from == later


def test_the_room_begins_by_itself_when_the_shop_is_crowded_and_ends_when_it_is_empty(now: datetime) -> None:
    made = room(at=now, target=10)
    ticker = ticking.Ticker()
    at = ticks(ticker, 2, at=now)
    for _visitor in range(10):
        pulse.pulse.arrived("toko")
    at = ticks(ticker, 2, at=at)
    made.refresh_from_db()
    assert made.state == Room.State.QUEUEING
    assert Flip.objects.filter(noun="orders.room", new="queueing", reason="sessions", actor="ticker").exists()
    at = ticks(ticker, 1, at=at + timedelta(seconds=200))
    at = ticks(ticker, 65, at=at)
    made.refresh_from_db()
    assert made.state == Room.State.OPEN
    assert made.serving == made.next_number - 1


def test_a_queue_that_a_person_begins_is_not_ended_at_once(now: datetime) -> None:
    made = room(at=now)
    ticker = ticking.Ticker()
    at = ticks(ticker, 90, at=now)
    arranging.begin_queue(room=made, by="penyelia", reason="a deadline", at=at)
    ticks(ticker, 5, at=at)
    made.refresh_from_db()
    assert made.state == Room.State.QUEUEING


def test_a_room_that_is_set_by_hand_switches_nothing_by_itself(now: datetime) -> None:
    made = room(at=now, target=10, mode=Room.Mode.BY_HAND)
    for _visitor in range(20):
        pulse.pulse.arrived("toko")
    ticks(ticking.Ticker(), 3, at=now)
    made.refresh_from_db()
    assert made.state == Room.State.OPEN


def test_a_slow_shop_begins_a_queue_and_says_why(now: datetime) -> None:
    made = room(at=now)
    ticker = ticking.Ticker()
    for _order in range(5):
        pulse.pulse.took("reserve", 4.0)
    ticks(ticker, 5, at=now)
    made.refresh_from_db()
    assert made.state == Room.State.QUEUEING
    assert made.figures["signals"]["reserve"] == [4.0, 1.5]
    assert Flip.objects.filter(noun="orders.room", new="queueing", reason="bad:reserve").exists()


def test_a_prequeue_opens_on_time_and_calls_after_the_draw(now: datetime) -> None:
    made = room(at=now)
    opens = now + 3 * SECOND
    arranging.begin_prequeue(room=made, opens_at=opens, by="penyelia", reason="a deadline", at=now)
    line(8, made, at=now)
    ticker = ticking.Ticker()
    at = ticks(ticker, 6, at=now)
    made.refresh_from_db()
    assert (made.state, made.serving) == (Room.State.QUEUEING, 0)
    ticks(ticker, 15, at=at)
    made.refresh_from_db()
    assert made.serving == made.next_number - 1
    assert made.figures["called"] == 8


def test_promises_are_held_against_what_came(waiting: Room, now: datetime) -> None:
    minute = now.replace(second=0, microsecond=0)
    Room.objects.update(next_number=100)
    Room.objects.update(serving=90)
    waits = [(10, 8, 12), (10, 2, 4), (10, 20, 30), (10, None, None), (12.4, 8, 12)]
    for number, (waited, low, high) in enumerate(waits, start=1):
        ShopPass.objects.create(
            room=waiting,
            number=number,
            rank=number,
            joined_at=minute - timedelta(minutes=waited),
            called_at=minute,
            entered_at=minute,
            expires_at=minute + MINUTE,
            promised_low=low,
            promised_high=high,
        )
    for _time in range(2):
        room_marks.count_outcomes(room=waiting, minute=minute)
    row = Outcome.objects.get()
    assert (row.inside, row.late, row.early, row.unpromised) == (2, 1, 1, 1)
    assert room_marks.kept_percent(room=waiting, at=now) == -1
    Outcome.objects.update(inside=30, late=5, early=5)
    assert room_marks.kept_percent(room=waiting, at=now) == 75


def test_old_marks_are_thinned_to_one_a_minute_and_then_go(waiting: Room, now: datetime) -> None:
    for seconds in [*range(0, 60, 3), *range(4000, 4180, 3), 49 * 3600 + 10]:
        known = {"state": "queueing", "called": 0, "given": 0, "waiting": 0, "in_shop": 0, "ceiling": 1, "show_rate": 1}
        Mark.objects.create(room=waiting, at=now - seconds * SECOND, serving=0, why="steady", **known)
    room_marks.thin_out(room=waiting, at=now)
    ages = sorted((now - mark.at).total_seconds() for mark in Mark.objects.all())
    assert len([age for age in ages if age < 100]) == 20
    assert 3 <= len([age for age in ages if age > 100]) <= 4
    assert max(ages) < 48 * 3600


def test_health_is_the_second_worst_of_a_few_and_the_twentieth_part_of_many() -> None:
    assert room_health.high([9.0]) is None
    assert room_health.high([0.1, 9.0, 0.2]) == 0.2
    assert room_health.high([float(n) for n in range(100)]) == 94.0


def test_a_step_that_hangs_is_told_of_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    noted, clock = pulse.Pulse(), [1000.0]
    monkeypatch.setattr(noted, "start", lambda: None)
    monkeypatch.setattr(pulse.time, "monotonic", lambda: clock[0])
    key = noted.begun("reserve")
    clock[0] += 3.0
    assert noted.report()["steps"] == {"reserve": [3.0]}
    noted.ended(key)
    assert noted.report()["steps"] == {"reserve": [3.0]}
    clock[0] += 6.0
    assert noted.report()["steps"] == {"reserve": []}


def test_one_leads_and_the_others_publish(waiting: Room, now: datetime, public: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock_all()")
    leading = Leading()
    beat(at=now)
    assert leading.step()
    assert leading.step()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s", [LOCK])
        assert cursor.fetchone()[0] == 1
        cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
    (public / "antre" / "toko.json").unlink()
    ticking.publish_again(at=now)
    assert (public / "antre" / "toko.json").exists()


def test_the_command_ticks_once_where_it_is_asked_to(
    waiting: Room, public: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Leading, "stop", lambda self: None)  # the connection belongs to the test
    call_command("ticker", once=True)
    with connection.cursor() as cursor:  # its connection stays, and with it the lock
        cursor.execute("SELECT pg_advisory_unlock_all()")
    waiting.refresh_from_db()
    assert waiting.ticked_at is not None
    assert (public / "antre" / "ruang.daftar.json").exists()


def test_waiting_is_known_without_reading_every_strip(waiting: Room, now: datetime, stock: Batch) -> None:
    for first in range(1, 2001, 100):
        Strip.objects.create(room=waiting, first=first, size=100, used=60, holder="h", taken_at=now, until=now - MINUTE)
    Room.objects.update(next_number=2001)
    call(waiting, up_to=150)
    ticks(ticking.Ticker(), 1, at=now)
    waiting.refresh_from_db()
    assert waiting.figures["waiting"] + waiting.figures["called"] == 18 * 60 + 10
    assert strips.LONGEST == 1000


def test_what_stock_lasts_for_is_said_in_two_digits(waiting: Room, now: datetime, settings: Any) -> None:
    ticks(ticking.Ticker(), 1, at=now)
    forget()
    assert room_files.facts("toko").stock_for == 15


def test_a_gateway_that_does_not_begin_is_a_signal_once_it_is_more_than_one_payment_in_twenty(now: datetime) -> None:
    assert health_sources.pay(at=now) is None
    placed = [factories.order(at=now, quantity=1) for _buyer in range(21)]
    later = now + 20 * SECOND
    for order in placed[1:]:
        factories.asked_for(order, at=now)
    assert health_sources.pay(at=later) == ("pay", 0.0)
    for _buyer in range(3):
        factories.order(at=now, quantity=1)
    assert health_sources.pay(at=later) == ("pay", 20.0)


def test_documents_that_wait_for_their_seal_are_a_signal(now: datetime) -> None:
    assert queue_age.seal(at=now) == ("seal", 0.0)


def test_a_signal_without_a_setting_is_not_judged() -> None:
    told = room_health.Health(values={"reserve": 2.0, "moon": 9.0})
    assert [(one.name, one.is_bad) for one in told.signals({"reserve": 1.5})] == [("reserve", True)]


def test_how_long_a_visit_lasts_is_measured_with_those_who_are_inside_still(waiting: Room, now: datetime) -> None:
    Room.objects.update(next_number=100)
    Room.objects.update(serving=90)
    begun = now - MINUTE
    for number in range(1, 41):
        is_over = number <= 20
        ShopPass.objects.create(
            room=waiting,
            number=number,
            rank=number,
            entered_at=begun,
            expires_at=begun + 10 * MINUTE,
            used_at=begun + 20 * SECOND if is_over else None,
            used_for=f"form:{number}" if is_over else "",
        )
    ticks(ticking.Ticker(), 1, at=now)
    waiting.refresh_from_db()
    assert waiting.figures["visit"] == 80  # (20 visits of 20 s + 20 of a minute so far) / 20 that ended
