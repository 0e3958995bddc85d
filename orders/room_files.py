"""The files that a room publishes, and what a web process reads from them.

A web server sends them while Django and PostgreSQL are down. Written whole or not at all; each carries the time it was
written. A process looks once a second. Where there is no file, or an old one, it asks the room's row instead, once a
second as well.

    antre/ROOM.json          the status: the same few bytes for everybody who waits
    antre/ROOM.undian.json   the newest draw: the commitment before, seed, first and count afterwards
    antre/ruang.daftar.json  which rooms there are, and whose door each guards
"""

import json
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError

from meterai import whole_files

from .models import Draw, Room
from .rooms import estimate, polling, shuffle

log = logging.getLogger(__name__)

FOLDER = "antre"
DIRECTORY = "ruang.daftar"
VERSION = 1
# Looked at again after so long; and a file older than this is not believed while the database answers.
KEPT = 1.0  # seconds
STALE = timedelta(seconds=10)
LETTERS = {
    Room.State.OPEN: "o",
    Room.State.PREQUEUE: "p",
    Room.State.QUEUEING: "q",
    Room.State.CLOSED: "c",
    Room.State.DRAINED: "d",
}
_STATES = {letter: state for state, letter in LETTERS.items()}
# The database did not answer: old files are believed for so long, instead of letting everybody wait for it again.
PATIENCE = 10.0  # seconds
_unanswered: dict[str, float] = {}
_seen: dict[tuple[str, str], tuple[float, Any]] = {}


@dataclass(frozen=True, kw_only=True)
class DrawFacts:
    """A draw as it is published. `seed` is empty until it is drawn, `count` 0 until it is closed."""

    room: str
    commitment: str
    first: int
    count: int = 0
    seed: str = ""

    def rank(self, number: int) -> int | None:
        """The rank of a number of this draw; the number itself outside it; None while it is not drawn."""
        if number < self.first or (self.count and number >= self.first + self.count):
            return number
        if not self.seed:
            return None
        return shuffle.rank(number, seed=bytes.fromhex(self.seed), room=self.room, first=self.first, count=self.count)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a room's status file says."""

    slug: str
    state: str
    serving: int
    given: int  # the highest number given out, or reserved for giving out
    velocities: tuple[float, float] | None  # numbers called a minute: slow, fast
    poll: tuple[int, int, int]  # seconds at least and at most between two looks, and percent of jitter
    stock_for: int | None  # so many more numbers will find stamps; None: not known
    kept_percent: int | None  # of the promises of the last hour; None: too few to say
    at: datetime
    opens_at: datetime | None = None
    draw: DrawFacts | None = None

    def rank(self, number: int) -> int | None:
        """Where this number stands; None before the draw."""
        return self.draw.rank(number) if self.draw else number

    def minutes(self, ahead: int) -> tuple[int, int] | None:
        """From and to how many minutes it will take; None: it cannot be said."""
        return estimate.minutes(ahead, velocities=self.velocities)

    def look_again(self, ahead: int) -> float:
        """Seconds until a phone with so many ahead should look again, without the jitter."""
        fast = self.velocities[1] if self.velocities else None
        return polling.interval(ahead, fast=fast, longest=self.poll[1])


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One room in the directory. `seller`: a reseller's code, empty for the official shop."""

    slug: str
    name: str
    seller: str
    is_door: bool


def facts(slug: str, *, fresh: bool = False) -> Facts | None:
    """The room as it is now (or was a second ago, unless `fresh`); None when there is none of that name."""
    if fresh:
        _seen.pop((str(settings.PUBLIC_ROOT), slug), None)
    return _remembered(slug, _read_facts)


def listed() -> tuple[Listed, ...]:
    """Every room."""
    return _remembered(DIRECTORY, lambda _name: _read_directory())


def door_of(seller: str) -> str | None:
    """The room that guards this seller's shop; None when nothing guards it."""
    return next((one.slug for one in listed() if one.seller == seller and one.is_door), None)


def path(name: str) -> Path:
    """Where the file of that name lies: `toko`, `toko.undian`, `ruang.daftar`."""
    return Path(settings.PUBLIC_ROOT) / FOLDER / f"{name}.json"


def address(name: str) -> str:
    """Where a phone asks for it: the same in every language."""
    return f"/{FOLDER}/{name}.json"


def publish(room: Room, *, draw: Draw | None, at: datetime) -> None:
    """Write the status file of this room, and its draw where there is one."""
    write(room.slug, status(room, draw=draw, at=at))
    if draw is not None:
        write(f"{room.slug}.undian", drawn(draw, room=room.slug, at=at))


def publish_directory(rooms: list[Room], *, at: datetime) -> None:
    """Write which rooms there are."""
    listed_rooms = [
        {"slug": room.slug, "name": room.name, "seller": _seller(room), "door": room.is_door} for room in rooms
    ]
    write(DIRECTORY, {"t": int(at.timestamp()), "rooms": listed_rooms})


def status(room: Room, *, draw: Draw | None, at: datetime) -> dict[str, Any]:
    """The few bytes that everybody who waits is told; the keys are explained in docs/waiting-room.md."""
    figures = room.figures
    body = {
        "v": VERSION,
        "s": LETTERS[Room.State(room.state)],
        "n": room.serving,
        "m": room.next_number - 1,
        "r": figures.get("velocity") or [],
        "i": [int(polling.LEAST), figures.get("most", int(polling.SHORTEST_MOST)), polling.JITTER],
        "k": figures.get("stock_for", -1),
        "h": figures.get("kept", -1),
        "t": int(at.timestamp()),
    }
    if draw is not None:
        body["d"] = 2 if draw.drawn_at and draw.drawn_at <= at else 1
    if room.opens_at and room.state == Room.State.PREQUEUE:
        body["o"] = int(room.opens_at.timestamp())
    return body


def drawn(draw: Draw, *, room: str, at: datetime) -> dict[str, Any]:
    """What is published of a draw: never the seed before its time."""
    body: dict[str, Any] = {"room": room, "commitment": draw.commitment, "first": draw.first}
    if draw.count is not None:
        body["count"] = draw.count
    if draw.drawn_at and draw.drawn_at <= at:
        body["seed"] = draw.seed
    return body


def write(name: str, body: dict[str, Any]) -> None:
    """Write a file whole: a reader sees the old one or the new one."""
    whole_files.put(path=path(name), data=json.dumps(body, separators=(",", ":")).encode())


def forget() -> None:
    """Look again at once: after a change of our own, and in tests."""
    _seen.clear()
    _unanswered.clear()


def _remembered(name: str, read: Any) -> Any:
    key = (str(settings.PUBLIC_ROOT), name)
    known = _seen.get(key)
    now = time.monotonic()
    if known is not None and now - known[0] < KEPT:
        return known[1]
    found = read(name)
    if found is not None or known is not None:
        # A made-up name is not remembered: nobody may fill our memory with them.
        _seen[key] = (now, found)
    return found


def _read_facts(slug: str) -> Facts | None:
    told = _load(slug)
    if told is None or (_is_stale(told) and _answers(slug)):
        try:
            return _facts_of_row(slug)
        except DatabaseError:
            if told is None:
                raise
            log.warning("the room %s is known from an old file alone", slug)
            _unanswered[slug] = time.monotonic()
    return _facts(slug, told, _load(f"{slug}.undian") if told.get("d") else None)


def _facts_of_row(slug: str) -> Facts | None:
    room = Room.objects.filter(slug=slug).first()
    if room is None:
        return None
    draw, at = newest_draw(room), datetime.now(UTC)
    published = None if draw is None else drawn(draw, room=slug, at=at)
    return _facts(slug, status(room, draw=draw, at=room.ticked_at or at), published)


def _answers(name: str) -> bool:
    return time.monotonic() - _unanswered.get(name, -PATIENCE) >= PATIENCE


def _read_directory() -> tuple[Listed, ...]:
    told = _load(DIRECTORY)
    if told is None or (_is_stale(told) and _answers(DIRECTORY)):
        try:
            rooms = Room.objects.select_related("reseller").all()
            return tuple(
                Listed(slug=room.slug, name=room.name, seller=_seller(room), is_door=room.is_door) for room in rooms
            )
        except DatabaseError:
            if told is None:
                raise
            _unanswered[DIRECTORY] = time.monotonic()
    return tuple(
        Listed(slug=one["slug"], name=one["name"], seller=one["seller"], is_door=one["door"]) for one in told["rooms"]
    )


def newest_draw(room: Room) -> Draw | None:
    """The draw that decides about numbers of the last days."""
    return Draw.objects.filter(room=room).order_by("-id").first()


def _facts(slug: str, told: dict[str, Any], undian: dict[str, Any] | None) -> Facts:
    low_high = told.get("r") or None
    return Facts(
        slug=slug,
        state=str(_STATES[told["s"]]),
        serving=told["n"],
        given=told["m"],
        velocities=(low_high[0], low_high[1]) if low_high else None,
        poll=(told["i"][0], told["i"][1], told["i"][2]),
        stock_for=told["k"] if told["k"] >= 0 else None,
        kept_percent=told["h"] if told["h"] >= 0 else None,
        at=datetime.fromtimestamp(told["t"], UTC),
        opens_at=datetime.fromtimestamp(told["o"], UTC) if "o" in told else None,
        draw=DrawFacts(**{name: undian[name] for name in undian}) if undian else None,
    )


def _load(name: str) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path(name).read_bytes()))
    except (OSError, ValueError):
        return None


def _is_stale(told: dict[str, Any]) -> bool:
    return abs(time.time() - told["t"]) > STALE.total_seconds()


def _seller(room: Room) -> str:
    return room.reseller.code if room.reseller else ""


def from_rows(name: str, *, at: datetime) -> dict[str, Any] | None:
    """What the file of that name would hold, where no ticker runs; None when there is no such thing."""
    slug, _dot, kind = name.partition(".")
    room = Room.objects.filter(slug=slug).first()
    draw = newest_draw(room) if room else None
    if room is None or (kind and draw is None):
        return None
    return drawn(draw, room=slug, at=at) if kind and draw else status(room, draw=draw, at=room.ticked_at or at)
