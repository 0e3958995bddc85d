"""The last hours of a waiting room as a picture: three panels over one axis of time.

queue      people waiting
admission  people called a minute
occupancy  people in the shop, and how many may be there (the ceiling)
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .models import Mark

# In units of the picture.
WIDTH, HEIGHT, LEFT = 720, 110, 52
STEPS = 120
# Rows of the table beside the picture.
ROWS = 12


@dataclass(frozen=True, kw_only=True)
class Point:
    """One step of time. A value is None when nothing was written down then: a gap is no zero."""

    at: datetime
    waiting: int | None = None
    called: float | None = None  # a minute
    in_shop: int | None = None
    ceiling: int | None = None
    state: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a panel: `name` chooses its look, `path` is for the attribute d."""

    name: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel: its lines, and the value at its upper edge."""

    name: str
    top: int
    lines: tuple[Line, ...]


def points(marks: Iterable[Mark], *, since: datetime, until: datetime, steps: int = STEPS) -> list[Point]:
    """So many steps from `since` to `until`; of each the last mark and the pace of calling. `marks`: oldest first."""
    length = (until - since) / steps
    groups: list[list[Mark]] = [[] for _ in range(steps)]
    for mark in marks:
        groups[min(steps - 1, max(0, int((mark.at - since) / length)))].append(mark)
    made, before = [], None
    for number, group in enumerate(groups):
        at = since + length * (number + 1)
        made.append(_point(group, before, at) if group else Point(at=at))
        before = group[-1] if group else before
    return made


def panels(shown: Sequence[Point]) -> tuple[Panel, Panel, Panel]:
    """Queue, admission, occupancy."""
    return (
        _panel("queue", shown, waiting=lambda one: one.waiting),
        _panel("admission", shown, called=lambda one: one.called),
        _panel("occupancy", shown, in_shop=lambda one: one.in_shop, ceiling=lambda one: one.ceiling),
    )


def hours(since: datetime, until: datetime, *, most: int = 6) -> list[tuple[float, datetime]]:
    """Full steps of the clock between them, with their place from the left."""
    span = until - since
    step = next(one for one in (10, 30, 60, 180, 360, 720) if span / timedelta(minutes=one) <= most or one == 720)
    first = math.ceil(since.timestamp() / (step * 60)) * step * 60
    moments = range(int(first), int(until.timestamp()) + 1, step * 60)
    return [
        (_x((moment - since.timestamp()) / span.total_seconds()), datetime.fromtimestamp(moment, until.tzinfo))
        for moment in moments
    ]


def _point(group: Sequence[Mark], before: Mark | None, at: datetime) -> Point:
    last, first = group[-1], before or group[0]
    passed = (last.at - first.at).total_seconds()
    # The count begins anew with a new ticker: then nothing is said.
    called = (last.called - first.called) / passed * 60 if passed > 0 and last.called >= first.called else None
    return Point(
        at=at, waiting=last.waiting, called=called, in_shop=last.in_shop, ceiling=last.ceiling, state=last.state
    )


def _panel(name: str, shown: Sequence[Point], **values: Callable[[Point], float | None]) -> Panel:
    known = [value for read in values.values() for point in shown if (value := read(point)) is not None]
    top = _round_up(max(known, default=0))
    lines = (Line(name=line, path=_path([read(point) for point in shown], top)) for line, read in values.items())
    return Panel(name=name, top=top, lines=tuple(lines))


def _path(values: Sequence[float | None], top: int) -> str:
    parts, is_drawing = [], False
    for number, value in enumerate(values):
        if value is None:
            is_drawing = False
            continue
        x, y = _x((number + 1) / len(values)), HEIGHT * (1 - min(value, top) / top)
        parts.append(f"{'L' if is_drawing else 'M'}{x:.1f} {y:.1f}" + ("" if is_drawing else "h.01"))
        is_drawing = True
    return "".join(parts)


def _x(share: float) -> float:
    return LEFT + (WIDTH - LEFT) * share


def _round_up(value: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50 … that is no smaller."""
    unit = 10 ** max(0, len(str(int(value))) - 1)
    return next(unit * step for step in (1, 2, 5, 10) if unit * step >= value)
