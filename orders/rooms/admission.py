"""How many to call now: one step a second, from what was measured. Pure: the state goes in, the next comes out.

Additive increase, multiplicative decrease, on the number of sessions in the shop (the ceiling). A signal above its
setting halves it; health lifts it by 1.25 % of the target a second. What is called is what fits under the ceiling
beside those in the shop and those expected soon, divided by the measured show rate. Silence freezes, a person's
override wins.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

RAISED_BY = 0.0125  # of the target, a second: from half to nine tenths in 32 s
CUT_TO = 0.5
# Seconds until the effect of a cut can be measured, and until health is believed.
SETTLING = 5.0
FLOOR = 0.05
# Into a shop that is down one person is called in so many seconds.
PROBE = 10.0
# Not more than this part of the target at once: what is learnt from the first is known before the last are called.
A_STEP = 0.1
# The queue begins by itself at this part of the target, or after so many seconds of bad health; it ends by itself when
# nobody has waited and all was well for so long.
CROWDED, UNWELL_FOR = 0.9, 3.0
EMPTY, CALM_FOR = 0.7, 60.0


@dataclass(frozen=True)
class Signal:
    """One measure of health against its setting. NaN-free: what was not measured is not in the list."""

    name: str
    value: float
    limit: float

    @property
    def is_bad(self) -> bool:
        """Whether it has passed its setting."""
        return self.value > self.limit


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What was measured in this second. `at` is in seconds, on any one clock."""

    at: float
    in_shop: float  # sessions
    expected: float  # called, not come, and likely to within seconds
    show_rate: float
    waiting: float  # people not called yet
    visit: float = math.inf  # mean seconds that somebody stays
    lag: float = 0.0  # mean seconds until somebody who was called comes
    signals: Sequence[Signal] = ()
    is_silent: bool = False  # no process has reported its health lately
    is_down: bool = False  # silent, and nobody enters or buys either


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What people have set."""

    target: int  # sessions in the shop
    share: int = 100  # percent of the target that is let in, while the shop is reopened by steps
    override: int | None = None  # people to call a minute, whatever is measured

    @property
    def top(self) -> float:
        """The highest ceiling."""
        return self.target * self.share / 100


@dataclass(frozen=True, kw_only=True)
class State:
    """What the controller remembers."""

    ceiling: float
    at: float
    cut_at: float = -math.inf
    bad_since: float | None = None
    calm_since: float | None = None
    owed: float = 0.0  # parts of a person, where people are called at a rate
    why: str = "steady"


def begin(*, wanted: Wanted, at: float) -> State:
    """The state of a room that has just been switched on."""
    return State(ceiling=wanted.top, at=at)


def decide(state: State, seen: Observed, wanted: Wanted) -> tuple[State, int]:
    """(the next state, people to call now). `why` is one of hand, down, silent, bad:SIGNAL, rising, steady."""
    passed = min(5.0, max(0.0, seen.at - state.at))
    state = _lifted(_judged(state, seen), seen, wanted, passed)
    if wanted.override is not None:
        owed = min(state.owed + wanted.override / 60 * passed, max(1.0, wanted.override / 12))
        called = min(math.floor(owed), math.ceil(seen.waiting))
        return replace(state, owed=owed - called, why="hand"), called
    if seen.is_down:
        # One now and then, or nobody would ever find out that it is up again.
        owed = min(1.0, state.owed + passed / PROBE)
        called = min(math.floor(owed), math.ceil(seen.waiting))
        return replace(state, owed=owed - called, why="down"), called
    # Until those called now are here, some of those inside have left.
    room = state.ceiling - (seen.in_shop + seen.expected / 2) * math.exp(-seen.lag / seen.visit) - seen.expected / 2
    called = math.floor(min(max(0.0, room), max(1.0, wanted.top * A_STEP)) / seen.show_rate)
    return replace(state, owed=0.0), min(called, math.ceil(seen.waiting))


def must_open(state: State, seen: Observed, wanted: Wanted) -> str:
    """Why a shop without a queue needs one now; empty when it needs none."""
    if seen.in_shop >= CROWDED * wanted.top:
        return "sessions"
    if state.bad_since is not None and seen.at - state.bad_since >= UNWELL_FOR:
        return state.why
    return ""


def may_end(state: State, seen: Observed) -> bool:
    """Whether the queue is needed no more."""
    return state.calm_since is not None and seen.at - state.calm_since >= CALM_FOR


def watch(state: State, seen: Observed, wanted: Wanted) -> State:
    """The step of a room that calls nobody: it watches health and crowd. Calm counts only while there is a queue."""
    state = replace(state, calm_since=None)
    if seen.is_silent:
        return replace(state, at=seen.at)
    passed = min(5.0, max(0.0, seen.at - state.at))
    return _lifted(_judged(state, seen), seen, wanted, passed)


def rest(state: State, seen: Observed, wanted: Wanted) -> State:
    """Remember since when there has been no crowd (for `may_end`)."""
    is_calm = (
        seen.waiting == 0
        and state.bad_since is None
        and not seen.is_silent
        and seen.in_shop + seen.expected <= EMPTY * wanted.top
        and wanted.share == 100
    )
    since = (state.calm_since if state.calm_since is not None else seen.at) if is_calm else None
    return replace(state, calm_since=since)


def _judged(state: State, seen: Observed) -> State:
    if seen.is_silent:
        return state
    if any(signal.is_bad for signal in seen.signals):
        return replace(state, bad_since=seen.at if state.bad_since is None else state.bad_since)
    return replace(state, bad_since=None)


def _lifted(state: State, seen: Observed, wanted: Wanted, passed: float) -> State:
    """With the next ceiling, and why it is so."""
    ceiling = min(state.ceiling, wanted.top)
    floor = FLOOR * wanted.top
    state = replace(state, at=seen.at, ceiling=ceiling)
    if seen.is_silent:
        # Blind: nobody more than there were when it began. Who leaves is followed by another.
        now = max(seen.in_shop + seen.expected, floor)
        return replace(state, ceiling=ceiling if state.why == "silent" else min(ceiling, now), why="silent")
    settles = seen.at - state.cut_at < SETTLING
    if bad := next((signal.name for signal in seen.signals if signal.is_bad), ""):
        if settles:
            return replace(state, why=f"bad:{bad}")
        lower = min(ceiling, max(seen.in_shop, floor)) * CUT_TO
        return replace(state, ceiling=max(lower, floor), why=f"bad:{bad}", cut_at=seen.at)
    if settles or ceiling >= wanted.top:
        return replace(state, why="steady")
    return replace(state, ceiling=min(wanted.top, ceiling + wanted.target * RAISED_BY * passed), why="rising")
