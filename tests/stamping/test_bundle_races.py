"""Real processes and real threads: a worker killed by SIGKILL, and two people who agree at the same moment."""

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from orders.models import Order
from stamping import bundle_checking, bundle_showing, bundles, placing
from stamping.models import Bundle, Document
from tests.running_site import ROOT, Site, wait_until
from tests.stamping import zips
from tests.stamping.test_bulk_stock import authority, bought

__all__ = ["authority"]
pytestmark = pytest.mark.django_db(transaction=True)
WORK = """
from django.utils import timezone
from stamping import bundle_checking
bundle_checking.check_due(at=timezone.now())
"""


def send(order: Order, given: dict[str, bytes]) -> Bundle:
    bundle, _new = bundles.receive(
        order=order,
        archive=zips.upload(given),
        list_beside="",
        idempotency_key=uuid.uuid4().hex,
        at=timezone.now(),
    )
    return bundle


def ready(bundle: Bundle, count: int) -> Callable[[], bool]:
    return lambda: bundle.files.filter(state="ready").count() >= count


def test_a_worker_killed_by_the_system_begins_again_at_its_file(tmp_path: Path) -> None:
    bundle = send(bought(5), zips.letters(5))
    site = Site.on(tmp_path)
    command = [sys.executable, "manage.py", "shell", "-c", WORK]
    for count in (1, 3):
        Bundle.objects.filter(pk=bundle.pk).update(claimed_until=timezone.now())  # as if the lease had run out
        with (tmp_path / "log").open("ab") as log:
            worker = subprocess.Popen(
                command, cwd=ROOT, env=site.environment, stdout=log, stderr=log, start_new_session=True
            )
        wait_until(ready(bundle, count), seconds=180, every=0.01)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
    assert Bundle.objects.get(pk=bundle.pk).state == Bundle.State.SENT
    bundle_checking.check_due(at=timezone.now() + timedelta(seconds=300))
    bundle.refresh_from_db()
    assert bundle.state == Bundle.State.CHECKED
    assert [one.verdict for _row, one in bundle_showing.rows(bundle)] == ["ready"] * 5
    assert Document.objects.count() == 5, "a document for each file and none twice"


def test_two_words_at_once_never_take_more_stamps_than_there_are() -> None:
    order = bought(3)
    both = []
    for number in (0, 2):
        both.append(send(order, {f"{number + one}.pdf": zips.pdf(mark=1 + number + one) for one in range(2)}))
        bundle_checking.check_due(at=timezone.now())
    start, refused = threading.Barrier(2), []

    def agree(bundle: Bundle) -> None:
        start.wait(10)
        try:
            bundles.confirm(bundle=bundle, first_only=False, at=timezone.now())
        except bundles.FewerStamps as fewer:
            refused.append((fewer.free, fewer.ready))
        finally:
            connection.close()

    threads = [threading.Thread(target=agree, args=[bundle]) for bundle in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert refused == [(1, 2)]
    assert order.documents.count() == 2 and placing.free_places(order) == 1
