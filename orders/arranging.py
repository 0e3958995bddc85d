"""A room from state to state, by the ticker or by a person. Each change leaves a row that says who and why."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from meterai import states

from . import room_files
from .models import Draw, Room
from .rooms import shuffle

# From the closing of a draw until its seed is published: longer than anybody may still hold numbers of it.
BEFORE_THE_DRAW = timedelta(seconds=6)
# What a person may set in a room, besides its state.
SETTINGS = frozenset(
    {
        "name",
        "mode",
        "target",
        "share",
        "override",
        "limits",
        "grace_minutes",
        "pass_minutes",
        "reentry_percent",
        "opens_at",
        "is_door",
    }
)


class NotYetCalled(Exception):
    """People of the last queue wait still: a pre-queue begins when all of them were called."""


def begin_prequeue(*, room: Room, opens_at: datetime, by: str, reason: str, at: datetime) -> Draw:
    """Take people in before the opening; the commitment to the draw is made now. One that goes on keeps its draw.

    Raises states.NoSuchArrow, NotYetCalled.
    """
    with transaction.atomic():
        room = _locked(room)
        old = room.state
        draw = Draw.objects.filter(room=room, closed_at=None).first()
        if draw is None:
            if old == Room.State.CLOSED and room.serving < room.next_number - 1:
                raise NotYetCalled(room.slug)
            seed = secrets.token_bytes(32)
            draw = Draw.objects.create(
                room=room,
                seed=seed.hex(),
                commitment=shuffle.commitment(seed),
                first=room.next_number,
                begun_at=at,
            )
        states.move(
            room,
            to=Room.State.PREQUEUE,
            at=at,
            reason=reason,
            actor=by,
            opens_at=opens_at,
            serving=draw.first - 1,
        )
    _published(room, at)
    return draw


def begin_queue(*, room: Room, by: str, reason: str, at: datetime) -> None:
    """From now on people wait. After a pre-queue: close the draw. Raises states.NoSuchArrow, MovedMeanwhile."""
    with transaction.atomic():
        room = _locked(room)
        changes: dict[str, Any] = {"grace_from": at}
        if room.state == Room.State.OPEN:
            changes["serving"] = room.next_number - 1
        states.move(room, to=Room.State.QUEUEING, at=at, reason=reason, actor=by, **changes)
        # The row's lock is held: no strip is torn off between counting and closing.
        Draw.objects.filter(room=room, closed_at=None).update(
            closed_at=at, count=room.next_number - F("first"), drawn_at=at + BEFORE_THE_DRAW
        )
    _published(room, at)


def open_doors(*, room: Room, by: str, reason: str, at: datetime) -> None:
    """No queue any more: everybody may come. Raises states.NoSuchArrow, MovedMeanwhile."""
    with transaction.atomic():
        room = _locked(room)
        states.move(room, to=Room.State.OPEN, at=at, reason=reason, actor=by, serving=room.next_number - 1)
    _published(room, at)


def close(*, room: Room, by: str, reason: str, at: datetime) -> None:
    """Nobody joins and nobody enters; those who wait keep their places. Raises states.NoSuchArrow, MovedMeanwhile."""
    _stop(room, Room.State.CLOSED, by=by, reason=reason, at=at)


def drain(*, room: Room, by: str, reason: str, at: datetime) -> None:
    """Nothing is left to sell: those who wait are told so. Raises states.NoSuchArrow, MovedMeanwhile."""
    _stop(room, Room.State.DRAINED, by=by, reason=reason, at=at)


def adjust(*, room: Room, by: str, reason: str, at: datetime, **changes: Any) -> None:
    """Set some of SETTINGS; each change leaves a row. ValueError for another field, IntegrityError for a bad value."""
    if unknown := changes.keys() - SETTINGS:
        raise ValueError(f"not to be set here: {', '.join(sorted(unknown))}")
    with transaction.atomic():
        room = _locked(room)
        changed = {name: value for name, value in changes.items() if getattr(room, name) != value}
        for name, value in changed.items():
            old, new = f"{name}={getattr(room, name)}"[:20], f"{name}={value}"[:20]
            states.note(room, old=old, new=new, at=at, reason=reason, actor=by)
            setattr(room, name, value)
        room.save(update_fields=list(changed))


def _stop(room: Room, to: str, *, by: str, reason: str, at: datetime) -> None:
    with transaction.atomic():
        room = _locked(room)
        states.move(room, to=to, at=at, reason=reason, actor=by)
    _published(room, at)


def _locked(room: Room) -> Room:
    return Room.objects.select_for_update(no_key=True, of=("self",)).select_related("reseller").get(pk=room.pk)


def _published(room: Room, at: datetime) -> None:
    """This machine's file at once; the tickers of others follow within a second."""
    room.refresh_from_db()
    room_files.publish(room, draw=room_files.newest_draw(room), at=at)
    room_files.forget()
