"""From queued to sealed, with a serial that is neither lost nor used twice."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage

from meterai import conserving
from meterai.models import Stamp
from orders.models import Notice, Order
from stamping import placing, preparing, sealing, verifying
from stamping.models import Document
from stamping.verdict import Conclusion
from tests.stamping.conftest import DATA, NOW

pytestmark = pytest.mark.django_db


def test_a_queued_document_is_sealed_and_its_serial_used_up(queued: Callable[..., Document]) -> None:
    document = queued()
    assert sealing.seal_due(at=NOW) == 1
    document.refresh_from_db()
    assert document.state == Document.State.SEALED
    assert Stamp.objects.get(pk=document.stamp_id).state == Stamp.State.AFFIXED
    with default_storage.open(document.output) as file:
        report = verifying.verify_file(source=file.read(), at=NOW)
    assert report.conclusion is Conclusion.VALID
    assert [one.serial for one in report.checked] == [document.stamp_id]
    assert all(balance.difference == 0 for balance in conserving.balances())


@pytest.mark.parametrize(
    "name",
    [
        "letter",
        "scan",
        "signed",
        "rotated-90",
        "rotated-180",
        "rotated-270",
        "shifted",
        "encrypted",
        "scripted",
    ],
)
def test_every_kind_of_file_that_is_taken_up_ends_valid(name: str, queued: Callable[..., Document]) -> None:
    document = queued(source=(DATA / f"{name}.pdf").read_bytes())
    assert sealing.seal_due(at=NOW) == 1
    document.refresh_from_db()
    with default_storage.open(document.output) as file:
        assert verifying.verify_file(source=file.read(), at=NOW).conclusion is Conclusion.VALID


def test_a_second_worker_finds_nothing_while_the_first_holds_the_row(queued: Callable[..., Document]) -> None:
    queued()
    waiting = Document.objects.filter(state=Document.State.QUEUED)
    held = sealing.claim(waiting, due="claimed_until", at=NOW, lease=timedelta(seconds=90), limit=4)
    assert len(held) == 1
    assert sealing.seal_due(at=NOW + timedelta(seconds=5)) == 0


def test_a_worker_that_vanished_is_replaced_after_its_lease(queued: Callable[..., Document]) -> None:
    document = queued()
    waiting = Document.objects.filter(state=Document.State.QUEUED)
    sealing.claim(waiting, due="claimed_until", at=NOW, lease=timedelta(seconds=90), limit=4)
    assert sealing.seal_due(at=NOW + timedelta(seconds=91)) == 1
    document.refresh_from_db()
    assert document.attempts == 2


def test_two_workers_that_both_finish_commit_once(queued: Callable[..., Document]) -> None:
    document = queued()
    early, late = Document.objects.get(pk=document.pk), Document.objects.get(pk=document.pk)
    assert sealing.seal(document=early, at=NOW)
    committed = Document.objects.get(pk=document.pk)
    assert not sealing.seal(document=late, at=NOW + timedelta(seconds=91))
    after = Document.objects.get(pk=document.pk)
    assert (after.output, after.output_sha256) == (committed.output, committed.output_sha256)
    assert Notice.objects.filter(event=f"{document.pk}:sealed").count() == 1


def test_a_document_that_can_never_be_sealed_gives_its_stamp_back(
    queued: Callable[..., Document], order: Callable[..., Order], letter: bytes
) -> None:
    bought = order()
    document = queued(of=bought)
    Document.objects.filter(pk=document.pk).update(page=9)  # as if an older release had let it through
    assert sealing.seal_due(at=NOW) == 0
    document.refresh_from_db()
    assert (document.state, document.failure) == (Document.State.FAILED, "no_such_page")
    assert Stamp.objects.get(pk=document.stamp_id).state == Stamp.State.SOLD
    again = queued(of=bought, source=letter)
    assert again.stamp_id == document.stamp_id
    assert sealing.seal_due(at=NOW) == 1


def test_a_source_that_changed_in_storage_is_never_sealed(queued: Callable[..., Document]) -> None:
    document = queued()
    default_storage.delete(document.source)
    later = NOW
    for _ in range(sealing.MOST_ATTEMPTS):
        assert sealing.seal_due(at=later) == 0
        later += timedelta(seconds=91)
    document.refresh_from_db()
    assert (document.state, document.failure) == (Document.State.FAILED, "missing")


def test_a_file_that_kills_its_workers_is_not_tried_for_ever(queued: Callable[..., Document]) -> None:
    document = queued()
    Document.objects.filter(pk=document.pk).update(attempts=sealing.MOST_ATTEMPTS)
    sealing.seal_due(at=NOW)
    document.refresh_from_db()
    assert document.state == Document.State.FAILED


def test_an_earlier_signature_stays_valid(queued: Callable[..., Document]) -> None:
    from stamping.pdf import inspecting

    document = queued(source=(DATA / "signed.pdf").read_bytes())
    sealing.seal_due(at=NOW)
    document.refresh_from_db()
    with default_storage.open(document.output) as file:
        signatures = inspecting.signatures(file.read())
    assert [one.intact for one in signatures] == [True, True]
    assert signatures[0].changes is not inspecting.Changes.FORBIDDEN


def test_the_oldest_agreement_is_sealed_first(queued: Callable[..., Document], order: Callable[..., Order]) -> None:
    documents = [queued() for _ in range(3)]
    Document.objects.filter(pk=documents[2].pk).update(claimed_until=NOW - timedelta(minutes=5))
    sealing.seal_due(at=NOW, limit=1)
    assert Document.objects.get(state=Document.State.SEALED).pk == documents[2].pk


def test_preparing_needs_no_stock_and_no_order(db: None, letter: bytes) -> None:
    document = preparing.take_up(name="x.pdf", source=letter, at=NOW)
    placing.place(document=document, page=1, x=10, y=10, size=86, at=NOW)
    assert document.order is None
