"""What figures say about a component's health. Pure functions: the same figures always give the same word.

"Normal" needs a measured success rate; where nothing was tried there is no measurement, however quiet it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from .models import Health, Severity

# Fewer tries than these say nothing.
LEAST_TRIES = 3
# Below so many of a hundred that went well, a component does not run.
DOWN_PERCENT = 50
# When more than so many of a hundred took long, it is slow.
SLOW_PERCENT = 20
# What waits so many times as long as was promised is more than slow.
FAR_TOO_LONG = 10
# So many payments that ended without money, and not one with: the money does not reach us.
LEAST_ENDED = 10

_ORDER = (Health.UNKNOWN, Health.NORMAL, Health.SLOW, Health.DISTURBED, Health.DOWN)
_FLOOR = {Severity.MINOR: Health.SLOW, Severity.MAJOR: Health.DISTURBED, Severity.CRITICAL: Health.DOWN}


class Reason(StrEnum):
    """Why it is not normal, as a code; status_pages has the words."""

    TOO_FEW = "too_few"
    FAILURES = "failures"
    LONG = "long"
    WAITING = "waiting"
    STANDSTILL = "standstill"
    NO_MONEY = "no_money"
    SOLD_OUT = "sold_out"
    INCIDENT = "incident"


@dataclass(frozen=True)
class Figures:
    """Outcomes of a span of time, and what waits at its end.

    `slow` are those of `done` that took longer than promised; `ended` payments ran out without money, which buyers may
    have wanted; `oldest` is the age in seconds of what waits longest.
    """

    done: int = 0
    slow: int = 0
    failed: int = 0
    ended: int = 0
    waiting: int = 0
    oldest: float = 0.0

    @classmethod
    def read_back(cls, kept: dict[str, Any]) -> "Figures":
        """From the fields as they were kept; a missing one is nothing."""
        return cls(**{field.name: kept.get(field.name, 0) for field in fields(cls)})

    @property
    def tries(self) -> int:
        """What ended well or badly."""
        return self.done + self.failed

    @property
    def success(self) -> float | None:
        """The share that ended well; None when nothing was tried."""
        return self.done / self.tries if self.tries else None


@dataclass(frozen=True)
class Verdict:
    """A health, and the codes of the reasons for it."""

    health: Health
    reasons: tuple[Reason, ...] = ()


def judge(figures: Figures, *, normal_percent: int, promise: float, sold_out: bool = False) -> Verdict:
    """The health that these figures show. `promise` is how many seconds anything may wait."""
    found = [_by_success(figures, normal_percent), *_by_waiting(figures, promise)]
    if figures.ended >= LEAST_ENDED and not figures.done:
        found.append(Verdict(Health.DISTURBED, (Reason.NO_MONEY,)))
    if sold_out:
        found.append(Verdict(Health.DISTURBED, (Reason.SOLD_OUT,)))
    return _together(found)


def under(verdict: Verdict, severities: Iterable[str]) -> Verdict:
    """The verdict while incidents of these severities are open: never better than the worst of them says."""
    floors = [Verdict(_FLOOR[Severity(one)], (Reason.INCIDENT,)) for one in severities]
    return _together([verdict, *floors])


def worst(healths: Iterable[Health]) -> Health:
    """The worst of them; UNKNOWN weighs more than NORMAL, for what is not measured is not known to be good."""
    order = (Health.NORMAL, Health.UNKNOWN, *_ORDER[2:])
    return max(healths, key=order.index, default=Health.UNKNOWN)


def _by_success(figures: Figures, normal_percent: int) -> Verdict:
    if figures.tries < LEAST_TRIES or figures.success is None:
        return Verdict(Health.UNKNOWN, (Reason.TOO_FEW,))
    percent = 100 * figures.success
    if percent < DOWN_PERCENT:
        return Verdict(Health.DOWN, (Reason.FAILURES,))
    if percent < normal_percent:
        return Verdict(Health.DISTURBED, (Reason.FAILURES,))
    if 100 * figures.slow > SLOW_PERCENT * figures.done:
        return Verdict(Health.SLOW, (Reason.LONG,))
    return Verdict(Health.NORMAL)


def _by_waiting(figures: Figures, promise: float) -> list[Verdict]:
    if not figures.waiting or figures.oldest <= promise:
        return []
    if figures.oldest <= FAR_TOO_LONG * promise:
        return [Verdict(Health.SLOW, (Reason.WAITING,))]
    if figures.done:
        return [Verdict(Health.DISTURBED, (Reason.WAITING,))]
    return [Verdict(Health.DOWN, (Reason.STANDSTILL,))]


def _together(found: list[Verdict]) -> Verdict:
    """The worst health, with every reason but those of what is better than it."""
    health = max((one.health for one in found), key=_ORDER.index)
    reasons = [reason for one in found if one.health == health for reason in one.reasons]
    return Verdict(health, tuple(dict.fromkeys(reasons)))
