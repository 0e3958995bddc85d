"""Who is called and who comes: the measured show rate, and how many of those called are still expected.

A share measured over numbers whose grace is not over is too low, so it is measured by age. Time since the call is cut
into bins; for each bin, those who came in it are divided by those who were called so long ago that the bin is over
for them. The sum over the bins is the show rate, and what a number of some age brings in the next seconds is what is
expected of it. Sleepers who come minutes later are in the rate, but no place is kept empty for them. Older evidence
fades, with a half-life of five minutes.
"""

import bisect
import math
from collections import deque
from dataclasses import dataclass, field

BINS = (0.0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 420, 600)
HALF_LIFE = 300.0  # seconds
# A bin says something once so many were called that it is over for them.
ENOUGH = 20.0
# Who has the page open looks every few seconds. Before this age everybody may yet come, after it only sleepers do.
LOOKED_BY = 10.0
# What is not measured yet: each bin brings this part of what the one before brought, by the second.
FADING = 0.5
# A news of who came may be this late.
LATE = 2.0
LEAST_RATE = 0.05
# Whoever comes within so many seconds is expected; later ones find a place that somebody has left by then.
SOON = 20.0


@dataclass
class _Called:
    at: float
    last: int  # the highest rank that was called with them
    count: float
    came: list[float] = field(default_factory=lambda: [0.0] * (len(BINS) - 1))
    closed: int = 0  # bins that are over, and in the sums


class Turnout:
    """Kept by the ticker for one room; times are seconds on any one clock."""

    def __init__(self) -> None:
        self._called: deque[_Called] = deque()
        self._came = [0.0] * (len(BINS) - 1)
        self._exposed = [0.0] * (len(BINS) - 1)
        self._faded_at: float | None = None
        self.lag = LOOKED_BY / 2  # seconds until half of those who come have come, about

    def call(self, *, count: float, last: int, at: float) -> None:
        """So many people were called now, the last of them with rank `last`."""
        if count > 0:
            self._called.append(_Called(at=at, last=last, count=count))

    def come(self, *, rank: int, at: float) -> None:
        """The one with this rank entered for the first time. One called before our memory begins is left out."""
        place = bisect.bisect_left(self._called, rank, key=lambda one: one.last)
        if place < len(self._called):
            one = self._called[place]
            index = bisect.bisect_right(BINS, max(0.0, at - one.at)) - 1
            # Nobody comes in a bin that is over, and nobody after the last one: the news was late.
            index = max(one.closed, index)
            if index < len(one.came):
                one.came[index] += 1

    def measure(self, *, at: float, visit: float = math.inf) -> tuple[float, float]:
        """(show rate between LEAST_RATE and 1, people called and expected soon). Errs upwards while little is known.

        `visit`: mean seconds that somebody stays; who comes later finds a place that others have left. Sets `lag`.
        """
        self._fade(at)
        for one in self._called:
            self._close_bins(one, at)
        while self._called and self._called[0].closed == len(BINS) - 1:
            self._called.popleft()
        chances = self._chances()
        until = [0.0]
        for chance in chances:
            until.append(until[-1] + chance)
        soon = min(SOON, max(LOOKED_BY / 2, visit))
        expected = sum(one.count * _soon(one, at, soon, until) for one in self._called)
        self.lag = _lag(until)
        rate = min(1.0, until[-1])
        counted = max(1.0, self._exposed[0])
        rate += math.sqrt(max(rate * (1 - rate), 1 / counted) / counted)
        return min(1.0, max(LEAST_RATE, rate)), expected

    def _close_bins(self, one: _Called, at: float) -> None:
        while one.closed < len(one.came) and at - one.at >= BINS[one.closed + 1] + LATE:
            self._exposed[one.closed] += one.count
            self._came[one.closed] += one.came[one.closed]
            one.closed += 1

    def _fade(self, at: float) -> None:
        if self._faded_at is not None:
            kept = 0.5 ** ((at - self._faded_at) / HALF_LIFE)
            self._came = [value * kept for value in self._came]
            self._exposed = [value * kept for value in self._exposed]
        self._faded_at = at

    def _chances(self) -> list[float]:
        """For each bin, the chance that somebody called comes in it."""
        chances: list[float] = []
        a_second = 1.0
        for index, (came, exposed) in enumerate(zip(self._came, self._exposed, strict=True)):
            width = BINS[index + 1] - BINS[index]
            left = max(0.0, 1 - sum(chances))
            if exposed >= ENOUGH:
                a_second = came / exposed / width
            elif BINS[index] < LOOKED_BY:
                # Too early to say: whoever has not come yet may come until then.
                last = BINS.index(LOOKED_BY) - 1
                return [*chances, *[0.0] * (last - index), left, *[0.0] * (len(self._came) - last - 1)]
            else:
                a_second *= FADING
            chances.append(min(left, a_second * width))
        return chances


def _lag(until: list[float]) -> float:
    """Mean seconds until they come, of those who come before LOOKED_BY; half of it while nothing is known."""
    last = BINS.index(LOOKED_BY)
    if not until[last]:
        return LOOKED_BY / 2
    middles = [(BINS[index] + BINS[index + 1]) / 2 for index in range(last)]
    return sum(middle * (until[index + 1] - until[index]) for index, middle in enumerate(middles)) / until[last]


def _soon(one: _Called, at: float, soon: float, until: list[float]) -> float:
    """What share of the group comes within the next seconds, of those it began with."""
    age = max(0.0, at - one.at)
    not_yet = max(0.0, 1 - sum(one.came) / one.count)
    return min(not_yet, _share(age + soon, until) - _share(age, until))


def _share(age: float, until: list[float]) -> float:
    """The share that has come by this age, between the ends of its bin in proportion."""
    if age >= BINS[-1]:
        return until[-1]
    index = bisect.bisect_right(BINS, age) - 1
    passed = (age - BINS[index]) / (BINS[index + 1] - BINS[index])
    return until[index] + (until[index + 1] - until[index]) * passed
