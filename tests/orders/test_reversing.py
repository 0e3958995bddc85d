"""A bank takes paid money back: what was not used is revoked, what was used is listed, nothing is credited again."""

from datetime import datetime

import pytest

from meterai import taking
from meterai.models import Stamp
from orders import paying, refunding, reserving
from orders.models import Discrepancy, Notice, Order, Payment, Refund
from orders.payments.gateway import Status
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(order: Order, now: datetime) -> Payment:
    """Siti paid for two stamps."""
    paid = factories.asked_for(order, at=now)
    tell(paid, Status.PAID, at=now)
    return paid


def tell(payment: Payment, status: Status, *, at: datetime, **changes: object) -> None:
    paying.settle(payment=payment, standing=factories.standing(payment, status, at=at, **changes), at=at)
    payment.refresh_from_db()


def test_unused_stamps_are_revoked_and_the_order_says_so(order: Order, payment: Payment, now: datetime) -> None:
    tell(payment, Status.REVERSED, at=now, amount=20_000)
    order.refresh_from_db()
    assert (order.state, payment.state) == ("reversed", "reversed")
    assert set(Stamp.objects.values_list("state", "void_reason")) == {("void", "payment reversed")}
    assert not Discrepancy.objects.exists()
    assert Notice.objects.filter(template="reversed").count() == 1


def test_a_used_stamp_stays_and_is_listed_for_a_person(order: Order, payment: Payment, now: datetime) -> None:
    used = reserving.held_serials(order)[0]
    taking.affix(serial=used, at=now, reference="document")
    tell(payment, Status.REVERSED, at=now, amount=20_000)
    listed = Discrepancy.objects.get()
    assert (listed.kind, listed.expected, listed.found, listed.note) == ("reversed", 10_000, 0, "1/2")
    assert sorted(Stamp.objects.values_list("state", flat=True)) == ["affixed", "void"]


def test_told_again_and_again_it_is_reversed_once(order: Order, payment: Payment, now: datetime) -> None:
    for _ in range(3):
        tell(payment, Status.REVERSED, at=now, amount=20_000)
    assert Notice.objects.filter(template="reversed").count() == 1


def test_money_that_comes_again_after_a_reversal_is_listed_and_credits_nothing(
    order: Order, payment: Payment, now: datetime
) -> None:
    for status in (Status.REVERSED, Status.PAID, Status.PAID):
        tell(payment, status, at=now, amount=20_000)
    assert payment.state == "reversed" and not Stamp.objects.filter(state="sold").exists()
    assert Discrepancy.objects.get().subject.endswith("came again")


def test_a_refund_that_was_not_sent_is_stopped(order: Order, now: datetime) -> None:
    payment = factories.asked_for(order, at=now)
    late = payment.expires_at.replace(year=2099)
    reserving.release_expired(at=late)
    factories.order(at=late, quantity=30)
    tell(payment, Status.PAID, at=late)
    assert Refund.objects.get().state == "requested"
    tell(payment, Status.REVERSED, at=late, amount=20_000)
    assert Refund.objects.get().state == "cancelled"
    assert refunding.send_refunds(at=late) == 0
    order.refresh_from_db()
    assert order.state == "expired" and not Discrepancy.objects.exists()


def test_a_refund_that_was_sent_before_the_reversal_is_listed(order: Order, payment: Payment, now: datetime) -> None:
    tell(payment, Status.PAID, at=now, amount=25_000)
    refunding.done(refund=Refund.objects.get(), at=now, actor="worker")
    tell(payment, Status.REVERSED, at=now, amount=25_000)
    listed = Discrepancy.objects.get()
    assert (listed.kind, listed.found) == ("reversed", 5_000)


def test_money_sent_back_at_the_gateway_by_another_hand_takes_the_stamps_too(
    order: Order, payment: Payment, now: datetime
) -> None:
    tell(payment, Status.REFUNDED, at=now, amount=20_000, refunded=20_000)
    order.refresh_from_db()
    assert (order.state, payment.state) == ("reversed", "reversed")
    assert set(Stamp.objects.values_list("state", flat=True)) == {"void"}
