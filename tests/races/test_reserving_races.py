"""Many buyers at one moment, on real connections."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import connection
from django.utils import timezone

from meterai import taking
from meterai.conserving import available, balances
from meterai.models import Stamp
from orders import ordering, paying, reserving
from orders.models import Line, Notice, Order, Payment
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def together(count: int, do: Callable[[int], str]) -> Counter[str]:
    """Run `do` in so many threads that start at the same moment; returns how often each outcome came."""
    gate, outcomes = threading.Barrier(count), Counter[str]()

    def run(number: int) -> None:
        gate.wait()
        try:
            outcomes[do(number)] += 1
        except Exception as error:  # whatever it is, it belongs into the count
            outcomes[type(error).__name__] += 1
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def buy(number: int) -> str:
    try:
        factories.order(at=timezone.now(), quantity=1)
    except taking.SoldOut:
        return "sold out"
    return "won"


def test_fifty_buyers_meet_thirty_serials(now: datetime) -> None:
    factories.stock(30, at=now)
    assert together(50, buy) == {"won": 30, "sold out": 20}
    assert Line.objects.values("serial_id").distinct().count() == 30
    assert [row.difference for row in balances()] == [0]


def test_nobody_hears_a_false_sold_out_while_there_is_enough(now: datetime) -> None:
    factories.stock(2, at=now)
    factories.stock(48, at=now)
    assert together(50, buy) == {"won": 50}


def test_what_comes_back_in_the_same_moment_is_sold_again(now: datetime) -> None:
    factories.stock(20, at=now)
    held = [factories.order(at=now, quantity=1) for _ in range(10)]

    def give_back_or_buy(number: int) -> str:
        if number < 10:
            reserving.lapse(order=held[number], to="cancelled", at=timezone.now(), reason="wish", actor="buyer")
            return "gave back"
        return buy(number)

    outcomes = together(20, give_back_or_buy)
    assert outcomes == {"gave back": 10, "won": 10}
    assert available() == 10
    assert [row.difference for row in balances()] == [0]


def test_one_form_sent_ten_times_at_once_is_one_order(now: datetime) -> None:
    factories.stock(30, at=now)

    def send(number: int) -> str:
        try:
            return factories.order(at=now, key="form:one").code
        except ordering.InFlight:
            return "in flight"

    outcomes = together(10, send)
    assert Order.objects.count() == Payment.objects.count() == 1
    assert set(outcomes) <= {Order.objects.get().code, "in flight"}
    assert Stamp.objects.count() == 2


def test_one_payment_told_by_ten_workers_is_credited_once(now: datetime) -> None:
    factories.stock(30, at=now)
    payment = factories.asked_for(factories.order(at=now), at=now)
    told = factories.standing(payment, at=now)

    def settle(number: int) -> str:
        paying.settle(payment=Payment.objects.get(pk=payment.pk), standing=told, at=timezone.now())
        return "done"

    assert together(10, settle) == {"done": 10}
    assert Stamp.objects.filter(state="sold").count() == 2
    assert Notice.objects.filter(template="paid").count() == 1


def test_money_and_deadline_in_the_same_moment_end_in_one_paid_order(now: datetime) -> None:
    factories.stock(30, at=now)
    orders = [factories.order(at=now) for _ in range(8)]
    payments = [factories.asked_for(order, at=now) for order in orders]

    def pay_or_lapse(number: int) -> str:
        order, payment = orders[number // 2], payments[number // 2]
        if number % 2:
            paying.settle(payment=payment, standing=factories.standing(payment, at=now), at=timezone.now())
        else:
            reserving.release_expired(at=order.expires_at + reserving.GRACE * 2)
        return "done"

    assert together(16, pay_or_lapse) == {"done": 16}
    assert set(Order.objects.values_list("state", flat=True)) == {"paid"}
    assert Stamp.objects.filter(state="sold").count() == 16
    assert [row.difference for row in balances()] == [0]
