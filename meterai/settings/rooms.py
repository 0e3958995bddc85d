"""The waiting rooms, read from the environment. What belongs to one room stands in its own row."""

from dataclasses import dataclass

from . import env


@dataclass(frozen=True, kw_only=True)
class Rooms:
    """How all rooms of this site are run."""

    # Zero bits that a proof of work at joining must show; 0: none is asked for.
    work_bits: int
    # Numbers that one address may take; a carrier hides thousands of phones behind one.
    join_rate: str
    # Polls of the status file that this site bears: the farther from the front, the longer between two looks.
    polls_per_second: int
    # A visit to the shop ends after so many seconds on average: how many are inside, while there is no queue.
    visit_seconds: int
    # Measures of health from other apps: each function, given the time, returns a name and seconds (or None).
    signals: tuple[str, ...] = ("orders.health_sources.pay", "stamping.queue_age.seal")


def read() -> Rooms:
    """ROOMS."""
    return Rooms(
        work_bits=env.number("ROOM_WORK_BITS", default=0),
        join_rate=env.text("ROOM_JOIN_RATE", default="6000/m"),
        polls_per_second=env.number("ROOM_POLLS_PER_SECOND", default=5000),
        visit_seconds=env.number("ROOM_VISIT_SECONDS", default=180),
    )
