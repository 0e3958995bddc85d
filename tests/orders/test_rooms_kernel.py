"""Tickets, recovery codes, the draw, strips, polling, proof of work: the rules, without database or clock."""

import base64
import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.rooms import polling, shuffle, spoken, strips, tickets, work
from orders.rooms.strips import Strip
from orders.rooms.tickets import NotATicket, Ticket, TooOld

SECRET = b"a secret of these tests"
JOINED = datetime(2026, 9, 3, 8, 30, 15, tzinfo=UTC)
SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "recompute_rank.py"
SEED = hashlib.sha256(b"seed").digest()


def a_ticket(**changes: object) -> Ticket:
    known = {"room": "toko", "number": 123456, "joined_at": JOINED, "is_prequeue": True, "promised": (12, 19)}
    return Ticket(**(known | changes))


def test_a_ticket_says_what_was_written_and_fits_an_address() -> None:
    text = tickets.write(a_ticket(), secret=SECRET)
    assert len(text) <= 64 and text.replace("-", "").replace("_", "").isalnum()
    assert tickets.read(text, room="toko", secret=SECRET, at=JOINED) == a_ticket()


@pytest.mark.parametrize("place", range(39))
def test_a_ticket_with_one_letter_changed_is_none(place: int) -> None:
    text = tickets.write(a_ticket(), secret=SECRET)
    other = "A" if text[place] != "A" else "B"
    with pytest.raises(NotATicket):
        tickets.read(text[:place] + other + text[place + 1 :], room="toko", secret=SECRET, at=JOINED)


def test_a_ticket_is_good_in_its_own_room_alone_and_under_our_secret_alone() -> None:
    text = tickets.write(a_ticket(), secret=SECRET)
    for room, secret in (("posfin", SECRET), ("toko", b"another")):
        with pytest.raises(NotATicket):
            tickets.read(text, room=room, secret=secret, at=JOINED)


def test_a_ticket_lives_for_two_days_over_the_change_of_keys_and_is_not_from_the_future() -> None:
    text = tickets.write(a_ticket(), secret=SECRET)
    for hours in (0, 16, 40, 48):
        assert tickets.read(text, room="toko", secret=SECRET, at=JOINED + timedelta(hours=hours)).number == 123456
    with pytest.raises(TooOld):
        tickets.read(text, room="toko", secret=SECRET, at=JOINED + timedelta(hours=48, seconds=1))
    with pytest.raises(NotATicket):
        tickets.read(text, room="toko", secret=SECRET, at=JOINED - timedelta(minutes=3))


def test_each_day_has_a_key_of_its_own() -> None:
    days = [tickets.key_of_day(JOINED + timedelta(days=day), secret=SECRET) for day in range(3)]
    assert len(set(days)) == 3
    assert tickets.key_of_day(JOINED + timedelta(hours=1), secret=SECRET) == days[0]


@given(st.text(max_size=64))
def test_no_text_that_we_did_not_write_is_a_ticket_or_an_error_of_another_kind(text: str) -> None:
    with pytest.raises(NotATicket):
        tickets.read(text, room="toko", secret=SECRET, at=JOINED)


@given(
    number=st.integers(1, spoken.MOST_NUMBER),
    minutes=st.integers(0, 48 * 60 - 1),
    seconds=st.integers(0, 59),
    is_prequeue=st.booleans(),
)
def test_a_code_gives_the_same_place_back_for_two_days(
    number: int, minutes: int, seconds: int, is_prequeue: bool
) -> None:
    joined = JOINED.replace(second=seconds)
    code = spoken.code_of(a_ticket(number=number, joined_at=joined, is_prequeue=is_prequeue), secret=SECRET)
    assert len(code) == 19
    back = spoken.ticket_of(code, room="toko", secret=SECRET, at=joined + timedelta(minutes=minutes))
    assert (back.number, back.is_prequeue, back.joined_at) == (number, is_prequeue, joined.replace(second=0))


def test_a_code_is_read_as_people_type_it() -> None:
    code = spoken.code_of(a_ticket(), secret=SECRET)
    typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert spoken.ticket_of(typed, room="toko", secret=SECRET, at=JOINED).number == 123456


def test_every_single_slip_in_a_code_is_noticed_before_it_counts_as_a_guess() -> None:
    code = spoken.code_of(a_ticket(), secret=SECRET).replace("-", "")
    for place, letter in enumerate(code):
        for other in spoken.ALPHABET:
            if other != letter:
                with pytest.raises(spoken.Mistyped):
                    spoken.ticket_of(code[:place] + other + code[place + 1 :], room="toko", secret=SECRET, at=JOINED)


def test_a_code_of_another_room_or_of_nobody_opens_nothing() -> None:
    code = spoken.code_of(a_ticket(), secret=SECRET)
    with pytest.raises(NotATicket):
        spoken.ticket_of(code, room="posfin", secret=SECRET, at=JOINED)
    with pytest.raises((NotATicket, TooOld)):
        spoken.ticket_of(code, room="toko", secret=SECRET, at=JOINED + timedelta(hours=60))
    with pytest.raises(OverflowError):
        spoken.code_of(a_ticket(number=spoken.MOST_NUMBER + 1), secret=SECRET)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 10, 64, 65, 1000, 65537])
def test_the_draw_gives_every_number_a_rank_of_its_own(count: int) -> None:
    ranks = {shuffle.rank(101 + n, seed=SEED, room="toko", first=101, count=count) for n in range(count)}
    assert ranks == set(range(101, 101 + count))


@given(count=st.integers(1, 10**7), place=st.integers(0, 10**7), seed=st.binary(min_size=32, max_size=32))
def test_a_rank_lies_among_the_numbers_of_the_draw(count: int, place: int, seed: bytes) -> None:
    number = 1 + place % count
    assert 1 <= shuffle.rank(number, seed=seed, room="toko", first=1, count=count) <= count


def test_the_draw_is_no_order_of_arrival_and_another_count_is_another_draw() -> None:
    ranks = [shuffle.rank(n, seed=SEED, room="toko", first=1, count=10_000) for n in range(1, 10_001)]
    early = sum(rank <= 5000 for rank in ranks[:5000])
    assert 2300 < early < 2700  # half of the first half, as dice would have it
    fixed = sum(rank == n for n, rank in enumerate(ranks, start=1))
    assert fixed < 10
    other = [shuffle.rank(n, seed=SEED, room="toko", first=1, count=10_001) for n in range(1, 10_001)]
    assert sum(one == two for one, two in zip(ranks, other, strict=True)) < 20


def test_a_number_outside_has_no_rank_in_the_draw() -> None:
    for number in (0, 11):
        with pytest.raises(ValueError, match="takes no part"):
            shuffle.rank(number, seed=SEED, room="toko", first=1, count=10)


def published(count: int, first: int = 7) -> str:
    draw = {"room": "toko", "commitment": shuffle.commitment(SEED), "first": first, "count": count, "seed": SEED.hex()}
    return json.dumps(draw)


@pytest.mark.parametrize("count", [1, 2, 3, 10, 1000, 65537])
def test_the_script_for_everybody_finds_the_same_ranks(count: int, tmp_path: Path) -> None:
    file = tmp_path / "draw.json"
    file.write_text(published(count))
    command = [sys.executable, "-I", str(SCRIPT), str(file)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    found = dict(tuple(map(int, line.split())) for line in said.splitlines())
    assert found == {n: shuffle.rank(n, seed=SEED, room="toko", first=7, count=count) for n in range(7, 7 + count)}


def test_the_script_is_short_imports_nothing_of_ours_and_finds_a_broken_promise(tmp_path: Path) -> None:
    text = SCRIPT.read_text()
    assert len(text.splitlines()) <= 40
    imported = {line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert imported <= set(sys.stdlib_module_names)
    file = tmp_path / "draw.json"
    file.write_text(published(10).replace(SEED.hex(), hashlib.sha256(b"other").hexdigest()))
    done = subprocess.run([sys.executable, str(SCRIPT), str(file), "8"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "commitment" in done.stderr


def strip(first: int, size: int = 10, *, used: int | None = None, until: float = 0.0) -> Strip:
    return Strip(first=first, size=size, used=used, until=until)


def test_calling_passes_over_numbers_that_nobody_holds() -> None:
    line = [strip(1, used=4), strip(11, used=10), strip(21, used=2)]
    assert strips.advance(line, serving=0, people=3, at=100.0) == (3, 3)
    assert strips.advance(line, serving=0, people=4, at=100.0) == (10, 4)
    assert strips.advance(line, serving=0, people=6, at=100.0) == (12, 6)
    assert strips.advance(line, serving=0, people=99, at=100.0) == (30, 16)
    assert strips.waiting(line, serving=12, at=100.0) == 10


def test_calling_stops_at_a_strip_that_is_still_given_from() -> None:
    line = [strip(1, used=4, until=100.0), strip(11, used=10)]
    assert strips.advance(line, serving=0, people=99, at=100.0) == (4, 4)
    assert strips.advance(line, serving=0, people=99, at=101.9) == (4, 4)
    assert strips.advance(line, serving=4, people=99, at=102.0) == (20, 10)


def test_a_strip_that_nobody_spoke_for_counts_as_full_once_it_is_over() -> None:
    silent = [strip(1, used=None, until=100.0)]
    assert strips.advance(silent, serving=0, people=5, at=100.0) == (0, 0)
    assert strips.advance(silent, serving=0, people=5, at=103.0) == (5, 5)


@given(
    sizes=st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), min_size=1, max_size=20),
    steps=st.lists(st.integers(0, 40), max_size=60),
)
def test_in_any_line_everybody_is_called_once_and_calling_never_goes_back(
    sizes: list[tuple[int, int]], steps: list[int]
) -> None:
    line, first = [], 1
    for size, used in sizes:
        line.append(strip(first, size, used=min(used, size)))
        first += size
    serving = called = 0
    for people in [*steps, 10_000]:
        further, more = strips.advance(line, serving=serving, people=people, at=100.0)
        assert further >= serving and more <= people
        serving, called = further, called + more
    assert called == sum(one.used or 0 for one in line)
    assert serving == first - 1
    assert strips.waiting(line, serving=serving, at=100.0) == 0


def test_strips_are_as_long_as_the_rush_wants() -> None:
    assert strips.next_size(size=10, used=0, seconds=3.0) == strips.SHORTEST
    assert strips.next_size(size=10, used=10, seconds=3.0) == 12
    assert strips.next_size(size=10, used=10, seconds=0.01) == 40
    assert strips.next_size(size=1000, used=1000, seconds=0.6) == strips.LONGEST


def test_phones_look_the_less_often_the_farther_they_are_and_the_more_there_are() -> None:
    assert polling.interval(0, fast=100.0, longest=60) == polling.LEAST
    assert polling.interval(200, fast=100.0, longest=60) == 12.0
    assert polling.interval(10**6, fast=100.0, longest=60) == 60
    assert polling.interval(500, fast=None, longest=60) == polling.SHORTEST_MOST
    assert polling.most(waiting=10, polls_per_second=5000) == 15
    assert polling.most(waiting=1_000_000, polls_per_second=5000) == 200
    assert polling.most(waiting=10**9, polls_per_second=5000) == 300


def solution(challenge: str, bits: int) -> str:
    return next(str(n) for n in range(10**6) if work.solves(challenge, solution=str(n), bits=bits))


def test_work_opens_at_once_and_patience_without_work() -> None:
    given_out = work.challenge(room="toko", secret=SECRET, at=JOINED)
    done = solution(given_out, 8)
    work.check(given_out, solution=done, bits=8, room="toko", secret=SECRET, at=JOINED)
    with pytest.raises(work.TooEarly) as early:
        work.check(given_out, solution="", bits=8, room="toko", secret=SECRET, at=JOINED + timedelta(seconds=5))
    assert early.value.seconds in (15, 16)
    work.check(given_out, solution="", bits=8, room="toko", secret=SECRET, at=JOINED + timedelta(seconds=20))


def test_a_challenge_of_another_room_a_changed_or_an_old_one_is_none() -> None:
    given_out = work.challenge(room="toko", secret=SECRET, at=JOINED)
    late = JOINED + timedelta(minutes=11)
    younger = given_out.replace(given_out[:10], str(int(given_out[:10]) + 600), 1)
    for text, room, at in [
        (given_out, "posfin", JOINED),
        (younger, "toko", late),
        (given_out, "toko", late),
        ("", "toko", late),
    ]:
        with pytest.raises(work.NotAChallenge):
            work.check(text, solution="", bits=8, room=room, secret=SECRET, at=at)


def test_the_mac_of_a_ticket_is_sixteen_bytes_of_it() -> None:
    raw = base64.urlsafe_b64decode(tickets.write(a_ticket(), secret=SECRET) + "=")
    assert len(raw) == 29
