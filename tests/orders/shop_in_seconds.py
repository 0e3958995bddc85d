"""A shop and its line in simulated seconds: who comes, sleeps or stays away, visits that end, a slow database."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from orders.rooms import admission, estimate
from orders.rooms.admission import Observed, Signal, State, Wanted
from orders.rooms.turnout import Turnout


@dataclass
class Shop:
    """`shows`: the part that comes when called; `slowness(t)`: how many times slower than usual the database is."""

    wanted: Wanted
    shows: float = 0.4
    sleepers: float = 0.1  # of those who come, the part that wakes up minutes later
    visit: float = 180.0
    waiting: int = 1_000_000
    seed: int = 1
    slowness: Callable[[float], float] = lambda _t: 1.0
    silent: Callable[[float], bool] = lambda _t: False
    override: Callable[[float], int | None] = lambda _t: None
    now: float = 0.0
    serving: int = 0
    inside: list[int] = field(default_factory=list)  # of each second
    entered: list[int] = field(default_factory=list)
    called: list[int] = field(default_factory=list)
    ceilings: list[float] = field(default_factory=list)
    promises: list[tuple[float, int, tuple[int, int]]] = field(default_factory=list)
    called_when: dict[int, float] = field(default_factory=dict)

    def run(self, seconds: int) -> "Shop":
        """So many seconds from the beginning."""
        dice = random.Random(self.seed)
        state = admission.begin(wanted=self.wanted, at=0.0)
        turnout, coming, leaving, samples, was_full = Turnout(), [], [], [], False
        for second in range(seconds):
            self.now = now = float(second)
            came = 0
            while coming and coming[0][0] <= now:
                moment, rank = heapq.heappop(coming)
                turnout.come(rank=rank, at=moment)
                heapq.heappush(leaving, now + min(600.0, dice.expovariate(1 / self.visit)))
                came += 1
            while leaving and leaving[0] <= now:
                heapq.heappop(leaving)
            show_rate, expected = turnout.measure(at=now, visit=self.visit)
            slow = 0.25 * self.slowness(now) * (0.5 + 0.5 * len(leaving) / self.wanted.target)
            seen = Observed(
                at=now,
                in_shop=len(leaving),
                expected=expected,
                visit=self.visit,
                lag=turnout.lag,
                show_rate=show_rate,
                waiting=self.waiting - self.serving,
                signals=[Signal("reserve", slow, 1.0)],
                is_silent=self.silent(now),
            )
            wanted = Wanted(target=self.wanted.target, share=self.wanted.share, override=self.override(now))
            state, people = admission.decide(state, seen, wanted)
            turnout.call(count=people, last=self.serving + people, at=now)
            for rank in range(self.serving + 1, self.serving + people + 1):
                self.called_when[rank] = now
                if dice.random() < self.shows:
                    late = dice.uniform(0, 400) if dice.random() < self.sleepers else dice.uniform(0, 6)
                    heapq.heappush(coming, (now + late, rank))
            self.serving += people
            was_full = was_full or len(leaving) >= 0.8 * state.ceiling
            if was_full:
                samples.append((now, float(self.serving)))
            self._promise(dice, samples)
            self.inside.append(len(leaving))
            self.entered.append(came)
            self.called.append(people)
            self.ceilings.append(state.ceiling)
        return self

    def _promise(self, dice: random.Random, samples: list[tuple[float, float]]) -> None:
        """Every few seconds somebody joins somewhere behind, and is told a range."""
        if self.now % 5 == 0:
            ahead = dice.randint(10, 20 * self.wanted.target)
            velocities = estimate.velocity(samples, at=self.now)
            if told := estimate.minutes(ahead, velocities=velocities):
                self.promises.append((self.now, self.serving + ahead + 1, told))

    def kept(self) -> tuple[int, int]:
        """(promises kept, promises whose end was seen)."""
        ended = [
            estimate.is_inside((self.called_when[rank] - at) / 60, promised=told)
            for at, rank, told in self.promises
            if rank in self.called_when
        ]
        return sum(ended), len(ended)


__all__ = ["Shop", "State"]
