"""How often a waiting phone looks: seldom far from the front, often near it, and all of them together seldom enough."""

JITTER = 20  # percent, both ways
LEAST = 5.0  # seconds
# Between these lies the longest interval that phones are told.
SHORTEST_MOST, LONGEST_MOST = 15.0, 300.0
# A phone looks so often before it is called, if the line goes on as fast as it can.
LOOKS = 10


def most(*, waiting: float, polls_per_second: float) -> int:
    """The longest interval to tell: with it alone, so many phones make no more polls than that."""
    return round(min(LONGEST_MOST, max(SHORTEST_MOST, waiting / max(1.0, polls_per_second))))


def interval(ahead: float, *, fast: float | None, longest: float) -> float:
    """Seconds to the next look with so many numbers ahead; `fast`: numbers called a minute at best (None: unknown)."""
    if ahead <= 0:
        return LEAST
    if not fast or fast <= 0:
        return min(longest, SHORTEST_MOST)
    return min(longest, max(LEAST, ahead / fast * 60 / LOOKS))
