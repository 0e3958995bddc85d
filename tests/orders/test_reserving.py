from datetime import datetime, timedelta

import pytest

from meterai import states
from meterai.conserving import available
from meterai.models import Stamp
from orders import reserving
from orders.models import Order
from tests import factories

pytestmark = pytest.mark.django_db


def test_an_order_that_nobody_paid_expires_and_frees_its_serials(order: Order) -> None:
    assert reserving.release_expired(at=order.expires_at + reserving.GRACE) == 0
    assert reserving.release_expired(at=order.expires_at + reserving.GRACE + timedelta(seconds=1)) == 1
    order.refresh_from_db()
    assert (order.state, available(), Stamp.objects.count()) == ("expired", 30, 0)
    assert order.lines.filter(released_at=None).count() == 0 and order.lines.count() == 2


def test_letting_go_twice_frees_once(order: Order) -> None:
    late = order.expires_at + timedelta(hours=1)
    assert reserving.release_expired(at=late) == 1
    assert reserving.release_expired(at=late) == 0
    assert available() == 30


def test_a_cancelled_order_frees_its_serials_for_the_next_buyer(order: Order, now: datetime) -> None:
    held = set(reserving.held_serials(order))
    reserving.lapse(order=order, to="cancelled", at=now, reason="the buyer's wish", actor="buyer")
    assert held <= set(reserving.held_serials(factories.order(at=now, quantity=5)))


def test_a_paid_order_does_not_lapse(order: Order, now: datetime) -> None:
    Order.objects.update(state="paid", paid_at=now)
    with pytest.raises(states.MovedMeanwhile):
        reserving.lapse(order=order, to="cancelled", at=now, reason="the buyer's wish", actor="buyer")
    assert len(reserving.held_serials(order)) == 2 and available() == 28


def test_lost_reservations_come_back_to_the_same_order(order: Order) -> None:
    late = order.expires_at + timedelta(hours=1)
    before = set(reserving.held_serials(order))
    reserving.release_expired(at=late)
    reserving.reserve_again(order=order, at=late)
    assert set(reserving.held_serials(order)) == before


def test_serials_sold_to_another_meanwhile_are_replaced(order: Order) -> None:
    late = order.expires_at + timedelta(hours=1)
    before = set(reserving.held_serials(order))
    reserving.release_expired(at=late)
    factories.order(at=late, quantity=1)
    reserving.reserve_again(order=order, at=late)
    after = reserving.held_serials(order)
    assert len(after) == 2 and set(after) != before
