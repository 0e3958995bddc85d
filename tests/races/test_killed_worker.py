"""kill -9 in the middle of sealing: the serial ends on that document once, and the buyer gets the file."""

import random
import time
import uuid
from datetime import UTC, datetime

from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from meterai import conserving
from meterai.models import Stamp
from orders import ordering, paying
from orders.models import Order
from orders.ordering import Wish
from orders.payments.gateway import Standing, Status
from stamping import files, placing, preparing, verifying
from stamping.models import Document
from stamping.verdict import Conclusion
from tests.journeys.conftest import DATA
from tests.running_site import Site, wait_until


def paid_order(quantity: int) -> Order:
    now = timezone.now()
    wish = Wish(quantity=quantity, email="ani@contoh.example", phone="", gateway="sandbox", method="qris")
    order = ordering.place_order(wish=wish, idempotency_key=uuid.uuid4().hex, at=now)
    payment = order.payments.get()
    standing = Standing(
        gateway_reference=f"SBX{payment.pk}",
        reference=str(payment.pk),
        status=Status.PAID,
        amount=payment.amount,
        currency="IDR",
        paid_at=now,
    )
    paying.settle(payment=payment, standing=standing, at=now)
    return order


def queued(order: Order) -> Document:
    now = timezone.now()
    document = preparing.take_up(name="surat.pdf", source=(DATA / "letter.pdf").read_bytes(), at=now)
    placing.attach(document=document, order=order)
    placing.place(document=document, page=1, x=400, y=100, size=86, at=now)
    placing.confirm(document=document, at=now)
    return document


def somebody_waits_for_a_lock() -> bool:
    # pg_locks, since pg_stat_activity stands still within a transaction.
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def stored(document: Document) -> list[str]:
    """The sealed files of this document that lie in storage, committed or not."""
    folder = f"sealed/{document.pk.hex[:3]}/{document.pk}"
    return default_storage.listdir(folder)[1] if default_storage.exists(folder) else []


def check(documents: list[Document]) -> None:
    """Every document sealed once, with a serial of its own, readable and valid; nothing lost, nothing made."""
    rows = list(Document.objects.filter(pk__in=[document.pk for document in documents]))
    assert {row.state for row in rows} == {Document.State.SEALED}
    assert {row.stamp_id for row in rows} == {document.stamp_id for document in documents}
    assert Stamp.objects.filter(state=Stamp.State.AFFIXED).count() == len(rows)
    for row in rows:
        report = verifying.verify_file(source=files.read(row.output), at=datetime.now(tz=UTC))
        assert report.conclusion is Conclusion.VALID
        assert [one.serial for one in report.checked] == [row.stamp_id]
    assert [balance.difference for balance in conserving.balances()] == [0]


def test_a_worker_killed_between_storing_and_committing_loses_nothing(parts: Site) -> None:
    document = queued(paid_order(1))
    with transaction.atomic():
        # The worker seals, stores the file, and then waits for this row to use up the serial: there it dies.
        Stamp.objects.select_for_update().get(pk=document.stamp_id)
        worker = parts.worker()
        wait_until(somebody_waits_for_a_lock)
        assert len(stored(document)) == 1
        worker.kill()
    document.refresh_from_db()
    assert (document.state, document.output) == (Document.State.QUEUED, "")
    parts.worker()
    wait_until(lambda: Document.objects.filter(pk=document.pk, state=Document.State.SEALED).exists())
    wait_until(lambda: len(stored(document)) == 1)  # what the killed worker had stored is gone
    check([document])


def test_workers_killed_at_random_moments_seal_every_document_once(parts: Site) -> None:
    order = paid_order(24)
    documents = [queued(order) for _ in range(24)]
    dice = random.Random(20240903)
    for _ in range(5):
        worker = parts.worker()
        left = Document.objects.filter(state=Document.State.QUEUED).count()
        wait_until(lambda left=left: Document.objects.filter(state=Document.State.QUEUED).count() < max(left, 1))
        time.sleep(dice.uniform(0, 0.03))
        worker.kill()
    parts.worker()
    wait_until(lambda: not Document.objects.filter(state=Document.State.QUEUED).exists(), seconds=60)
    check(documents)
