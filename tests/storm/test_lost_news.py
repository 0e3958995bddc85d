"""What the storm found, one by one: money that moves at the gateway while no notification arrives."""

from datetime import datetime, timedelta

import pytest

from meterai.models import Stamp
from orders import paying
from orders.models import Order, Payment, Refund
from tests.contracts.conftest import Server

pytestmark = pytest.mark.django_db
SOON = timedelta(minutes=5)
"""Within that time everything must be settled."""


@pytest.fixture
def payment(gateway: Server, order: Order, now: datetime) -> Payment:
    """The gateway waits for Siti's money, and all its notifications are lost: none is sent here."""
    payment = order.payments.get()
    paying.start(payment=payment, at=now)
    return payment


def ask_when_due(payment: Payment, *, until: datetime) -> None:
    """What the worker does from now until then, at each time at which the payment comes due."""
    payment.refresh_from_db()
    while payment.next_ask_at and payment.next_ask_at <= until:
        assert paying.check_due(at=payment.next_ask_at) == 1
        payment.refresh_from_db()


def test_money_that_came_and_went_before_we_looked_leaves_no_open_payment(
    gateway: Server, order: Order, payment: Payment, now: datetime
) -> None:
    for action in ("pay", "reverse"):
        gateway.act(payment.gateway_reference, action)
    ask_when_due(payment, until=now + SOON)
    order.refresh_from_db()
    assert (payment.state, payment.received, order.state) == ("reversed", order.total, "pending")
    assert not Stamp.objects.filter(state="sold").exists()


def test_a_second_payment_that_nobody_told_us_of_goes_back(
    gateway: Server, order: Order, payment: Payment, now: datetime
) -> None:
    gateway.act(payment.gateway_reference, "pay")
    paying.check(payment=payment, at=now)
    gateway.act(payment.gateway_reference, "pay_twice")
    ask_when_due(payment, until=now + SOON)
    assert payment.received == 2 * order.total
    assert (Refund.objects.get().reason, Refund.objects.get().amount) == ("overpaid", order.total)


def test_a_reversal_that_nobody_told_us_of_takes_the_stamps_back(
    gateway: Server, order: Order, payment: Payment, now: datetime
) -> None:
    gateway.act(payment.gateway_reference, "pay")
    paying.check(payment=payment, at=now)
    gateway.act(payment.gateway_reference, "reverse")
    ask_when_due(payment, until=now + SOON)
    order.refresh_from_db()
    assert (payment.state, order.state) == ("reversed", "reversed")
    assert not Stamp.objects.filter(state="sold").exists()


def test_the_rest_of_too_little_money_that_nobody_told_us_of_pays_the_order(
    gateway: Server, order: Order, payment: Payment, now: datetime
) -> None:
    gateway.act(payment.gateway_reference, "pay_wrong_amount", amount=order.total - 500)
    paying.check(payment=payment, at=now)
    payment.refresh_from_db()
    assert payment.state == "held"
    gateway.act(payment.gateway_reference, "pay_twice")
    ask_when_due(payment, until=now + SOON)
    order.refresh_from_db()
    assert (payment.state, order.state) == ("paid", "paid")


def test_asking_about_what_is_paid_ends_after_some_days(gateway: Server, payment: Payment, now: datetime) -> None:
    gateway.act(payment.gateway_reference, "pay")
    paying.check(payment=payment, at=now)
    asked = 0
    payment.refresh_from_db()
    while payment.next_ask_at:
        asked += paying.check_due(at=payment.next_ask_at)
        payment.refresh_from_db()
    assert 0 < asked <= 10
