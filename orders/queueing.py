"""The line before a shop: join it, ask for one's place, enter when called, get the place back. Waiting leaves no row.

What a ticket says is signed, and what a room does is read from its file; so nothing but entering touches the database.
"""

import math
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac

from . import room_files, room_numbers
from .models import Mark, Room, ShopPass
from .room_files import Facts
from .rooms import spoken, tickets, work
from .rooms.spoken import Mistyped
from .rooms.tickets import NotATicket, Ticket, TooOld
from .rooms.work import NotAChallenge, TooEarly

__all__ = ["Mistyped", "NotAChallenge", "NotATicket", "TooEarly", "TooOld"]

# Who missed the turn may come back once within this time after the grace.
SECOND_CHANCE = timedelta(hours=2)


# Who pressed the button in the last second of the pass has pressed it in time.
LENIENCY = timedelta(seconds=60)


class NoSuchRoom(Exception):
    """There is no room of that name."""


class NotTaking(Exception):
    """Nobody can join now; `state` says why: open (go straight in), closed, drained."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


class NotCalled(Exception):
    """The number has not been called yet (or the draw has not been made, or the room is closed): wait on."""

    def __init__(self, place: "Place") -> None:
        super().__init__(place.state)
        self.place = place


class TurnMissed(Exception):
    """The number was called and its holder did not come. `again`: one re-entry is left; `seconds`: ask for it then."""

    def __init__(self, *, again: bool, seconds: int = 0) -> None:
        super().__init__("again" if again else "no more")
        self.again = again
        self.seconds = seconds


class PassUsed(Exception):
    """This number has had its order."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a ticket stands. `state` is one of the states of Room.

    `called`: the number may enter now, as far as the room's file knows. `ahead` is None before the draw, else the
    numbers before it; it never rises. `minutes`: from and to; None: it cannot be said. `may_run_out`: stamps may be
    gone before.
    """

    room: str
    state: str
    number: int
    called: bool
    ahead: int | None
    minutes: tuple[int, int] | None
    may_run_out: bool
    look_again: int  # seconds
    at: datetime  # of the news
    opens_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Joined:
    """A place that was just taken, or got back."""

    ticket: str
    code: str
    place: Place


def facts_of(slug: str, *, fresh: bool = False) -> Facts:
    """The room. Raises NoSuchRoom."""
    facts = room_files.facts(slug, fresh=fresh)
    if facts is None:
        raise NoSuchRoom(slug)
    return facts


def join(*, slug: str, at: datetime, challenge: str = "", solution: str = "") -> Joined:
    """Take a number. Raises NoSuchRoom, NotTaking; NotAChallenge and TooEarly where work is asked for."""
    facts = facts_of(slug)
    if facts.state not in Room.TAKES_PEOPLE:
        raise NotTaking(facts.state)
    if work_bits():
        _check_work(slug, challenge, solution, at)
    try:
        number, is_prequeue = room_numbers.next_number(slug)
    except room_numbers.NotTaking:
        # The file was a second old: the row says what it is now.
        raise NotTaking(str(Room.objects.values_list("state", flat=True).get(slug=slug))) from None
    promised = None if is_prequeue else facts.minutes(max(0, number - facts.serving - 1))
    ticket = Ticket(
        room=slug,
        number=number,
        joined_at=at.replace(microsecond=0),
        is_prequeue=is_prequeue,
        promised=promised,
    )
    return _joined(ticket, at=at)


def challenge(*, slug: str, at: datetime) -> str:
    """What a phone must solve, or grow old enough, before it joins."""
    return work.challenge(room=slug, secret=_secret(), at=at)


def work_bits() -> int:
    """How much work joining asks for; 0: none."""
    return int(settings.ROOMS.work_bits)


def place_of(*, slug: str, ticket: str, at: datetime) -> Place:
    """Where this ticket stands; no statement. Raises NoSuchRoom, NotATicket, TooOld."""
    return _place(facts_of(slug), opened(slug=slug, ticket=ticket, at=at))


def recover(*, slug: str, code: str, at: datetime) -> Joined:
    """The place that this code stands for. Raises NoSuchRoom, Mistyped, NotATicket, TooOld."""
    facts_of(slug)
    return _joined(spoken.ticket_of(code, room=slug, secret=_secret(), at=at), at=at)


def opened(*, slug: str, ticket: str, at: datetime) -> Ticket:
    """What the ticket says. Raises NotATicket, TooOld."""
    return tickets.read(ticket, room=slug, secret=_secret(), at=at)


def code_of(ticket: Ticket) -> str:
    """Its recovery code."""
    return spoken.code_of(ticket, secret=_secret())


def enter(*, slug: str, ticket: str, at: datetime, again: bool = False) -> ShopPass:
    """The pass of this number: a new one, or the one it has already. `again`: the holder wants the one re-entry.

    Raises NoSuchRoom, NotATicket, TooOld, NotCalled, TurnMissed, PassUsed; NotTaking when the room is open (no pass is
    needed), closed or drained.
    """
    held = opened(slug=slug, ticket=ticket, at=at)
    facts = facts_of(slug)
    place = _place(facts, held)
    if facts.state != Room.State.QUEUEING:
        if facts.state == Room.State.PREQUEUE:
            raise NotCalled(place)
        raise NotTaking(facts.state)
    rank = facts.rank(held.number)
    if rank is None or rank > facts.serving:
        # The phone may have read a file that is newer than what this process remembers.
        facts = facts_of(slug, fresh=True)
        rank, place = facts.rank(held.number), _place(facts, held)
    if rank is None or rank > facts.serving:
        raise NotCalled(place)
    room = Room.objects.get(slug=slug)
    return _enter(room, held, rank, place=place, again=again, at=at)


def called_at(*, room: Room, rank: int, at: datetime) -> datetime:
    """When this rank was called, to a few seconds; `at` if not written down yet. Later if the shop was unwell."""
    mark = Mark.objects.filter(room=room, serving__gte=rank).order_by("serving", "at").first()
    called = mark.at if mark else at
    return max(called, room.grace_from) if room.grace_from else called


def use(*, pk: int, key: str, at: datetime) -> None:
    """Use this pass for the order with that idempotency key, in its transaction. Again with the key: no second use.

    Raises PassUsed when it was used for another order or its time is over.
    """
    mine = ShopPass.objects.filter(pk=pk)
    if mine.filter(used_at=None, expires_at__gt=at - LENIENCY).update(used_at=at, used_for=key):
        return
    if not mine.filter(used_for=key).exists():
        raise PassUsed


def turn_of_guest(*, slug: str, guest: uuid.UUID, since: datetime, at: datetime) -> ShopPass:
    """The pass of somebody who was in the shop before the room was switched on."""
    room = Room.objects.get(slug=slug)
    until = max(since + timedelta(minutes=room.pass_minutes), at + timedelta(seconds=1))
    found, _created = ShopPass.objects.get_or_create(
        room=room, guest=guest, defaults={"entered_at": at, "expires_at": until}
    )
    return found


def _enter(room: Room, held: Ticket, rank: int, *, place: Place, again: bool, at: datetime) -> ShopPass:
    passes = list(ShopPass.objects.filter(room=room, number=held.number).order_by("turn"))
    newest = passes[-1] if passes else None
    if newest is not None:
        if newest.used_at:
            raise PassUsed
        if newest.expires_at > at:
            return newest
        if newest.turn == 2:
            raise TurnMissed(again=False)
    called = called_at(room=room, rank=rank, at=at)
    over = newest.expires_at if newest else called + timedelta(minutes=room.grace_minutes)
    if newest is None and at <= over:
        return _admit(room, held, rank, turn=1, called=called, place=place, at=at)
    if at > over + SECOND_CHANCE:
        raise TurnMissed(again=False)
    if not again:
        raise TurnMissed(again=True)
    return _admit_again(room, held, rank, called=called, place=place, at=at)


def _admit_again(room: Room, held: Ticket, rank: int, *, called: datetime, place: Place, at: datetime) -> ShopPass:
    """A re-entry, if the share for those who missed their turn is not used up in this minute."""
    minute = ShopPass.objects.filter(room=room, entered_at__gt=at - timedelta(minutes=1))
    with transaction.atomic():
        Room.objects.select_for_update(no_key=True).get(pk=room.pk)
        turns = list(minute.exclude(number=None).values_list("turn", flat=True))
        if turns.count(2) >= max(1, math.ceil(turns.count(1) * room.reentry_percent / 100)):
            raise TurnMissed(again=True, seconds=20)
        return _admit(room, held, rank, turn=2, called=called, place=place, at=at)


def _admit(room: Room, held: Ticket, rank: int, *, turn: int, called: datetime, place: Place, at: datetime) -> ShopPass:
    low, high = held.promised or (None, None)
    values = {
        "rank": rank,
        "joined_at": held.joined_at,
        "called_at": called,
        "entered_at": at,
        "expires_at": at + timedelta(minutes=room.pass_minutes),
        "promised_low": low,
        "promised_high": high,
    }
    try:
        with transaction.atomic():
            found, _created = ShopPass.objects.get_or_create(room=room, number=held.number, turn=turn, defaults=values)
    except IntegrityError as refusal:
        if "pass_number_was_called" in str(refusal):
            raise NotCalled(place) from None
        raise
    return found


def _place(facts: Facts, held: Ticket) -> Place:
    rank = facts.rank(held.number)
    if facts.state == Room.State.PREQUEUE and held.is_prequeue:
        rank = None
    ahead = None if rank is None else max(0, rank - facts.serving - 1)
    called = rank is not None and rank <= facts.serving and facts.state == Room.State.QUEUEING
    return Place(
        room=facts.slug,
        state=facts.state,
        number=held.number,
        called=called,
        ahead=ahead,
        minutes=None if ahead is None or called else facts.minutes(ahead),
        may_run_out=ahead is not None and facts.stock_for is not None and ahead >= facts.stock_for,
        look_again=round(facts.poll[1] if ahead is None else facts.look_again(ahead)),
        at=facts.at,
        opens_at=facts.opens_at,
    )


def _joined(ticket: Ticket, *, at: datetime) -> Joined:
    return Joined(
        ticket=tickets.write(ticket, secret=_secret()),
        code=code_of(ticket),
        place=_place(facts_of(ticket.room), ticket),
    )


def _check_work(slug: str, given: str, solution: str, at: datetime) -> None:
    work.check(given, solution=solution, bits=work_bits(), room=slug, secret=_secret(), at=at)
    # Once each: somebody who shows one work may join once with it. Without Valkey the limits alone hold.
    try:
        is_new = cache.add(f"rooms:work:{given}", 1, timeout=int(work.LIFETIME.total_seconds()))
    except Exception:  # every client library has its own; whatever it is, the cache did not answer
        return
    if not is_new:
        raise NotAChallenge


def _secret() -> bytes:
    return salted_hmac("orders.rooms", "secret", algorithm="sha256").digest()
