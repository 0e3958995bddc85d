"""Numbers without a gap, a series for each kind and year."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from orders import numbering, refunding
from orders.models import Order, Receipt, Series
from tests.orders.test_refunding import give_back, paid_order, states_of

pytestmark = pytest.mark.django_db


def numbers(kind: str = "payment") -> list[str]:
    return [str(one) for one in Receipt.objects.filter(kind=kind).order_by("pk")]


@pytest.fixture
def three(stock: object, now: datetime) -> list[Order]:
    """Three paid orders, their receipts not numbered yet."""
    return [paid_order(at=now, quantity=1) for _ in range(3)]


def test_receipts_are_numbered_in_the_order_of_their_rows(three: list[Order], now: datetime) -> None:
    year = now.astimezone(numbering.WIB).year
    assert numbering.number_due(at=now) == 3
    assert numbers() == [f"KW-{year}-000001", f"KW-{year}-000002", f"KW-{year}-000003"]
    assert set(Receipt.objects.values_list("issued_at", flat=True)) == {now}
    assert numbering.number_due(at=now) == 0 and numbering.broken_series() == []


def test_a_round_numbers_no_more_than_its_limit(three: list[Order], now: datetime) -> None:
    assert [numbering.number_due(at=now, limit=2) for _ in range(3)] == [2, 1, 0]
    assert numbers()[-1].endswith("-000003")


def test_refund_notes_have_a_series_of_their_own(three: list[Order], now: datetime) -> None:
    refund = give_back(three[0], *states_of(three[0]), at=now)
    refunding.done(refund=refund, at=now, actor="worker")
    assert numbering.number_due(at=now) == 4
    year = now.astimezone(numbering.WIB).year
    assert numbers("refund") == [f"NP-{year}-000001"] and numbers()[-1] == f"KW-{year}-000003"
    assert sorted(Series.objects.values_list("name", "last")) == [(f"KW-{year}", 3), (f"NP-{year}", 1)]


@pytest.mark.parametrize(
    ("moment", "series"),
    [
        (datetime(2026, 12, 31, 16, 59, 59, tzinfo=UTC), "KW-2026"),
        (datetime(2026, 12, 31, 17, 0, 0, tzinfo=UTC), "KW-2027"),
    ],
)
def test_the_year_is_that_of_jakarta_when_the_money_came(moment: datetime, series: str, three: list[Order]) -> None:
    Receipt.objects.update(created_at=moment)
    assert numbering.number_due(at=moment + timedelta(hours=1)) == 3
    assert set(Receipt.objects.values_list("series", flat=True)) == {series}
    assert Series.objects.get().last == 3


def test_two_years_that_wait_together_are_numbered_apart(three: list[Order]) -> None:
    first, *_rest = Receipt.objects.order_by("pk")
    new_year = datetime(2027, 1, 1, 0, 0, 1, tzinfo=numbering.WIB)
    Receipt.objects.update(created_at=new_year)
    Receipt.objects.filter(pk=first.pk).update(created_at=new_year - timedelta(seconds=2))
    assert numbering.number_due(at=new_year) == 3
    assert numbers() == ["KW-2026-000001", "KW-2027-000001", "KW-2027-000002"]


def test_a_receipt_that_is_asked_for_gets_its_number_at_once_and_those_before_it_too(
    three: list[Order], now: datetime
) -> None:
    second = Receipt.objects.order_by("pk")[1]
    assert str(numbering.numbered(second, at=now)).endswith("-000002")
    assert [one.number for one in Receipt.objects.order_by("pk")] == [1, 2, None]
    assert str(numbering.numbered(second, at=now + timedelta(days=1))).endswith("-000002")
    assert Receipt.objects.get(pk=second.pk).issued_at == now
    assert numbering.number_due(at=now) == 1


def test_what_fails_in_the_middle_leaves_no_gap(three: list[Order], now: datetime) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        assert numbering.number_due(at=now, limit=2) == 2
        raise RuntimeError
    assert numbers() == [f"payment {one.pk}" for one in Receipt.objects.order_by("pk")]
    assert numbering.number_due(at=now) == 3 and numbering.broken_series() == []


def test_a_gap_would_be_seen(three: list[Order], now: datetime) -> None:
    numbering.number_due(at=now)
    name = Series.objects.get().name
    assert numbering.broken_series() == []
    Series.objects.update(last=4)
    assert numbering.broken_series() == [name]


def test_an_order_from_before_receipts_had_rows_gets_its_row(three: list[Order], now: datetime) -> None:
    Receipt.objects.all().delete()
    paper = numbering.receipt_of(three[0])
    assert paper.created_at == three[0].paid_at and numbering.receipt_of(three[0]).pk == paper.pk


def test_the_buyers_name_is_written_once(three: list[Order]) -> None:
    paper = numbering.receipt_of(three[0])
    assert numbering.name_buyer(receipt=paper, name="CV Sejahtera")
    assert not numbering.name_buyer(receipt=paper, name="CV Lain")
    assert Receipt.objects.get(pk=paper.pk).buyer_name == "CV Sejahtera"


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("receipt_number_once", {"series": True, "number": 1, "issued_at": True}),
        ("receipt_numbered_whole", {"series": True}),
        ("receipt_numbered_whole", {"number": 3}),
        ("receipt_numbered_whole", {"issued_at": True}),
        ("receipt_kind_paired", {"kind": "refund"}),
    ],
)
def test_the_database_refuses_an_impossible_receipt(
    constraint: str, changes: dict[str, Any], three: list[Order], now: datetime
) -> None:
    assert numbering.number_due(at=now, limit=2) == 2
    given = {"series": Series.objects.get(), "issued_at": now}
    values = {name: given[name] if value is True else value for name, value in changes.items()}
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Receipt.objects.filter(number=None).update(**values)


@pytest.mark.parametrize("changes", [{"number": 7}, {"series": None, "number": None, "issued_at": None}])
def test_a_number_once_given_stays(changes: dict[str, Any], three: list[Order], now: datetime) -> None:
    numbering.number_due(at=now)
    with pytest.raises(IntegrityError, match="receipt_number_stays"), transaction.atomic():
        Receipt.objects.filter(number=2).update(**changes)
    with pytest.raises(IntegrityError, match="receipt_number_stays"), transaction.atomic():
        Receipt.objects.filter(number=2).delete()


def test_a_name_once_set_stays_on_a_numbered_receipt(three: list[Order], now: datetime) -> None:
    numbering.number_due(at=now)
    Receipt.objects.filter(number=2).update(buyer_name="CV Sejahtera")
    with pytest.raises(IntegrityError, match="receipt_number_stays"), transaction.atomic():
        Receipt.objects.filter(number=2).update(buyer_name="CV Lain")


def test_the_database_refuses_a_second_receipt_of_an_order(three: list[Order], now: datetime) -> None:
    with pytest.raises(IntegrityError, match="receipt_one_an_order"), transaction.atomic():
        Receipt.objects.create(kind="payment", order=three[0], created_at=now)


def test_the_database_refuses_two_notes_of_one_refund(three: list[Order], now: datetime) -> None:
    refund = give_back(three[0], *states_of(three[0]), at=now)
    refunding.done(refund=refund, at=now, actor="worker")
    with pytest.raises(IntegrityError, match="orders_receipt_refund_id"), transaction.atomic():
        Receipt.objects.create(kind="refund", order=three[0], refund=refund, created_at=now)
