from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from meterai import taking
from meterai.conserving import available
from meterai.models import Batch, Flip, Reseller, Stamp
from orders import ordering
from orders.models import Line, Notice, Order, Payment
from tests import factories

pytestmark = pytest.mark.django_db


def test_an_order_holds_its_serials_and_waits_for_its_money(order: Order) -> None:
    assert (order.state, order.total, order.payments.get().state) == ("pending", 20_000, "started")
    assert set(order.lines.values_list("serial_id", flat=True)) == set(Stamp.objects.values_list("pk", flat=True))
    assert Notice.objects.get().event == f"{order.code}:ordered"
    assert Flip.objects.filter(noun="orders.order", row=order.pk).exists()


def test_the_same_form_sent_twice_is_one_order(stock: Batch, now: datetime) -> None:
    first = factories.order(at=now, key="form:1")
    again = factories.order(at=now + timedelta(minutes=1), key="form:1")
    assert first.pk == again.pk
    assert Payment.objects.count() == Notice.objects.count() == 1 and available() == 28


def test_a_key_used_for_another_wish_is_refused(stock: Batch, now: datetime) -> None:
    factories.order(at=now, key="form:1")
    with pytest.raises(ordering.KeyReused):
        factories.order(at=now, key="form:1", quantity=3)
    assert available() == 28


def test_sold_out_leaves_no_trace(stock: Batch, now: datetime) -> None:
    with pytest.raises(taking.SoldOut):
        factories.order(at=now, quantity=31)
    assert not Order.objects.exists() and not Notice.objects.exists() and available() == 30


def test_an_order_at_a_reseller_takes_its_stock_alone(stock: Batch, posfin: Reseller, now: datetime) -> None:
    factories.lease(posfin, 3, at=now)
    order = factories.order(at=now, reseller_code="posfin")
    assert order.reseller == posfin
    assert available(reseller_id=posfin.pk) == 1 and available() == 27
    with pytest.raises(taking.SoldOut):
        factories.order(at=now, reseller_code="posfin")


@pytest.mark.parametrize("changes", [{"reseller_code": "nobody"}, {"method": "coin"}, {"gateway": "other"}])
def test_what_is_not_offered_is_not_sold(changes: dict[str, str], stock: Batch, now: datetime) -> None:
    with pytest.raises(ordering.NotSelling):
        factories.order(at=now, **changes)
    assert available() == 30


def test_a_reseller_switched_off_sells_nothing(stock: Batch, now: datetime) -> None:
    factories.reseller("tutup", is_active=False)
    with pytest.raises(ordering.NotSelling):
        factories.order(at=now, reseller_code="tutup")


def test_another_payment_may_follow_a_failed_one(order: Order, now: datetime) -> None:
    Payment.objects.update(state="failed")
    second = ordering.pay_again(order=order, gateway="sandbox", method="va", at=now)
    assert (second.state, second.amount, second.method) == ("started", order.total, "va")


def test_an_open_payment_is_not_doubled(order: Order, now: datetime) -> None:
    with pytest.raises(ordering.NotPayable):
        ordering.pay_again(order=order, gateway="sandbox", method="va", at=now)


def test_nothing_is_paid_after_the_deadline(order: Order) -> None:
    Payment.objects.update(state="failed")
    with pytest.raises(ordering.NotPayable):
        ordering.pay_again(order=order, gateway="sandbox", method="va", at=order.expires_at)


IMPOSSIBLE: dict[str, dict[str, object]] = {
    "order_can_be_reached": {"email": ""},
    "order_not_empty": {"quantity": 0, "total": 0},
    "order_total_adds_up": {"total": 1},
    "order_paid_paired": {"state": "paid"},
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_the_database_refuses_an_impossible_order(name: str, order: Order) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(**IMPOSSIBLE[name])


def test_the_database_refuses_a_serial_in_two_orders(order: Order, now: datetime) -> None:
    other = factories.order(at=now)
    serial = order.lines.first()
    assert serial
    with pytest.raises(IntegrityError, match="line_holds_a_serial_once"), transaction.atomic():
        Line.objects.create(order=other, serial_id=serial.serial_id)


def test_the_database_refuses_to_take_a_paid_order_back(order: Order, now: datetime) -> None:
    Order.objects.update(state="paid", paid_at=now)
    with pytest.raises(IntegrityError, match="orders_order_arrows"), transaction.atomic():
        Order.objects.update(state="pending", paid_at=None)
