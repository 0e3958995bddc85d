"""kill -9 a hundred times between placed and committed: each serial on one document, every buyer served, nothing twice.

That a whole Celery worker may be killed is told by tests/races/test_killed_worker.py; here it is about every moment of
its work. The victims run the same task, in processes of their own.
"""

import os
import random
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site_settings
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.utils import timezone

from meterai import conserving, stocking
from meterai.models import Stamp
from orders.models import Order
from stamping import authorities, files, issuing, placing, preparing, sealing, verifying
from stamping.authority import development
from stamping.models import Document
from stamping.pdf import inspecting
from stamping.verdict import Conclusion
from tests import factories
from tests.contracts.issuer_server import PASSWORD, THERE, USER, IssuerServer
from tests.running_site import Process, Site, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
LETTER = (Path(__file__).resolve().parents[1] / "data" / "letter.pdf").read_bytes()


@pytest.fixture
def paths(transactional_db: None) -> development.Paths:
    cache.clear()
    return development.make(folder=site_settings.AUTHORITY_DIR, at=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def issuer(paths: development.Paths, tmp_path: Path, settings: Any) -> Iterator[IssuerServer]:
    folder = tmp_path / "shared"
    folder.mkdir()
    with IssuerServer(folder=folder, paths=paths) as server:
        own = {"user": USER, "password": PASSWORD, "document_type": "3", "backend": server.url, "stamps": server.url}
        settings.AUTHORITY = {"engine": "issuer", "issuer": own}
        authorities.forget()
        yield server
    authorities.forget()


def queued(count: int) -> list[Document]:
    """So many documents in line, on paid orders. Copies of one upload: examining each anew would take minutes."""
    now = timezone.now()
    first = preparing.take_up(name="surat.pdf", source=LETTER, at=now)
    documents = []
    for begin in range(0, count, 50):
        order = factories.order(at=now, quantity=min(50, count - begin))
        _pay(order)
        documents += [_placed(first, order) for _ in range(order.quantity)]
    assert placing.bind_due(at=now, limit=count) == count
    return documents


def _placed(like: Document, order: Order) -> Document:
    key, now = uuid.uuid4(), timezone.now()
    return Document.objects.create(
        id=key,
        state=Document.State.PLACED,
        order=order,
        name=like.name,
        source=files.keep_source(document=key, data=LETTER),
        source_sha256=like.source_sha256,
        facts=like.facts,
        page=1,
        x=400,
        y=100,
        size=86,
        created_at=now,
        confirmed_at=now,
    )


def _pay(order: Order) -> None:
    from orders import paying

    payment = order.payments.get()
    paying.settle(payment=payment, standing=factories.standing(payment, at=timezone.now()), at=timezone.now())


def sealed_so_far() -> int:
    return Document.objects.filter(state=Document.State.SEALED).count()


def victim(parent: int, last: int) -> int:
    """The worker that works now, another one than the last."""
    found: list[int] = []

    def is_there() -> bool:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        found[:] = [int(child) for child in children if int(child) != last]
        return bool(found)

    wait_until(is_there, every=0.005)
    return found[0]


@contextmanager
def workers(site: Site) -> Iterator[int]:
    """The parent of workers that seal one after the other; gives its process id."""
    process = Process([sys.executable, "-m", "tests.stamping.sealing_worker"], site.environment, site.folder / "w.log")
    process.start()
    assert process.running is not None
    try:
        yield process.running.pid
    finally:
        process.kill()


def kill_again_and_again(site: Site, *, times: int, most: float, seed: int, refill: Callable[[], object]) -> None:
    """Kill one worker after the other: a while after it began, or just after a document was sealed."""
    dice, last = random.Random(seed), 0
    with workers(site) as parent:
        for _ in range(times):
            if waiting() < 8:
                refill()
            last = victim(parent, last)
            before = sealed_so_far()
            if dice.random() < 0.5:
                time.sleep(dice.uniform(0, most))
            else:
                wait_until(lambda before=before: sealed_so_far() > before, seconds=60, every=0.004)
                time.sleep(dice.uniform(0, 0.03))
            os.kill(last, signal.SIGKILL)
        wait_until(lambda: not waiting(), seconds=60, every=0.2)


def waiting() -> int:
    return Document.objects.filter(state=Document.State.QUEUED).count()


def check(documents: list[Document]) -> None:
    rows = list(Document.objects.filter(pk__in=[document.pk for document in documents]).order_by("pk"))
    assert {row.state for row in rows} == {Document.State.SEALED}
    assert len({row.stamp_id for row in rows}) == len(rows) == len(documents)
    assert Stamp.objects.filter(state=Stamp.State.AFFIXED).count() == len(rows)
    assert {balance.difference for balance in conserving.balances()} == {0}
    sealing.sweep(at=timezone.now() + timedelta(minutes=5))
    for row in rows:
        assert stored(f"sealed/{row.pk.hex[:3]}/{row.pk}") == [row.output]
        (seal,) = inspecting.inspect(source=files.read(row.output), roots=(), at=timezone.now()).seals
        assert (seal.serial, seal.intact, seal.prefix_sha256) == (row.stamp_id, True, row.output_sha256)
        assert default_storage.exists(row.source)
    for row in rows[:3]:
        report = verifying.verify_file(source=files.read(row.output), at=timezone.now())
        assert report.conclusion is Conclusion.VALID


def stored(folder: str) -> list[str]:
    return [f"{folder}/{name}" for name in default_storage.listdir(folder)[1]]


def test_a_hundred_kills_lose_nothing_and_double_nothing_with_our_own_key(
    paths: development.Paths, tmp_path: Path
) -> None:
    factories.stock(400, at=timezone.now())
    documents: list[Document] = []

    def refill() -> None:
        documents.extend(queued(24))

    kill_again_and_again(site(tmp_path), times=100, most=0.1, seed=20240903, refill=refill)
    check(documents)


def test_kills_lose_nothing_and_double_nothing_with_the_issuers_engine(issuer: IssuerServer, tmp_path: Path) -> None:
    documents: list[Document] = []

    def refill() -> None:
        serials = "\n".join(issuing.ask(count=12, at=timezone.now())).encode()
        reference, clerk, keeper = f"P-{len(documents)}", factories.person("gudang"), factories.person("penyelia")
        batch = stocking.take_in(delivery=BytesIO(serials), reference=reference, by=clerk, at=timezone.now())
        stocking.activate(batch=batch, by=keeper, at=timezone.now())
        documents.extend(queued(12))

    kill_again_and_again(site(tmp_path, **account(issuer)), times=12, most=1.0, seed=20230928, refill=refill)
    check(documents)
    assert set(issuer.sealed) == {document.stamp_id for document in Document.objects.all() if document.stamp_id}


def site(folder: Path, **more: str) -> Site:
    """Leases of a second: one worker lives at a time, so none runs out under a living one."""
    return Site.on(folder, SEAL_LEASE_SECONDS="1", **more)


def account(server: IssuerServer) -> dict[str, str]:
    """The environment of a site with this account at the issuer."""
    return {
        "SEAL_ENGINE": "issuer",
        "ISSUER_BACKEND_URL": server.url,
        "ISSUER_STAMP_URL": server.url,
        "ISSUER_USER": USER,
        "ISSUER_PASSWORD": PASSWORD,
        "ISSUER_ADAPTER_URL": server.url,
        "ISSUER_FOLDER": str(server.folder),
        "ISSUER_ADAPTER_FOLDER": THERE,
    }
