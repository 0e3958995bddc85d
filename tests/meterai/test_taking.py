from datetime import datetime, timedelta

import pytest

from meterai import taking
from meterai.conserving import available, balances, stock_levels
from meterai.models import Batch, Extent, Movement, Pooled, Reseller, Stamp
from tests import factories

pytestmark = pytest.mark.django_db


def take(quantity: int, now: datetime, reseller: Reseller | None = None) -> list[str]:
    until = now + timedelta(minutes=30)
    return taking.take(quantity=quantity, reseller=reseller, until=until, at=now, reference="MT-TEST-0001")


def test_taken_serials_are_reserved_until_the_deadline(stock: Batch, now: datetime) -> None:
    taken = take(3, now)
    assert len(set(taken)) == 3
    assert set(Stamp.objects.filter(state="reserved").values_list("pk", flat=True)) == set(taken)
    assert available() == 27


def test_one_order_may_span_extents(stock: Batch, now: datetime) -> None:
    assert Extent.objects.count() == 30
    assert len(set(take(30, now))) == 30


def test_thousands_are_taken_at_once_and_none_is_lost(db: None, now: datetime) -> None:
    factories.stock(130, at=now)
    factories.stock(200_000, at=now)  # extents of 1,563 ordinals: more than one statement takes from one
    taken = taking.take(quantity=5_000, reseller=None, until=now, at=now, reference="x")
    assert len(set(taken)) == 5_000
    assert sum(balance.reserved for balance in balances()) == 5_000
    assert [balance.difference for balance in balances()] == [0, 0]


def test_sold_out_takes_nothing(stock: Batch, now: datetime) -> None:
    with pytest.raises(taking.SoldOut):
        take(31, now)
    assert available() == 30 and not Stamp.objects.exists()


def test_what_came_back_is_sold_first(stock: Batch, now: datetime) -> None:
    taken = take(2, now)
    assert set(taking.release(serials=taken, at=now, reference="MT-TEST-0001", reason="deadline")) == set(taken)
    assert Pooled.objects.count() == 2
    assert set(take(3, now)) > set(taken)


def test_exactly_these_serials_can_be_asked_back(stock: Batch, now: datetime) -> None:
    taken = take(3, now)
    taking.release(serials=taken, at=now, reference="MT-TEST-0001", reason="deadline")
    wanted = taken[1:]
    again = taking.take_these(serials=wanted, until=now + timedelta(minutes=2), at=now, reference="MT-TEST-0001")
    assert set(again) == set(wanted)
    with pytest.raises(taking.SoldOut):
        taking.take_these(serials=taken, until=now + timedelta(minutes=2), at=now, reference="MT-TEST-0001")


def test_a_sold_serial_is_not_released(stock: Batch, now: datetime) -> None:
    taken = take(2, now)
    taking.sell(serials=taken[:1], at=now, reference="MT-TEST-0001")
    assert taking.release(serials=taken, at=now, reference="MT-TEST-0001", reason="deadline") == taken[1:]


def test_a_step_moves_all_serials_or_none(stock: Batch, now: datetime) -> None:
    taken = take(2, now)
    taking.sell(serials=taken[:1], at=now, reference="MT-TEST-0001")
    with pytest.raises(taking.NotHeld):
        taking.sell(serials=taken, at=now, reference="MT-TEST-0001")
    assert Stamp.objects.get(pk=taken[1]).state == "reserved"


def test_the_life_of_a_stamp_keeps_the_balance(stock: Batch, now: datetime) -> None:
    first, second, third = take(3, now)
    taking.sell(serials=[first, second], at=now, reference="MT-TEST-0001")
    taking.affix(serial=first, at=now, reference="MT-TEST-0001")
    taking.refund(serials=[second], at=now, reference="MT-TEST-0001", reason="the buyer's wish")
    taking.release(serials=[third], at=now, reference="MT-TEST-0001", reason="deadline")
    balance = balances()[0]
    assert (balance.extents, balance.pool, balance.affixed, balance.refunded, balance.difference) == (
        27,
        1,
        1,
        1,
        0,
    )


def test_the_ledger_adds_up_to_the_balance(stock: Batch, now: datetime) -> None:
    taken = take(4, now)
    taking.sell(serials=taken[:3], at=now, reference="MT-TEST-0001")
    taking.release(serials=taken[3:], at=now, reference="MT-TEST-0001", reason="deadline")
    places: dict[str, int] = {}
    for row in Movement.objects.all():
        places[row.source] = places.get(row.source, 0) - row.quantity
        places[row.target] = places.get(row.target, 0) + row.quantity
    places = {place: count for place, count in places.items() if count}
    assert places == {"outside": -30, "extents": 26, "pool": 1, "sold": 3}


def test_a_reseller_sells_from_its_lease_alone(stock: Batch, posfin: Reseller, now: datetime) -> None:
    factories.lease(posfin, 2, at=now)
    taken = take(2, now, posfin)
    assert set(Stamp.objects.filter(reseller=posfin).values_list("pk", flat=True)) == set(taken)
    with pytest.raises(taking.SoldOut):
        take(1, now, posfin)
    taking.release(serials=taken, at=now, reference="MT-TEST-0001", reason="deadline")
    assert stock_levels() == {None: 28, posfin.pk: 2}
