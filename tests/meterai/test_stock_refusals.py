"""What must never be of the stock, refused by the database itself: every constraint and trigger, one test each."""

from datetime import datetime
from typing import Any

import pytest
from django.db import connection

from meterai import states
from meterai.models import (
    Batch,
    Block,
    Delivery,
    Deposit,
    Extent,
    LowStock,
    Movement,
    Pooled,
    Recall,
    Reseller,
    Stamp,
    User,
    Withdrawn,
)
from orders.models import Order
from tests import factories
from tests.meterai.test_states import refusal

pytestmark = pytest.mark.django_db

DELIVERY: dict[str, dict[str, Any]] = {
    "delivery_imported_has_batch": {"state": "imported"},
    "delivery_refused_has_failure": {"failure": "count"},
    "delivery_ended_paired": {"state": "refused", "failure": "count"},
}


@pytest.fixture
def delivery(gudang: User, now: datetime) -> Delivery:
    return Delivery.objects.create(reference="K-77", received_at=now, received_by=gudang)


@pytest.mark.parametrize("name", DELIVERY)
def test_an_impossible_delivery_is_refused(name: str, delivery: Delivery, now: datetime) -> None:
    ended = {} if name == "delivery_ended_paired" or "failure" in DELIVERY[name] else {"ended_at": now}
    assert refusal(lambda: Delivery.objects.update(**DELIVERY[name], **ended)) == name


def test_a_delivery_is_under_way_once_and_may_be_sent_again_when_refused(delivery: Delivery, now: datetime) -> None:
    again = {"reference": "K-77", "received_at": now, "received_by": delivery.received_by}
    assert refusal(lambda: Delivery.objects.create(**again)) == "delivery_reference_once"
    states.move(delivery, to="refused", at=now, failure="count", ended_at=now)
    assert Delivery.objects.create(**again).state == "waiting"


DEPOSIT: dict[str, dict[str, Any]] = {
    "deposit_not_empty": {"amount": 0},
    "deposit_drawn_when_confirmed": {"drawn": 10_000},
    "deposit_decided_paired": {"state": "rejected"},
}


@pytest.fixture
def deposit(posfin: Reseller, gudang: User, now: datetime) -> Deposit:
    return Deposit.objects.create(
        reseller=posfin, reference="BANK-1", amount=50_000, recorded_at=now, recorded_by=gudang
    )


@pytest.mark.parametrize("name", DEPOSIT)
def test_an_impossible_deposit_is_refused(name: str, deposit: Deposit) -> None:
    assert refusal(lambda: Deposit.objects.update(**DEPOSIT[name])) == name


def test_one_person_cannot_record_and_confirm_even_in_a_shell(deposit: Deposit, gudang: User, now: datetime) -> None:
    decided = {"state": "confirmed", "decided_at": now, "decided_by": gudang}
    assert refusal(lambda: Deposit.objects.update(**decided)) == "deposit_four_eyes"


def test_no_lease_draws_more_than_was_paid(deposit: Deposit, penyelia: User, now: datetime) -> None:
    states.move(deposit, to="confirmed", at=now, decided_at=now, decided_by=penyelia)
    assert refusal(lambda: Deposit.objects.update(drawn=50_001)) == "deposit_not_overdrawn"


def test_an_extent_stays_within_a_batch_that_is_on_sale(stock: Batch, now: datetime) -> None:
    Extent.objects.all().delete()
    assert refusal(lambda: Extent.objects.create(batch=stock, next=30, end=32)) == "extent_within_batch"
    draft = factories.draft(5, at=now)
    assert refusal(lambda: Extent.objects.create(batch=draft, next=1, end=2)) == "extent_within_batch"
    Extent.objects.create(batch=stock, next=1, end=31)


def test_two_extents_do_not_end_alike(stock: Batch) -> None:
    assert refusal(lambda: Extent.objects.create(batch=stock, next=1, end=31)) == "extent_end_once"


def test_an_extent_begins_with_the_first_ordinal(stock: Batch) -> None:
    assert refusal(lambda: Extent.objects.filter(next=1).update(next=0)) == "extent_in_order"


@pytest.mark.breaks_conservation
def test_a_serial_is_held_or_in_the_pool_never_both(order: Order, now: datetime) -> None:
    stamp = Stamp.objects.all()[0]
    both = {"serial_id": stamp.pk, "batch": stamp.batch}
    assert refusal(lambda: Pooled.objects.create(**both, released_at=now)) == "pooled_not_held"
    stamp.delete()
    Pooled.objects.create(**both, released_at=now)
    held = both | {"reserved_until": now, "changed_at": now}
    assert refusal(lambda: Stamp.objects.create(**held)) == "stamp_not_pooled"


@pytest.mark.parametrize("place", ["source", "target"])
def test_the_book_knows_its_places(place: str, stock: Batch, now: datetime) -> None:
    where = {"source": "extents", "target": "pool"} | {place: "drawer"}
    row = {"batch": stock, "at": now, "quantity": 1, "reference": "r", "actor": "a"}
    assert refusal(lambda: Movement.objects.create(**row, **where)) == "movement_known_places"


@pytest.fixture
def recall(stock: Batch, gudang: User, now: datetime) -> Recall:
    values = {"batch": stock, "first": 1, "last": 9, "reason": "misprint", "at": now, "by": gudang}
    return Recall.objects.create(**values, voided=0, sold=0)


@pytest.mark.parametrize(
    ("name", "change"), [("recall_in_order", {"first": 10}), ("recall_has_reason", {"reason": ""})]
)
def test_an_impossible_recall_is_refused(name: str, change: dict[str, Any], recall: Recall, now: datetime) -> None:
    values = {"batch": recall.batch, "first": 1, "last": 9, "reason": "misprint", "at": now, "by": recall.by}
    assert refusal(lambda: Recall.objects.create(**(values | change), voided=0, sold=0)) == name


def test_an_ordinal_is_withdrawn_once(recall: Recall) -> None:
    values = {"recall": recall, "batch": recall.batch}
    assert refusal(lambda: Withdrawn.objects.create(**values, first=9, past=9)) == "withdrawn_in_order"

    def overlapping() -> None:
        Withdrawn.objects.create(**values, first=1, past=5)
        Withdrawn.objects.create(**values, first=4, past=6)

    assert refusal(overlapping) == "withdrawn_once"


def test_a_block_of_the_book_is_closed_once_and_never_empty(stock: Batch, now: datetime) -> None:
    values = {"batch": stock, "number": 1, "horizon": 1, "digest": "0" * 64, "at": now}
    assert refusal(lambda: Block.objects.create(**values, movements=[])) == "block_not_empty"

    def twice() -> None:
        Block.objects.create(**values, movements=[1])
        Block.objects.create(**values, movements=[2])

    assert refusal(twice) == "block_once"


@pytest.mark.parametrize("seller", [None, "posfin"])
def test_one_alarm_of_low_stock_is_open_for_a_seller(seller: str | None, db: None, now: datetime) -> None:
    values = {"reseller": factories.reseller(seller) if seller else None, "threshold": 10, "began_at": now}
    assert refusal(lambda: LowStock.objects.create(**values, level=10)) == "low_stock_is_low"
    LowStock.objects.create(**values, level=9)
    assert refusal(lambda: LowStock.objects.create(**values, level=8)) == "low_stock_open_once"


@pytest.mark.breaks_conservation
@pytest.mark.parametrize("model", [Block, Recall, Withdrawn])
def test_decisions_and_the_chain_are_written_once(model: Any, recall: Recall, now: datetime) -> None:
    Block.objects.create(batch=recall.batch, number=1, horizon=1, digest="0" * 64, at=now, movements=[1])
    Withdrawn.objects.create(recall=recall, batch=recall.batch, first=1, past=2)
    table = model._meta.db_table
    with connection.cursor() as cursor:
        assert refusal(lambda: cursor.execute(f"UPDATE {table} SET id = id")) == f"{table}_written_once"
        assert refusal(lambda: cursor.execute(f"DELETE FROM {table}")) == f"{table}_written_once"
