"""Where the stamp goes, and whose it is."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from meterai.models import Flip, Stamp
from orders.models import Order
from stamping import placing, preparing
from stamping.models import Document
from tests.stamping.conftest import DATA, NOW, pay

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(letter: bytes) -> Document:
    return preparing.take_up(name="surat.pdf", source=letter, at=NOW)


def test_a_place_outside_the_page_is_moved_onto_it(draft: Document) -> None:
    placing.place(document=draft, page=1, x=5000, y=-300, size=86, at=NOW)
    page = preparing.facts_of(draft).pages[0]
    assert (draft.x, draft.y) == (pytest.approx(page.width - 86, abs=0.01), 0)


@pytest.mark.parametrize(("page", "size"), [(0, 86), (9, 86), (1, 20), (1, 500)])
def test_a_page_or_size_that_is_not_there_is_refused(draft: Document, page: int, size: float) -> None:
    with pytest.raises(placing.OutsideThePage):
        placing.place(document=draft, page=page, x=10, y=10, size=size, at=NOW)
    draft.refresh_from_db()
    assert draft.state == Document.State.DRAFT


def test_a_turned_page_is_placed_as_it_is_shown() -> None:
    turned = preparing.take_up(name="x.pdf", source=(DATA / "rotated-90.pdf").read_bytes(), at=NOW)
    page = preparing.facts_of(turned).pages[0]
    placing.place(document=turned, page=1, x=page.width, y=0, size=86, at=NOW)
    assert turned.x == pytest.approx(page.width - 86, abs=0.01)


def test_placing_may_be_repeated_until_it_is_agreed_to(draft: Document, order: Callable[..., Order]) -> None:
    placing.place(document=draft, page=1, x=10, y=10, size=86, at=NOW)
    placing.place(document=draft, page=1, x=20, y=30, size=86, at=NOW)
    placing.attach(document=draft, order=order(paid=False))
    placing.confirm(document=draft, at=NOW)
    with pytest.raises(placing.NotEditable):
        placing.place(document=draft, page=1, x=99, y=99, size=86, at=NOW)
    draft.refresh_from_db()
    assert (draft.x, draft.y) == (20, 30)


def test_a_document_agreed_to_before_payment_is_queued_once_it_is_paid(
    draft: Document, order: Callable[..., Order]
) -> None:
    placing.place(document=draft, page=1, x=10, y=10, size=86, at=NOW)
    unpaid = order(paid=False)
    placing.attach(document=draft, order=unpaid)
    placing.confirm(document=draft, at=NOW)
    assert placing.bind_due(at=NOW) == 0
    pay(unpaid)
    assert placing.bind_due(at=NOW) == 1
    assert placing.bind_due(at=NOW) == 0
    draft.refresh_from_db()
    assert draft.state == Document.State.QUEUED
    assert draft.stamp is not None
    assert draft.stamp.state == Stamp.State.SOLD


def test_a_confirmation_without_a_place_or_an_order_is_refused(draft: Document) -> None:
    with pytest.raises(placing.NotEditable):
        placing.confirm(document=draft, at=NOW)


def test_an_order_takes_no_more_documents_than_it_has_stamps(
    letter: bytes, order: Callable[..., Order], draft: Document
) -> None:
    one = order(quantity=1)
    placing.attach(document=draft, order=one)
    another = preparing.take_up(name="b.pdf", source=letter, at=NOW)
    with pytest.raises(placing.NoStampLeft):
        placing.attach(document=another, order=one)


def test_a_document_is_used_by_one_order_only(order: Callable[..., Order], draft: Document) -> None:
    placing.attach(document=draft, order=order())
    with pytest.raises(placing.NotEditable):
        placing.attach(document=draft, order=order())


def test_every_document_of_an_order_gets_a_stamp_of_its_own(
    queued: Callable[..., Document], order: Callable[..., Order]
) -> None:
    three = order(quantity=3)
    stamps = {queued(of=three).stamp_id for _ in range(3)}
    assert len(stamps) == 3


def test_the_database_refuses_a_second_live_document_on_a_stamp(
    queued: Callable[..., Document], order: Callable[..., Order]
) -> None:
    first, second = queued(), queued()
    with pytest.raises(IntegrityError, match="document_one_live_a_stamp"), transaction.atomic():
        Document.objects.filter(pk=second.pk).update(stamp=first.stamp)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"stamp": None}, "document_queued_is_bound"),
        ({"page": None}, "document_(queued_is_bound|place_whole)"),
        ({"state": "sealed"}, "document_sealed_has_output"),
        ({"state": "draft"}, "stamping_document"),
        ({"size": 0}, "document_place_whole"),
    ],
)
def test_the_database_refuses_an_impossible_document(
    queued: Callable[..., Document], changes: dict[str, object], constraint: str
) -> None:
    document = queued()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Document.objects.filter(pk=document.pk).update(**changes)


def test_every_change_of_state_leaves_a_row(queued: Callable[..., Document]) -> None:
    document = queued()
    flips = Flip.objects.filter(noun="stamping.document", row=str(document.pk)).order_by("id")
    assert [(flip.old, flip.new) for flip in flips] == [("", "draft"), ("draft", "placed"), ("placed", "queued")]
