"""How long it will take, as a range from what was served in the last minutes; never one number."""

import math
from collections.abc import Sequence

# Numbers called are counted over windows of a minute, within the last so many seconds.
WINDOW, MEMORY = 60.0, 600.0
# So many windows at least; before that nothing is promised.
ENOUGH = 4
# A range narrower than this (around its middle) promises more than the past can tell.
LEAST_SPREAD = 0.25
# One wider than this says nothing that helps: "40 to 2,000 minutes". While a slow time is in the memory, none is given.
MOST_SPREAD = 4.0  # fast / slow
# The page rounds to minutes and looks every few seconds.
SLACK = 0.5  # minutes


def velocity(samples: Sequence[tuple[float, float]], *, at: float) -> tuple[float, float] | None:
    """The tenth and ninetieth percentile of numbers called a minute; None when there is nothing to go by, or too much.

    `samples`: (seconds, numbers called until then), rising, some seconds apart.
    """
    recent = [sample for sample in samples if at - sample[0] <= MEMORY]
    rates = []
    start = 0
    for moment, serving in recent:
        while start + 1 < len(recent) and moment - recent[start + 1][0] >= WINDOW:
            start += 1
        since, then = recent[start]
        if moment - since >= WINDOW:
            rates.append((serving - then) / (moment - since) * 60)
    if len(rates) < ENOUGH or max(rates) <= 0:
        return None
    rates.sort()
    slow, fast = _percentile(rates, 0.1), _percentile(rates, 0.9)
    return None if 0 < slow * MOST_SPREAD < fast else (slow, fast)


def minutes(ahead: float, *, velocities: tuple[float, float] | None) -> tuple[int, int] | None:
    """From and to how many minutes somebody with so many numbers ahead waits; None: it cannot be said.

    The upper end is missing when the line has stood still for a tenth of the time: then nothing is promised either.
    """
    if velocities is None or velocities[0] <= 0:
        return None
    slow, fast = velocities
    middle = (slow + fast) / 2
    slow, fast = min(slow, middle / (1 + LEAST_SPREAD)), max(fast, middle * (1 + LEAST_SPREAD))
    return max(0, math.floor(ahead / fast - SLACK)), max(1, math.ceil(ahead / slow + SLACK))


def is_inside(waited: float, *, promised: tuple[int, int]) -> bool:
    """Whether so many minutes keep the promise; the page shows whole minutes, so half of one belongs to it."""
    return promised[0] - SLACK <= waited <= promised[1] + SLACK


def may_run_out(ahead: float, *, stock: int | None, show_rate: float, stamps_each: float) -> bool:
    """Whether those ahead may buy all that is left. `stock` None: not known, and nothing is said."""
    return stock is not None and ahead * show_rate * stamps_each >= stock


def _percentile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
