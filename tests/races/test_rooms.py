"""A rush on running processes: web, worker and ticker killed, Valkey emptied, one ticket in many hands."""

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import connection

from orders import pulse, queueing, room_files, room_numbers
from orders.models import Mark, Room, ShopPass, Strip
from tests import factories
from tests.orders.rooms import call, public, room
from tests.running_site import ROOT, Process, Site, wait_until

__all__ = ["public"]

pytestmark = pytest.mark.django_db(transaction=True)


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What `work` gives in so many threads at once."""

    def one(number: int) -> Any:
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_one_ticket_in_thirty_two_hands_enters_once(now: datetime, public: Path) -> None:
    waiting = room(state=Room.State.QUEUEING, at=now)
    held = queueing.join(slug="toko", at=now)
    call(waiting, up_to=1)
    passes = in_threads(32, lambda _n: queueing.enter(slug="toko", ticket=held.ticket, at=now).pk)
    assert len(passes) == 32
    assert set(passes) == {ShopPass.objects.get().pk}


def test_one_pass_in_thirty_two_hands_buys_once(now: datetime, public: Path) -> None:
    factories.stock(40, at=now)
    waiting = room(state=Room.State.QUEUEING, at=now)
    held = queueing.join(slug="toko", at=now)
    call(waiting, up_to=1)
    entered = queueing.enter(slug="toko", ticket=held.ticket, at=now)

    def use(number: int) -> bool:
        try:
            queueing.use(pk=entered.pk, key=f"form:{number}", at=now)
        except queueing.PassUsed:
            return False
        return True

    assert sum(in_threads(32, use)) == 1


def test_many_processes_tear_off_strips_and_never_the_same_numbers(now: datetime, public: Path) -> None:
    room(state=Room.State.QUEUEING, at=now)
    rolls = [room_numbers.Roll("toko") for _process in range(8)]
    numbers = in_threads(16, lambda n: [rolls[n % 8].next()[0] for _person in range(200)])
    given = [number for some in numbers for number in some]
    assert len(set(given)) == len(given) == 3200
    assert Room.objects.get().next_number > max(given)


@dataclass
class Rush:
    """Phones that join, look and enter at a running site, and remember everything they were told."""

    site: Site
    over: threading.Event = field(default_factory=threading.Event)
    joined: list[dict[str, Any]] = field(default_factory=list)
    entered: list[str] = field(default_factory=list)
    served: list[int] = field(default_factory=list)

    def join(self) -> None:
        while not self.over.is_set():
            if told := self._post("tickets", {}):
                self.joined.append(told)

    def look_and_enter(self) -> None:
        dice = random.Random(1)
        while not self.over.is_set():
            self._look()
            if self.joined:
                ticket = dice.choice(self.joined[:200])["ticket"]
                if self._post("passes", {"ticket": ticket}):
                    self.entered.append(ticket)

    def _look(self) -> None:
        try:
            told = requests.get(f"{self.site.url}/antre/toko.json", timeout=5).json()
        except (requests.RequestException, ValueError):
            return
        self.served.append(told["n"])

    def _post(self, door: str, body: dict[str, Any]) -> dict[str, Any] | None:
        try:
            answer = requests.post(f"{self.site.url}/api/v1/rooms/toko/{door}", json=body, timeout=5)
        except requests.RequestException:
            time.sleep(0.05)
            return None
        return answer.json() if answer.status_code in (200, 201) else None


@pytest.fixture
def site(tmp_path: Path, public: Path, now: datetime) -> Iterator[Site]:
    """A site with a queue before its shop, its processes running."""
    factories.stock(500, at=now)
    room(state=Room.State.QUEUEING, at=now, target=20, mode=Room.Mode.BY_HAND)
    connection.commit()
    running = Site.on(tmp_path, PUBLIC_ROOT=str(public))
    try:
        running.gateway()
        yield running
    finally:
        running.stop()


def ticker(site: Site) -> Process:
    process = Process([sys.executable, str(ROOT / "manage.py"), "ticker"], site.environment, site.folder / "ticker.log")
    process.start()
    site.processes.append(process)
    return process


def test_nobody_loses_a_place_when_processes_are_killed_and_valkey_is_emptied(site: Site) -> None:
    web, worker, leader = site.web(workers=2), site.worker(), ticker(site)
    ticker(site)  # stands by
    site.wait()
    rush = Rush(site)
    phones = [threading.Thread(target=rush.join) for _phone in range(4)]
    phones += [threading.Thread(target=rush.look_and_enter) for _phone in range(2)]
    for phone in phones:
        phone.start()
    try:
        wait_until(lambda: len(rush.joined) > 100 and rush.entered)
        before = len(rush.joined), Room.objects.get().serving
        pulse.client().flushall()
        leader.kill()
        worker.kill()
        web.kill()
        site.web(workers=2)
        site.worker()
        site.wait()
        wait_until(lambda: len(rush.joined) > before[0] + 100)
        wait_until(lambda: Room.objects.get().serving > before[1])
    finally:
        rush.over.set()
        for phone in phones:
            phone.join()
    numbers = [one["place"]["number"] for one in rush.joined]
    assert len(set(numbers)) == len(numbers), "two people have one number"
    assert Room.objects.get().next_number > max(numbers)
    assert rush.served == sorted(rush.served), "a called number was taken back"
    assert [mark.serving for mark in Mark.objects.order_by("at")] == sorted(mark.serving for mark in Mark.objects.all())
    for one in rush.joined:
        body = {"ticket": one["ticket"]}
        place = requests.post(f"{site.url}/api/v1/rooms/toko/place", json=body, timeout=5).json()
        assert place["number"] == one["place"]["number"]
        assert place["ahead"] <= one["place"]["ahead"]
    entered = ShopPass.objects.values_list("number", flat=True)
    assert len(entered) == len(set(entered))
    assert set(rush.entered) <= {one["ticket"] for one in rush.joined}
    assert Strip.objects.count() < len(numbers) / 5
    assert "Traceback" not in site.logs()


def test_another_ticker_leads_within_seconds_of_a_kill(site: Site) -> None:
    leader = ticker(site)
    wait_until(lambda: Room.objects.get().ticked_at is not None and ticked_lately())
    ticker(site)
    leader.kill()
    killed_at = time.monotonic()
    since = Room.objects.get().ticked_at
    wait_until(lambda: Room.objects.get().ticked_at > since, seconds=10)
    assert time.monotonic() - killed_at < 10
    room_files.forget()
    assert "Traceback" not in site.logs()


def ticked_lately() -> bool:
    """Whether the room was ticked after the test made it."""
    room_now = Room.objects.get()
    return bool(room_now.figures)
