"""The storm: orders over HTTP while notifications get lost and the shop's processes are killed; then the reckoning."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.utils import timezone

from orders.models import Payment
from tests.running_site import Process, Site, wait_until
from tests.storm import truth
from tests.storm.buyers import Buyer, Town, Visit, fates
from tests.storm.crowd import Crowd

TROUBLE = {"drop_share": 0.3, "duplicate": True, "reorder": True}
OPEN_AT_ONCE = 100  # buyers
SETTLED_WITHIN = 300.0  # seconds after the last buyer has paid
LOAD_WITHIN, LOAD_WITHIN_EACH = 120.0, 0.4  # seconds for the load, and more of them for each order
TROUBLES_TOLD = 12
CALM = 1.0  # seconds between two looks at what is still to be done


@dataclass
class Storm:
    """One run. The database holds stock enough, the folder is empty."""

    folder: Path
    count: int
    kills: int
    seed: int
    processes: int = 2
    """Of the web server, and of the worker."""
    settled_within: float = SETTLED_WITHIN
    in_a_hurry: bool = False
    """Minutes pass like seconds once all have paid: what the shop means to ask about later is due at once."""
    buyers: list[Buyer] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    tracebacks: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self._site = Site.on(self.folder, TRUSTED_PROXY_HOPS="1", EMAIL_URL="dummymail://")
        key = self._site.environment["SANDBOX_SERVER_KEY"]
        self._town = Town(shop=self._site.url, company=self._site.gateway_url, server_key=key)
        self.met = self._town.met
        self.buyers = [
            Buyer(number, fate, random.Random(f"{self.seed}/{number}"))
            for number, fate in enumerate(fates(self.count, self._dice))
        ]

    def rage(self) -> truth.Verdict:
        """Run it and judge. AssertionError when a buyer is refused."""
        try:
            self._start()
            began = time.monotonic()
            self._sell()
            self.seconds["load"] = time.monotonic() - began
            began = time.monotonic()
            self._settle()
            self.seconds["settling"] = time.monotonic() - began
            self.tracebacks = self._tracebacks()
        finally:
            self._site.stop()
        return truth.judge(truth.books(self._store), self.buyers)

    def _tracebacks(self) -> Counter[str]:
        """The last line of each traceback in the logs, and how often it came."""
        ends: Counter[str] = Counter()
        lines = iter(self._site.logs().splitlines())
        for line in lines:
            if line.startswith("Traceback"):
                ends[next((one for one in lines if one[:1] not in (" ", "")), "")] += 1
        return ends

    def _start(self) -> None:
        self._site.gateway(threads=8)
        self._running = {"web": self._web(), "worker": self._worker()}
        self._site.wait()
        assert self._town.company.send("PUT", "/v1/control/settings", TROUBLE)[0] == 200

    def _web(self) -> Process:
        return self._site.web(workers=self.processes, threads=8)

    def _worker(self) -> Process:
        return self._site.worker(processes=self.processes)

    def _sell(self) -> None:
        due = sorted(self._dice.sample(range(self.count // 50, self.count * 19 // 20), self.kills))
        crowd = Crowd(self._visits(), most=min(OPEN_AT_ONCE, self.count))
        victims = self._victims()

        def kill_if_due() -> None:
            if due and crowd.ended >= due[0]:
                due.pop(0)
                time.sleep(self._dice.uniform(0, 0.3))
                self._kill(next(victims))

        crowd.start()
        crowd.wait(kill_if_due, seconds=LOAD_WITHIN + LOAD_WITHIN_EACH * self.count)
        assert not due, "the load was over before everything was killed"

    def _visits(self) -> Iterator[Visit]:
        return (self._town.visit(buyer) for buyer in self.buyers)

    def _victims(self) -> Iterator[str]:
        """Web and worker, at random, none less than the other."""
        while True:
            pair = ["web", "worker"]
            self._dice.shuffle(pair)
            yield from pair

    def _kill(self, name: str) -> None:
        """kill -9, every process of it, and start it again."""
        self._running[name].kill()
        self.killed[name] += 1
        self._running[name] = {"web": self._web, "worker": self._worker}[name]()

    def _settle(self) -> None:
        """Wait until nothing is left to be done. When something is for too long, the verdict says what."""
        store = self._store
        if self.in_a_hurry:
            Payment.objects.exclude(next_ask_at=None).update(next_ask_at=timezone.now())

        with suppress(AssertionError):
            wait_until(lambda: truth.settled(store), seconds=self.settled_within, every=CALM)

    @property
    def _store(self) -> Path:
        return Path(self._site.environment["SANDBOX_STORE"])

    def figures(self, verdict: truth.Verdict) -> dict[str, Any]:
        """The run in numbers: rupiah, seconds, counts."""
        names = ("orders", "received", "fulfilled", "refunded", "reversed", "listed", "unaccounted")
        return {name: getattr(verdict, name) for name in names} | {
            "kills": dict(self.killed),
            "load_s": round(self.seconds["load"], 1),
            "settling_s": round(self.seconds["settling"], 1),
            "orders_per_s": round(self.count / self.seconds["load"], 1),
            "fates": dict(Counter(buyer.fate.value for buyer in self.buyers)),
            "states": dict(verdict.states),
            "met": dict(self.met),
            "tracebacks": dict(self.tracebacks),
            "troubles": verdict.troubles[:TROUBLES_TOLD],
        }
