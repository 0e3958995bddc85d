"""What the ticker knows of a room beyond its rows; one that takes over builds it again from marks and passes."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Max

from . import room_marks
from .models import Mark, Room, ShopPass
from .rooms.admission import State, Wanted
from .rooms.turnout import BINS, Turnout

# From this part of the ceiling on the shop is full, and what is served tells how fast the line goes.
FULL = 0.8
STAMPS_EACH = 2.0


@dataclass
class Memory:
    """What the ticker knows of one room beyond its rows."""

    state: State
    turnout: Turnout = field(default_factory=Turnout)
    samples: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=700))
    was_full: bool = False
    called: float = 0.0  # people, ever
    seen_pass: int = 0  # the newest pass that was counted
    arrivals: deque[tuple[float, int]] = field(default_factory=deque)
    marked_at: datetime | None = None
    counted: datetime | None = None
    looked_at: datetime | None = None
    stock: int | None = None
    visit: float = 180.0  # seconds
    kept: int = -1
    stamps_each: float = STAMPS_EACH
    in_draw: dict[int, int] = field(default_factory=dict)  # people in a draw, by its id


def remembered(room: Room, *, at: datetime) -> Memory:
    """What a ticker that takes over knows: built from the marks and passes of the last minutes."""
    top = Wanted(target=room.target, share=room.share).top
    ceiling = min(top, float(room.figures.get("ceiling", top)))
    memory = Memory(state=State(ceiling=ceiling, at=at.timestamp()), called=float(room.figures.get("called", 0)))
    since = at - timedelta(seconds=BINS[-1] + 60)
    before: Mark | None = None
    for mark in room_marks.recent(room=room, since=since):
        moment = mark.at.timestamp()
        if before is not None and mark.called > before.called:
            memory.turnout.call(count=mark.called - before.called, last=mark.serving, at=moment)
        if mark.state == Room.State.QUEUEING and mark.in_shop >= FULL * mark.ceiling:
            memory.was_full = True
        if memory.was_full:
            memory.samples.append((moment, mark.serving))
        before = mark
    if before is not None and memory.called > before.called:
        # Called after the last mark, and the one who called was killed.
        memory.turnout.call(count=memory.called - before.called, last=room.serving, at=before.at.timestamp())
    came = ShopPass.objects.filter(room=room, turn=1, entered_at__gte=since).exclude(number=None)
    for pk, rank, entered in came.order_by("pk").values_list("pk", "rank", "entered_at"):
        memory.turnout.come(rank=rank or 0, at=entered.timestamp())
        memory.seen_pass = pk
    if not memory.seen_pass:
        newest = ShopPass.objects.filter(room=room).aggregate(newest=Max("pk"))
        memory.seen_pass = newest["newest"] or 0
    return memory
