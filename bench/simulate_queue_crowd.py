"""A million people before a shop, second by second: who waits, comes, sleeps, copies; by the kernel in orders/rooms.

Nothing here decides: calling, expecting, promising and looking are the kernel's. The crowd and the shop are the model.
"""

import heapq
import random
from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from orders.rooms import admission, estimate, polling, strips
from orders.rooms.admission import Observed, Signal, State, Wanted
from orders.rooms.turnout import Turnout

GRACE, SLEEPS = 600.0, 150.0  # seconds: the time to come, and how long a sleeping phone sleeps on average
WINDOW = 5  # seconds that the report of a web process looks back
WORKERS = 4
FULL = 0.8  # from this part of the ceiling on the line's speed is measured (orders/room_memory.py)


@dataclass(frozen=True, kw_only=True)
class World:
    """What is given. Times in seconds; `joins(t)`: people who come in this second; `slowness(t)`: of the database."""

    target: int
    visit: float
    joins: Callable[[int], float]
    slowness: Callable[[int], float]
    abandon: float = 0.6
    sleep: float = 0.1  # of those who come
    robots: float = 0.04  # of all: half never enter, half enter fifty times with one ticket
    seed: int = 1


@dataclass
class Lines:
    """One value a second of each."""

    waiting: list[int] = field(default_factory=list)
    called: list[int] = field(default_factory=list)
    entered: list[int] = field(default_factory=list)
    inside: list[int] = field(default_factory=list)
    ceiling: list[float] = field(default_factory=list)
    show_rate: list[float] = field(default_factory=list)
    kept: list[tuple[int, int]] = field(default_factory=list)  # promises that came due in this second: kept, all
    # Of those who joined in this second and were promised something: sums of minutes from, to, waited; how many.
    outcome: list[list[float]] = field(default_factory=list)


class Crowd:
    """The line and the shop."""

    def __init__(self, world: World) -> None:
        self.world, self.dice = world, random.Random(world.seed)
        self.wanted = Wanted(target=world.target)
        self.state: State = admission.begin(wanted=self.wanted, at=0.0)
        self.turnout, self.lines = Turnout(), Lines()
        self.is_open, self.opened_at = True, -1
        self.serving, self.next_number, self.joined = 0, 1, 0
        self.people = self.passed = self.missed = self.refused = self.rises = 0
        self.joined_at = array("f", [-1.0])  # by number; -1: nobody holds it
        self.promised = array("H", [0, 0])
        self.strips: deque[strips.Strip] = deque()
        self.held = [None] * WORKERS
        self.coming: list[tuple[float, int]] = []
        self.leaving: list[float] = []
        self.visits: deque[float] = deque(maxlen=2000)
        self.samples: deque[tuple[float, float]] = deque(maxlen=700)
        self.slow: deque[float] = deque(maxlen=WINDOW)
        self.velocity: tuple[float, float] | None = None
        self.was_full = False
        self.phones: list[list[float]] = []  # some that look politely: number, next look, what was shown last

    def run(self, seconds: int) -> "Crowd":
        for now in range(seconds):
            self.second(now)
        return self

    def second(self, now: int) -> None:
        world, lines = self.world, self.lines
        seen_before = len(self.leaving)  # the web processes' reports are a second old
        entered = self._enter(now)
        while self.leaving and self.leaving[0] <= now:
            heapq.heappop(self.leaving)
        busy = len(self.leaving) / world.target
        self.slow.append(0.25 * world.slowness(now) * (0.5 + 0.5 * busy))
        entered += self._arrive(now)
        visit = sum(self.visits) / len(self.visits) if len(self.visits) > 50 else world.visit
        show_rate, expected = self.turnout.measure(at=now, visit=visit)
        seen = Observed(
            at=now,
            in_shop=max(seen_before, len(self.leaving)) if not self.is_open else seen_before,
            expected=expected,
            visit=visit,
            lag=self.turnout.lag,
            show_rate=show_rate,
            waiting=self.joined - self.people,
            signals=[Signal("reserve", max(self.slow), 1.5)],
        )
        lines.kept.append((0, 0))
        lines.outcome.append([0.0, 0.0, 0.0, 0.0])
        called = self._call(now, seen)
        self._measure(now, len(self.leaving))
        self._look(now)
        for values, value in (
            (lines.waiting, self.joined - self.people),
            (lines.called, called),
            (lines.entered, entered),
            (lines.inside, len(self.leaving)),
            (lines.ceiling, self.state.ceiling),
            (lines.show_rate, show_rate),
        ):
            values.append(value)  # type: ignore[attr-defined]

    def _arrive(self, now: int) -> int:
        """Straight into a shop without a queue, or with a number into the line."""
        come = self.world.joins(now)
        count = int(come) + (self.dice.random() < come % 1)
        if self.is_open:
            for _person in range(count):
                self._visit(now)
            return count
        for person in range(count):
            self._give_number(now, person % WORKERS)
        return 0

    def _visit(self, now: float) -> None:
        # Who sits before a slow shop stays longer.
        stay = min(600.0, self.dice.expovariate(1 / self.world.visit)) * (
            1.5 if self.world.slowness(int(now)) > 1 else 1
        )
        self.visits.append(stay)
        heapq.heappush(self.leaving, now + stay)

    def _give_number(self, now: int, worker: int) -> None:
        held = self.held[worker]
        if held is None or held["used"] >= held["size"] or now >= held["until"]:
            held = self.held[worker] = self._tear(now, held)
        number = held["first"] + held["used"]
        held["used"] += 1
        self.joined_at[number] = now
        ahead = max(0, number - self.serving - 1)
        if told := estimate.minutes(ahead, velocities=self.velocity):
            self.promised[2 * number], self.promised[2 * number + 1] = told
        if number % 500 == 1:
            self.phones.append([number, now, float("inf")])
        self.joined += 1

    def _tear(self, now: int, last: dict | None) -> dict:
        size = strips.SHORTEST
        if last is not None:
            self._speak(last)
            size = strips.next_size(size=last["size"], used=last["used"], seconds=now - last["taken"])
        strip = {"first": self.next_number, "size": size, "used": 0, "taken": now, "until": now + strips.SECONDS}
        self.next_number += size
        self.joined_at.extend([-1.0] * size)
        self.promised.extend([0, 0] * size)
        self.strips.append(strips.Strip(first=strip["first"], size=size, used=0, until=strip["until"]))
        strip["place"] = strip["first"]
        return strip

    def _speak(self, told: dict) -> None:
        for place in range(len(self.strips) - 1, -1, -1):
            one = self.strips[place]
            if one.first == told["first"]:
                self.strips[place] = strips.Strip(first=one.first, size=one.size, used=told["used"], until=one.until)
                return
            if one.first < told["first"]:
                return

    def _call(self, now: int, seen: Observed) -> int:
        if self.is_open:
            self.state = admission.watch(self.state, seen, self.wanted)
            if admission.must_open(self.state, seen, self.wanted):
                self.is_open, self.opened_at = False, now
            return 0
        self.state, people = admission.decide(self.state, seen, self.wanted)
        for held in self.held:
            if held:
                self._speak(held)
        ahead = [self.strips[place] for place in range(min(50, len(self.strips)))]
        serving, called = strips.advance(ahead, serving=self.serving, people=people, at=now)
        if serving > self.serving:
            self.turnout.call(count=called, last=serving, at=now)
            self._wake(now, serving)
        self.serving = max(self.serving, serving)
        self.people += called
        while self.strips and self.strips[0].first + self.strips[0].size - 1 <= self.serving:
            self.strips.popleft()
        return called

    def _wake(self, now: int, serving: int) -> None:
        """Those called by this second: who comes, and when; and was the promise kept."""
        kept = due = 0
        for number in range(self.serving + 1, serving + 1):
            since = self.joined_at[number]
            if since < 0:
                continue
            if self.promised[2 * number + 1]:
                promised = (self.promised[2 * number], self.promised[2 * number + 1])
                due += 1
                sums = self.lines.outcome[int(since)]
                for place, value in enumerate((*promised, (now - since) / 60, 1)):
                    sums[place] += value
                kept += estimate.is_inside((now - since) / 60, promised=promised)
            kind = self.dice.random()
            if kind < self.world.abandon:
                continue
            # A look every five seconds near the front, then a hand that takes some seconds.
            late = self.dice.uniform(0, polling.LEAST * (1 + polling.JITTER / 100)) + self.dice.uniform(1, 8)
            if kind < self.world.abandon + self.world.robots:
                if kind < self.world.abandon + self.world.robots / 2:
                    continue
                self.refused += 49
                late = 0.0
            elif self.dice.random() < self.world.sleep:
                late = self.dice.expovariate(1 / SLEEPS)
            if late > GRACE:
                self.missed += 1
                continue
            heapq.heappush(self.coming, (now + late, number))
        self.lines.kept[-1] = (kept, due)

    def _enter(self, now: int) -> int:
        entered = 0
        while self.coming and self.coming[0][0] <= now:
            moment, number = heapq.heappop(self.coming)
            self.turnout.come(rank=number, at=moment)
            self._visit(now)
            entered += 1
        self.passed += entered
        return entered

    def _measure(self, now: int, inside: int) -> None:
        self.was_full = not self.is_open and (self.was_full or inside >= FULL * self.state.ceiling)
        if self.was_full and self.joined > self.people:
            self.samples.append((float(now), float(self.serving)))
        self.velocity = estimate.velocity(self.samples, at=now)

    def _look(self, now: int) -> None:
        """Some phones look at the file as politely as they are told, and remember what they saw."""
        longest = polling.most(waiting=self.joined - self.people, polls_per_second=5000)
        fast = self.velocity[1] if self.velocity else None
        for phone in self.phones:
            if phone[1] <= now:
                ahead = max(0, phone[0] - self.serving - 1)
                self.rises += ahead > phone[2]
                wait = polling.interval(ahead, fast=fast, longest=longest)
                phone[1], phone[2] = now + wait * self.dice.uniform(0.8, 1.2), ahead
        if now % 60 == 0:
            self.phones = [phone for phone in self.phones if phone[2] > 0]
