"""What tests of waiting rooms begin with: a room, a ticker, and time that the test moves on."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from orders import arranging, pulse, room_files, room_numbers, ticking
from orders.models import Room, Strip
from orders.rooms import strips

PATIENCE = timedelta(seconds=strips.SECONDS + strips.LAST_WORD + 1)


@pytest.fixture
def public(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of files for this test, and nothing remembered of another one; time is the test's own."""
    settings.PUBLIC_ROOT = tmp_path / "public"
    pulse.pulse.stop()
    pulse.pulse.__init__()
    monkeypatch.setattr(pulse.pulse, "start", lambda: None)
    pulse.client().delete(pulse.KEY)
    forget()
    yield tmp_path / "public"
    forget()


def forget() -> None:
    """As a process that has just started."""
    room_files.forget()
    room_numbers.forget()


def room(*, slug: str = "toko", state: str = Room.State.OPEN, at: datetime, **values: Any) -> Room:
    """A room before the official shop, moved to its state by the steps."""
    made = Room.objects.create(**{"slug": slug, "name": "Toko resmi", "target": 10, "ticked_at": at} | values)
    if state == Room.State.QUEUEING:
        arranging.begin_queue(room=made, by="penyelia", reason="a test", at=at)
    room_files.forget()
    made.refresh_from_db()
    return made


def settle(waiting: Room) -> None:
    """Time goes by for the strips: no worker may give from them any more, and each is told how far it was used."""
    for roll in room_numbers._rolls.values():
        if roll._held is not None:
            Strip.objects.filter(pk=roll._held.pk).update(used=roll._held.used)
    Strip.objects.filter(room=waiting).update(until=timezone.now() - timedelta(minutes=1))
    room_numbers.forget()


def call(waiting: Room, *, up_to: int) -> None:
    """As if the ticker had called so far."""
    Room.objects.filter(pk=waiting.pk).update(serving=up_to)
    waiting.refresh_from_db()
    room_files.publish(waiting, draw=room_files.newest_draw(waiting), at=timezone.now())
    room_files.forget()


def beat(*, at: datetime) -> None:
    """This process says how it is, in the test's own time."""
    report = pulse.pulse.report() | {"t": at.timestamp()}
    pulse.client().hset(pulse.KEY, "a test", json.dumps(report))


def ticks(ticker: ticking.Ticker, count: int, *, at: datetime) -> datetime:
    """So many seconds go by."""
    for _number in range(count):
        beat(at=at)
        ticker.tick(at=at)
        at += timedelta(seconds=1)
    room_files.forget()
    return at
