"""Joining, waiting, entering and coming back; and what the database refuses about it."""

import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from meterai import states
from meterai.models import Flip
from orders import arranging, queueing, room_files, room_numbers
from orders.models import Draw, Mark, Outcome, Room, ShopPass, Strip
from orders.rooms import shuffle, work
from tests import factories
from tests.orders.rooms import call, forget, public, room

__all__ = ["public"]

pytestmark = pytest.mark.usefixtures("db", "public")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def waiting(now: datetime) -> Room:
    """A room with a queue in which nobody waits yet."""
    return room(state=Room.State.QUEUEING, at=now)


def joined(count: int, *, at: datetime, slug: str = "toko") -> list[queueing.Joined]:
    return [queueing.join(slug=slug, at=at) for _number in range(count)]


def test_numbers_come_one_after_the_other_and_cost_one_statement_a_strip(waiting: Room, now: datetime) -> None:
    queueing.facts_of("toko")
    with CaptureQueriesContext(connection) as queries:
        numbers = [one.place.number for one in joined(10, at=now)]
    assert numbers == list(range(1, 11))
    assert len(queries) == 1
    assert joined(1, at=now)[0].place.number == 11


def test_waiting_costs_no_statement_and_no_row(waiting: Room, now: datetime) -> None:
    held = joined(3, at=now)[2]
    room_files.publish(Room.objects.get(), draw=None, at=now)
    forget()
    with CaptureQueriesContext(connection) as queries:
        for second in range(100):
            place = queueing.place_of(slug="toko", ticket=held.ticket, at=now + timedelta(seconds=second))
    assert len(queries) == 0
    assert (place.number, place.ahead, place.called) == (3, 2, False)
    assert not ShopPass.objects.exists()


def test_two_processes_never_give_one_number_twice(waiting: Room, now: datetime) -> None:
    first, second = room_numbers.Roll("toko"), room_numbers.Roll("toko")
    numbers = [roll.next()[0] for _turn in range(45) for roll in (first, second)]
    assert len(set(numbers)) == 90
    assert Strip.objects.count() >= 2


def test_a_process_that_was_killed_leaves_a_gap_and_no_double(waiting: Room, now: datetime) -> None:
    before = {one.place.number for one in joined(4, at=now)}
    forget()  # what it held in memory is gone
    after = {one.place.number for one in joined(4, at=now)}
    assert before == {1, 2, 3, 4}
    assert min(after) == 11


def test_nobody_is_taken_in_where_there_is_no_queue_or_no_shop(now: datetime) -> None:
    made = room(at=now)
    with pytest.raises(queueing.NotTaking) as refusal:
        queueing.join(slug="toko", at=now)
    assert refusal.value.state == Room.State.OPEN
    arranging.close(room=made, by="penyelia", reason="the end", at=now)
    with pytest.raises(queueing.NotTaking) as refusal:
        queueing.join(slug="toko", at=now)
    assert refusal.value.state == Room.State.CLOSED
    with pytest.raises(queueing.NoSuchRoom):
        queueing.join(slug="nowhere", at=now)


def test_a_room_that_closes_between_two_looks_gives_no_number_and_leaves_no_strip(waiting: Room, now: datetime) -> None:
    queueing.facts_of("toko")  # remembered for a second
    Room.objects.update(state=Room.State.CLOSED)
    with pytest.raises(queueing.NotTaking) as refusal:
        queueing.join(slug="toko", at=now)
    assert refusal.value.state == Room.State.CLOSED
    assert not Strip.objects.exists()


def test_who_was_called_enters_once_however_often_the_ticket_is_shown(waiting: Room, now: datetime) -> None:
    held = joined(2, at=now)
    with pytest.raises(queueing.NotCalled) as early:
        queueing.enter(slug="toko", ticket=held[1].ticket, at=now)
    assert early.value.place.ahead == 1
    call(waiting, up_to=2)
    passes = {queueing.enter(slug="toko", ticket=held[1].ticket, at=now + timedelta(seconds=n)).pk for n in range(3)}
    assert len(passes) == 1
    assert ShopPass.objects.get().expires_at == now + 10 * MINUTE


def test_a_pass_is_good_for_one_order_and_for_its_repeats(waiting: Room, now: datetime) -> None:
    held = joined(1, at=now)[0]
    call(waiting, up_to=1)
    entered = queueing.enter(slug="toko", ticket=held.ticket, at=now)
    queueing.use(pk=entered.pk, key="form:one", at=now)
    queueing.use(pk=entered.pk, key="form:one", at=now + MINUTE)
    with pytest.raises(queueing.PassUsed):
        queueing.use(pk=entered.pk, key="form:two", at=now)
    with pytest.raises(queueing.PassUsed):
        queueing.enter(slug="toko", ticket=held.ticket, at=now)


def test_a_pass_whose_time_is_over_buys_nothing(waiting: Room, now: datetime) -> None:
    held = joined(1, at=now)[0]
    call(waiting, up_to=1)
    entered = queueing.enter(slug="toko", ticket=held.ticket, at=now)
    with pytest.raises(queueing.PassUsed):
        queueing.use(pk=entered.pk, key="form:late", at=now + 12 * MINUTE)


def missed(waiting: Room, now: datetime) -> str:
    """A ticket that was called half an hour ago, while the shop was well, and nobody came."""
    held = joined(1, at=now - 40 * MINUTE)[0]
    call(waiting, up_to=1)
    Room.objects.update(grace_from=now - 60 * MINUTE)
    a_mark(waiting, at=now - 30 * MINUTE, serving=1)
    return held.ticket


def a_mark(waiting: Room, **values: Any) -> Mark:
    known = {"state": "queueing", "called": 0, "given": 0, "waiting": 0, "in_shop": 0, "ceiling": 10, "show_rate": 0.5}
    return Mark.objects.create(room=waiting, why="steady", **(known | values))


def test_who_missed_the_turn_may_come_once_more_and_is_told_so(waiting: Room, now: datetime) -> None:
    ticket = missed(waiting, now)
    with pytest.raises(queueing.TurnMissed) as refusal:
        queueing.enter(slug="toko", ticket=ticket, at=now)
    assert refusal.value.again
    entered = queueing.enter(slug="toko", ticket=ticket, at=now, again=True)
    assert entered.turn == 2
    assert queueing.enter(slug="toko", ticket=ticket, at=now + MINUTE).pk == entered.pk
    with pytest.raises(queueing.TurnMissed) as refusal:
        queueing.enter(slug="toko", ticket=ticket, at=now + 15 * MINUTE, again=True)
    assert not refusal.value.again


def test_the_second_chance_ends(waiting: Room, now: datetime) -> None:
    ticket = missed(waiting, now)
    with pytest.raises(queueing.TurnMissed) as refusal:
        queueing.enter(slug="toko", ticket=ticket, at=now + timedelta(hours=3), again=True)
    assert not refusal.value.again


def test_who_let_the_minutes_in_the_shop_pass_may_come_once_more(waiting: Room, now: datetime) -> None:
    held = joined(1, at=now)[0]
    call(waiting, up_to=1)
    queueing.enter(slug="toko", ticket=held.ticket, at=now)
    again = queueing.enter(slug="toko", ticket=held.ticket, at=now + 11 * MINUTE, again=True)
    assert again.turn == 2


def test_those_who_missed_their_turn_get_only_their_share(waiting: Room, now: datetime) -> None:
    held = joined(3, at=now - 40 * MINUTE)
    call(waiting, up_to=3)
    Room.objects.update(grace_from=now - 60 * MINUTE)
    a_mark(waiting, at=now - 30 * MINUTE, serving=3)
    queueing.enter(slug="toko", ticket=held[0].ticket, at=now, again=True)
    with pytest.raises(queueing.TurnMissed) as refusal:
        queueing.enter(slug="toko", ticket=held[1].ticket, at=now, again=True)
    assert refusal.value.again and refusal.value.seconds > 0
    assert queueing.enter(slug="toko", ticket=held[1].ticket, at=now + 2 * MINUTE, again=True).turn == 2


def test_nobodys_turn_runs_out_while_the_shop_is_not_well(waiting: Room, now: datetime) -> None:
    ticket = missed(waiting, now)
    Room.objects.update(grace_from=now - MINUTE)
    assert queueing.enter(slug="toko", ticket=ticket, at=now).turn == 1


def test_a_place_comes_back_by_its_code_and_enters_once(waiting: Room, now: datetime) -> None:
    held = joined(1, at=now)[0]
    back = queueing.recover(slug="toko", code=held.code.lower(), at=now + MINUTE)
    assert back.place.number == held.place.number
    call(waiting, up_to=1)
    first = queueing.enter(slug="toko", ticket=held.ticket, at=now)
    assert queueing.enter(slug="toko", ticket=back.ticket, at=now).pk == first.pk
    with pytest.raises(queueing.Mistyped):
        queueing.recover(slug="toko", code="0000-0000-0000-0001", at=now)


def test_a_closed_or_drained_room_lets_nobody_in_and_keeps_the_places(waiting: Room, now: datetime) -> None:
    held = joined(1, at=now)[0]
    call(waiting, up_to=1)
    arranging.close(room=waiting, by="penyelia", reason="a fault", at=now)
    with pytest.raises(queueing.NotTaking):
        queueing.enter(slug="toko", ticket=held.ticket, at=now)
    waiting.refresh_from_db()
    arranging.begin_queue(room=waiting, by="penyelia", reason="mended", at=now + 30 * MINUTE)
    assert queueing.enter(slug="toko", ticket=held.ticket, at=now + 31 * MINUTE).turn == 1


def test_early_joiners_are_drawn_as_promised_and_those_behind_keep_their_order(now: datetime) -> None:
    begun, opened = now - 2 * MINUTE, now - MINUTE
    made = room(at=begun)
    draw = arranging.begin_prequeue(room=made, opens_at=opened, by="penyelia", reason="a deadline", at=begun)
    early = joined(12, at=begun)
    assert {one.place.ahead for one in early} == {None}
    arranging.begin_queue(room=Room.objects.get(), by="ticker", reason="the time", at=opened)
    draw.refresh_from_db()
    assert set(room_files.drawn(draw, room="toko", at=opened)) == {"room", "commitment", "first", "count"}
    forget()
    late = joined(1, at=opened)[0]
    assert late.place.number == draw.first + draw.count
    room_files.publish(Room.objects.get(), draw=draw, at=now)
    forget()
    assert shuffle.commitment(bytes.fromhex(draw.seed)) == draw.commitment
    facts = queueing.facts_of("toko")
    assert facts.draw is not None and facts.draw.seed == draw.seed
    ranks = [facts.rank(one.place.number) for one in early]
    assert len(set(ranks)) == 12 and max(rank or 0 for rank in ranks) < late.place.number
    for one in early:
        seed = bytes.fromhex(draw.seed)
        rank = shuffle.rank(one.place.number, seed=seed, room="toko", first=draw.first, count=draw.count)
        place = queueing.place_of(slug="toko", ticket=one.ticket, at=now)
        assert place.ahead == rank - 1


def test_a_prequeue_waits_until_the_last_queue_was_called(waiting: Room, now: datetime) -> None:
    joined(1, at=now)
    arranging.close(room=waiting, by="penyelia", reason="pause", at=now)
    with pytest.raises(arranging.NotYetCalled):
        arranging.begin_prequeue(room=Room.objects.get(), opens_at=now, by="penyelia", reason="again", at=now)


def test_every_change_by_a_person_leaves_who_and_why(waiting: Room, now: datetime) -> None:
    arranging.adjust(room=waiting, by="penyelia", reason="the press came", at=now, override=120, share=50)
    arranging.drain(room=waiting, by="gudang", reason="sold out", at=now)
    rows = Flip.objects.filter(noun="orders.room").order_by("pk").values_list("old", "new", "reason", "actor")
    assert set(rows) >= {
        ("override=None", "override=120", "the press came", "penyelia"),
        ("share=100", "share=50", "the press came", "penyelia"),
        ("queueing", "drained", "sold out", "gudang"),
    }
    with pytest.raises(ValueError, match="serving"):
        arranging.adjust(room=waiting, by="penyelia", reason="no", at=now, serving=99)
    with pytest.raises(states.NoSuchArrow):
        arranging.begin_prequeue(room=Room.objects.get(), opens_at=now, by="x", reason="", at=now)


def test_work_is_asked_for_where_it_is_set_and_counts_once(waiting: Room, now: datetime, settings: Any) -> None:
    settings.ROOMS = replace(settings.ROOMS, work_bits=8)
    given = queueing.challenge(slug="toko", at=now)
    with pytest.raises(queueing.TooEarly):
        queueing.join(slug="toko", at=now, challenge=given)
    found = next(str(n) for n in range(10**6) if work.solves(given, solution=str(n), bits=8))
    assert queueing.join(slug="toko", at=now, challenge=given, solution=found).place.number == 1
    with pytest.raises(queueing.NotAChallenge):
        queueing.join(slug="toko", at=now, challenge=given, solution=found)
    patient = queueing.challenge(slug="toko", at=now)
    assert queueing.join(slug="toko", at=now + timedelta(seconds=20), challenge=patient).place.number == 2


def test_what_was_promised_travels_with_the_ticket(waiting: Room, now: datetime) -> None:
    Room.objects.update(figures={"velocity": [6.0, 6.0], "most": 15}, next_number=121)
    room_files.publish(Room.objects.get(), draw=None, at=now)
    forget()
    held = queueing.join(slug="toko", at=now)
    ticket = queueing.opened(slug="toko", ticket=held.ticket, at=now)
    assert ticket.promised == held.place.minutes == (15, 26)


def test_a_guest_from_before_the_queue_has_one_pass(waiting: Room, now: datetime) -> None:
    guest = uuid.uuid4()
    first = queueing.turn_of_guest(slug="toko", guest=guest, since=now - 5 * MINUTE, at=now)
    assert queueing.turn_of_guest(slug="toko", guest=guest, since=now - 5 * MINUTE, at=now).pk == first.pk
    assert first.expires_at == now + 5 * MINUTE


def a_pass(waiting: Room, now: datetime, **values: Any) -> ShopPass:
    known = {"number": 1, "rank": 1, "entered_at": now, "expires_at": now + MINUTE}
    return ShopPass.objects.create(room=waiting, **(known | values))


def a_draw(waiting: Room, now: datetime, **values: Any) -> Draw:
    known = {"commitment": "c" * 64, "seed": "5" * 64, "first": 1, "begun_at": now}
    return Draw.objects.create(room=waiting, **(known | values))


def a_strip(waiting: Room, now: datetime, **values: Any) -> Strip:
    known = {"first": 1, "size": 10, "holder": "h", "taken_at": now, "until": now}
    return Strip.objects.create(room=waiting, **(known | values))


def twice(make: Callable[..., Any]) -> Callable[..., Any]:
    return lambda waiting, now, **values: [make(waiting, now, **values) for _time in range(2)]


REFUSED: list[tuple[str, Callable[[Room, datetime], Any]]] = [
    ("room_one_door_a_shop", lambda w, n: room(slug="dua", at=n)),
    ("room_calls_given_numbers", lambda w, n: Room.objects.update(serving=99)),
    ("room_numbers_from_one", lambda w, n: Room.objects.create(slug="x", is_door=False, serving=-1)),
    ("room_has_target", lambda w, n: Room.objects.update(target=0)),
    ("room_share_is_percent", lambda w, n: Room.objects.update(share=101)),
    ("room_gives_time", lambda w, n: Room.objects.update(grace_minutes=0)),
    ("room_only_rises", lambda w, n: Room.objects.update(serving=1)),
    ("room_only_rises", lambda w, n: Room.objects.update(next_number=3)),
    ("orders_room_arrows", lambda w, n: Room.objects.update(state="prequeue")),
    ("draw_first_is_new", lambda w, n: [a_draw(w, n, closed_at=n, count=1, drawn_at=n + MINUTE), a_draw(w, n)]),
    ("draw_one_open_a_room", lambda w, n: [a_draw(w, n), a_draw(w, n, first=2)]),
    ("draw_closed_whole", lambda w, n: a_draw(w, n, closed_at=n)),
    ("draw_drawn_once", lambda w, n: a_draw(w, n) and Draw.objects.update(seed="6" * 64)),
    ("draw_drawn_once", lambda w, n: a_draw(w, n) and Draw.objects.all().delete()),
    ("strip_numbers_once", lambda w, n: [a_strip(w, n), a_strip(w, n, first=10)]),
    ("strip_not_empty", lambda w, n: a_strip(w, n, size=0)),
    ("strip_used_fits", lambda w, n: a_strip(w, n, used=11)),
    ("pass_once_a_turn", twice(a_pass)),
    ("pass_once_a_guest", lambda w, n: twice(a_pass)(w, n, number=None, rank=None, guest=uuid.UUID(int=1))),
    ("pass_turn_is_first_or_second", lambda w, n: a_pass(w, n, turn=3)),
    ("pass_of_number_or_guest", lambda w, n: a_pass(w, n, guest=uuid.UUID(int=1))),
    ("pass_used_paired", lambda w, n: a_pass(w, n, used_at=n)),
    ("pass_ends_after_it_begins", lambda w, n: a_pass(w, n, expires_at=n)),
    ("pass_number_was_called", lambda w, n: a_pass(w, n, number=3, rank=3)),
    ("pass_used_once", lambda w, n: a_pass(w, n, used_at=n, used_for="k") and ShopPass.objects.update(used_for="l")),
    ("mark_once_a_moment", lambda w, n: [a_mark(w, at=n, serving=1), a_mark(w, at=n, serving=1)]),
    ("outcome_once_a_minute", lambda w, n: [Outcome.objects.create(room=w, minute=n) for _time in range(2)]),
]


@pytest.mark.parametrize(("name", "wrong"), REFUSED, ids=[f"{name}-{nth}" for nth, (name, _) in enumerate(REFUSED)])
def test_the_database_refuses(name: str, wrong: Callable[[Room, datetime], Any], waiting: Room, now: datetime) -> None:
    Room.objects.update(next_number=5)
    Room.objects.update(serving=2)
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        wrong(waiting, now)


def test_a_reseller_has_a_door_of_its_own(waiting: Room, now: datetime) -> None:
    posfin = factories.reseller("posfin")
    room(slug="posfin", reseller=posfin, at=now)
    forget()
    assert (room_files.door_of(""), room_files.door_of("posfin"), room_files.door_of("e-met")) == (
        "toko",
        "posfin",
        None,
    )


def test_old_files_are_not_believed_while_the_database_answers(waiting: Room, now: datetime, public: Path) -> None:
    room_files.publish(waiting, draw=None, at=now - MINUTE)
    Room.objects.update(next_number=50)
    forget()
    assert queueing.facts_of("toko").given == 49
    (public / "antre" / "toko.json").write_text("half a fi")
    forget()
    assert queueing.facts_of("toko").given == 49


def test_an_old_file_is_believed_while_the_database_does_not_answer(waiting: Room, now: datetime) -> None:
    room_files.publish(waiting, draw=None, at=now - MINUTE)
    forget()
    asked = []

    def silent(*_arguments: Any) -> None:
        asked.append(1)
        raise OperationalError("the connection is gone")

    with connection.execute_wrapper(silent):
        assert queueing.facts_of("toko").at == datetime.fromtimestamp(int((now - MINUTE).timestamp()), UTC)
        room_files._seen.clear()  # a second later
        assert queueing.facts_of("toko").state == Room.State.QUEUEING
    assert len(asked) == 1


def test_the_status_is_small_and_says_when_it_was_written(waiting: Room, now: datetime) -> None:
    Room.objects.update(
        next_number=1_000_001,
        figures={"velocity": [12345.6, 23456.7], "most": 200, "stock_for": 1200000, "kept": 91},
    )
    Room.objects.update(serving=999_999)
    waiting.refresh_from_db()
    room_files.publish(waiting, draw=None, at=now)
    written = room_files.path("toko").read_bytes()
    assert len(written) <= 120
    assert room_files.facts("toko").at == datetime.fromtimestamp(int(now.timestamp()), UTC)
    assert re.fullmatch(rb'\{"v":1,"s":"q",.*\}', written)
