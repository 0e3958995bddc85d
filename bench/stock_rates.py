"""Rates taken in turns, so that a slow moment of the machine hits every contestant."""

import time
from collections import defaultdict
from dataclasses import dataclass
from statistics import median

from bench.sql import stock as sql
from bench.stock_database import Database


@dataclass(frozen=True)
class Turn:
    """One contestant at so many connections, in the first `rounds` rounds."""

    way: str
    clients: int
    rounds: int


class Rates:
    """Transactions a second of each contestant, round by round."""

    def __init__(self) -> None:
        self._of: defaultdict[tuple[str, int], list[float]] = defaultdict(list)

    def take(
        self, database: Database, *, ways: dict[str, str], turns: list[Turn], seconds: float, deadline: float
    ) -> "Rates":
        """Measure `ways` (name: statement that reserves) in the whole transaction, `seconds` a turn.

        No round but the first begins after `deadline`, by the monotonic clock.
        """
        for number in range(max(turn.rounds for turn in turns)):
            if number and time.monotonic() > deadline:
                break
            for turn in (turn for turn in turns if number < turn.rounds):
                script = sql.transaction(ways[turn.way])
                self.add(turn.way, turn.clients, database.pgbench(script, clients=turn.clients, seconds=seconds))
        return self

    def add(self, way: str, clients: int, rate: float) -> None:
        self._of[way, clients].append(rate)

    def rounds(self, way: str, clients: int) -> int:
        return len(self._of[way, clients])

    def middle(self, way: str, clients: int) -> float:
        return median(self._of[way, clients])

    def faster(self, name: str, clients: int) -> str:
        """The faster form of the yardstick `name`, of those measured: `name` as a statement, `name()` as a function."""
        forms = [form for form in (name, f"{name}()") if (form, clients) in self._of]
        return max(forms, key=lambda form: self.middle(form, clients))

    def ratio(self, way: str, yardstick: str, clients: int) -> float:
        """The median over the rounds that both took part in: neighbours in time are compared, not the best moments."""
        pairs = zip(self._of[way, clients], self._of[yardstick, clients], strict=False)
        return median(ours / theirs for ours, theirs in pairs)
