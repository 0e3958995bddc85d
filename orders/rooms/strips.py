"""Numbers are torn off in strips: a worker takes a strip and gives its numbers out one by one, for a few seconds.

Only a worker that holds a strip knows how far it is used; it says so every second. Whoever calls must pass over what
will never be given out, and must not pass a strip that is still in use: a number given behind the called one would be
let in at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

LONGEST, SHORTEST = 1000, 10
# How long a strip may be given from, and how much longer we wait for the last word about it.
SECONDS, LAST_WORD = 3.0, 2.0


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Numbers first … first + size - 1; `used` of them were given out, None: nobody has said."""

    first: int
    size: int
    used: int | None
    until: float  # seconds, on the clock of `at`
    is_drawn: bool = False  # its numbers are in a draw: all are at their ranks already

    def is_open(self, *, at: float) -> bool:
        """Whether its worker may still give numbers out."""
        return at < self.until + LAST_WORD

    def given(self, *, at: float) -> int:
        """How many people hold a number of it, as far as we know; a strip that nobody spoke for counts as full."""
        if self.used is not None:
            return self.used
        return 0 if self.is_open(at=at) else self.size


def next_size(*, size: int, used: int, seconds: float) -> int:
    """How long the next strip should be for its few seconds, after one of `size` that gave `used` numbers in `seconds`.

    A burst of ten is no rush yet: it grows fourfold at most.
    """
    wanted = used / max(seconds, 0.05) * SECONDS * 1.2
    return max(SHORTEST, min(LONGEST, 4 * size, round(wanted)))


def advance(strips: Sequence[Strip], *, serving: int, people: int, at: float) -> tuple[int, int]:
    """(the number to call up to, how many people that calls). `strips` in order, those not wholly called yet.

    Numbers that nobody holds cost nothing. Stops at a strip that may still be given from.
    """
    called = 0
    for strip in strips:
        end = strip.first + strip.size - 1
        held = strip.first + strip.given(at=at) - 1
        serving = max(serving, strip.first - 1)
        step = min(people - called, max(0, held - serving))
        serving, called = serving + step, called + step
        if serving < held or strip.is_open(at=at):
            break
        serving = max(serving, end)
    return serving, called


def waiting(strips: Sequence[Strip], *, serving: int, at: float) -> int:
    """How many people hold a number that is not called yet."""
    return sum(max(0, strip.first + strip.given(at=at) - 1 - max(serving, strip.first - 1)) for strip in strips)
