"""What must never be is refused by the database: every constraint, every trigger, one test each."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import CheckConstraint, UniqueConstraint

from meterai import states
from meterai.models import Batch, Extent, Flip, Movement, Outlet, Pooled, Reseller, Serial, Stamp, User
from orders.models import Order
from tests import factories

pytestmark = pytest.mark.django_db


def refusal(do: Callable[[], Any]) -> str:
    """The name of the constraint or trigger that refused."""
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        do()
    return str(refused.value.__cause__.diag.constraint_name)  # type: ignore[union-attr]


@pytest.fixture
def stamp(order: Order) -> Stamp:
    stamp = Stamp.objects.first()
    assert stamp
    return stamp


BATCH: dict[str, dict[str, Any]] = {
    "batch_not_empty": {"count": 0},
    "batch_activated_paired": {"activated_at": None},
    "batch_active_has_been_activated": {"activated_at": None, "activated_by": None},
}


@pytest.mark.parametrize("name", BATCH)
def test_an_impossible_batch_is_refused(name: str, stock: Batch) -> None:
    assert refusal(lambda: Batch.objects.update(**BATCH[name])) == name


def test_one_person_cannot_do_both_halves_even_in_a_shell(stock: Batch, gudang: User) -> None:
    assert refusal(lambda: Batch.objects.update(activated_by=gudang)) == "batch_four_eyes"


def test_an_extent_cannot_give_more_than_it_holds(stock: Batch) -> None:
    assert refusal(lambda: Extent.objects.update(next=99)) == "extent_in_order"


def test_a_movement_of_nothing_is_refused(stock: Batch, now: datetime) -> None:
    values = {"batch": stock, "at": now, "source": "extents", "target": "pool", "reference": "r", "actor": "a"}
    assert refusal(lambda: Movement.objects.create(quantity=0, **values)) == "movement_not_empty"


def test_an_outlet_is_listed_once(posfin: Reseller) -> None:
    values = {"reseller": posfin, "name": "Gerai", "city": "Bandung", "address": "", "province": ""}
    Outlet.objects.create(**values)
    assert refusal(lambda: Outlet.objects.create(**values)) == "outlet_once"


def test_a_reseller_team_is_never_staff(posfin: Reseller, gudang: User) -> None:
    assert refusal(lambda: User.objects.update(reseller=posfin)) == "user_reseller_team_is_not_staff"


def test_a_serial_is_22_of_a_to_z_and_0_to_9(stock: Batch) -> None:
    wrong = "a" * 22
    assert refusal(lambda: Serial.objects.create(code=wrong, batch=stock, ordinal=99)) == "serial_is_22_of_a_z_0_9"


def test_an_ordinal_is_given_once_in_a_batch(stock: Batch) -> None:
    new = factories.serials(1)[0]
    assert refusal(lambda: Serial.objects.create(code=new, batch=stock, ordinal=1)) == "serial_ordinal_once"


def test_a_serial_has_one_stamp(stamp: Stamp, now: datetime) -> None:
    values = {"serial_id": stamp.pk, "batch": stamp.batch, "changed_at": now, "reserved_until": now}
    assert refusal(lambda: Stamp.objects.create(**values)) == "meterai_stamp_pkey"


def test_a_serial_lies_in_the_pool_once(stock: Batch, now: datetime) -> None:
    serial = Serial.objects.first()
    assert serial
    values = {"serial": serial, "batch": stock, "released_at": now}

    def twice() -> None:
        Pooled.objects.create(**values)
        Pooled.objects.bulk_create([Pooled(**values)])

    assert refusal(twice) == "meterai_pooled_pkey"


STAMP: dict[str, dict[str, Any]] = {
    "stamp_reserved_has_deadline": {"reserved_until": None},
    "stamp_void_has_reason": {"void_reason": "without being void"},
}


@pytest.mark.parametrize("name", STAMP)
def test_an_impossible_stamp_is_refused(name: str, stamp: Stamp) -> None:
    assert refusal(lambda: Stamp.objects.filter(pk=stamp.pk).update(**STAMP[name])) == name


def test_a_stamp_of_unknown_state_is_refused(stock: Batch, now: datetime) -> None:
    serial = Serial.objects.first()
    values = {"serial": serial, "batch": stock, "state": "lost", "changed_at": now}
    assert refusal(lambda: Stamp.objects.create(**values)) == "stamp_known_state"


def test_a_state_is_left_along_arrows_only(stamp: Stamp, stock: Batch) -> None:
    jump = {"state": "affixed", "reserved_until": None}
    assert refusal(lambda: Stamp.objects.filter(pk=stamp.pk).update(**jump)) == "meterai_stamp_arrows"
    assert refusal(lambda: Batch.objects.update(state="draft")) == "meterai_batch_arrows"


@pytest.mark.parametrize("model", [Serial, Movement, Flip])
def test_what_is_written_once_is_neither_changed_nor_deleted(model: Any, order: Order) -> None:
    table, first = model._meta.db_table, model._meta.fields[-1].column
    with connection.cursor() as cursor:
        assert refusal(lambda: cursor.execute(f"UPDATE {table} SET {first} = {first}")) == f"{table}_written_once"
        assert refusal(lambda: cursor.execute(f"DELETE FROM {table}")) == f"{table}_written_once"


@pytest.mark.parametrize("app", ["meterai", "orders"])
def test_the_database_holds_the_same_arrows_as_the_models(app: str) -> None:
    models = [model for model in apps.get_app_config(app).get_models() if hasattr(model, "ARROWS")]
    assert models
    for model in models:
        with connection.cursor() as cursor:
            cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = %s", [f"{model._meta.db_table}_arrows"])
            source = cursor.fetchone()[0]
        held = set(re.findall(r"'(\w+)>(\w+)'", source))
        assert held == {(str(old), str(new)) for old, news in model.ARROWS.items() for new in news}, model


def test_a_move_leaves_a_row_that_says_who_and_why(stamp: Stamp, now: datetime) -> None:
    states.move(
        stamp,
        to="void",
        at=now,
        actor="petugas",
        reason="damaged",
        void_reason="damaged",
        reserved_until=None,
    )
    flip = Flip.objects.get(noun="meterai.stamp", row=stamp.pk)
    assert (flip.old, flip.new, flip.actor, flip.reason) == ("reserved", "void", "petugas", "damaged")


def test_a_move_without_an_arrow_moves_nothing(stamp: Stamp, now: datetime) -> None:
    with pytest.raises(states.NoSuchArrow):
        states.move(stamp, to="affixed", at=now)


def test_of_two_that_read_the_same_state_the_second_is_told(order: Order, now: datetime) -> None:
    other = Order.objects.get(pk=order.pk)
    states.move(order, to="cancelled", at=now)
    with pytest.raises(states.MovedMeanwhile):
        states.move(other, to="expired", at=now)


def test_no_constraint_is_without_a_test() -> None:
    named = {
        constraint.name
        for app in ("meterai", "orders")
        for model in apps.get_app_config(app).get_models()
        for constraint in model._meta.constraints
        if isinstance(constraint, (CheckConstraint, UniqueConstraint))
    }
    here, orders = Path(__file__).parent, Path(__file__).parents[1] / "orders"
    files = [Path(__file__), here / "test_stock_refusals.py"]
    files += sorted(orders.glob("test_*.py"))
    texts = "".join(file.read_text() for file in files)
    assert {name for name in named if f'"{name}"' not in texts} == set()
