"""kill -9 while selling: whatever a killed process was doing is there whole or not at all."""

import random
import sys
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import Count, Q

from meterai.conserving import balances
from meterai.models import Movement, Pooled, Stamp
from orders.models import Line, Order
from tests import factories
from tests.running_site import Process, Site, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
STATES = {
    Order.State.PENDING: {Stamp.State.RESERVED},
    Order.State.PAID: {Stamp.State.SOLD, Stamp.State.REFUNDED},
}


def shop(site: Site, seed: int) -> Process:
    process = Process([sys.executable, "-m", "tests.races.shop", str(seed)], site.environment, site.folder / "shop.log")
    process.start()
    site.processes.append(process)
    return process


def book() -> Counter[str]:
    """Where the book of stock says that serials are."""
    places: Counter[str] = Counter()
    for row in Movement.objects.values("source", "target", "quantity"):
        places[row["source"]] -= row["quantity"]
        places[row["target"]] += row["quantity"]
    del places["outside"]
    return +places


def shelf() -> Counter[str]:
    """Where they are."""
    places = Counter(dict(Stamp.objects.values_list("state").annotate(Count("pk"))))
    places["pool"] = Pooled.objects.count()
    places["extents"] = sum(balance.extents for balance in balances())
    return +places


def check() -> None:
    assert [balance.difference for balance in balances()] == [0, 0]
    assert book() == shelf()
    for order in Order.objects.annotate(held=Count("lines", filter=Q(lines__released_at=None))):
        assert order.held == (order.quantity if order.state in STATES else 0), order.state
    for state, order in Line.objects.filter(released_at=None).values_list("serial__stamp__state", "order__state"):
        assert state in STATES[order]


def test_a_shop_killed_at_any_moment_leaves_every_order_whole(now: datetime, tmp_path: Path) -> None:
    factories.stock(400, at=now)
    factories.stock(100, at=now)
    site, dice = Site.on(tmp_path), random.Random(3)
    connection.commit()
    try:
        for seed in range(6):
            shops = [shop(site, 10 * seed + number) for number in range(2)]
            before = Movement.objects.count()
            wait_until(lambda before=before: Movement.objects.count() > before + 20)
            for process in shops:
                time.sleep(dice.uniform(0, 0.2))
                process.kill()
            wait_until(nobody_is_at_work)
            check()
    finally:
        site.stop()
    assert "Traceback" not in site.logs()
    assert set(Stamp.objects.values_list("state", flat=True)) >= {"sold"}


def nobody_is_at_work() -> bool:
    """PostgreSQL needs a moment to notice that a client is gone, and then takes its transaction back."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND state <> 'idle' AND backend_type = 'client backend'"
        )
        return not cursor.fetchone()[0]
