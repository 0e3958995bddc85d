"""Money meets another step in the same moment: first the harm with the guards taken away, then none with them.

Nothing here hopes for a moment: one step is stopped in its middle, and goes on when the other has ended or stands still
before a lock.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet

from meterai import states
from meterai.models import Stamp
from orders import allowing, hearing, ordering, paying, reserving
from orders.models import Notice, Notification, Order, Payment, Receipt
from orders.payments.gateway import Method, Offer, Status
from orders.payments.sandbox.client import SandboxGateway
from tests import factories
from tests.contracts.conftest import Server
from tests.running_site import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


class Other(threading.Thread):
    """A step on a connection of its own, begun in the middle of the test's own step."""

    def __init__(self, do: Callable[[], object]) -> None:
        super().__init__()
        self._do, self._backend = do, 0
        self.outcome: object = "not begun"

    def run(self) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                self._backend = cursor.fetchone()[0]
            self.outcome = self._do()
        except Exception as error:  # whatever it is, the test compares it
            self.outcome = type(error).__name__
        finally:
            connection.close()

    def begin(self) -> None:
        """Return when it has ended, or waits for a lock that we hold."""
        self.start()
        wait_until(lambda: not self.is_alive() or self._waits(), every=0.002)

    def end(self) -> object:
        """Its outcome: what it returned, or the name of what it raised."""
        self.join(30)
        assert not self.is_alive()
        return self.outcome

    def _waits(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %s", [self._backend])
            return bool(cursor.fetchone()[0])


@pytest.fixture
def in_the_middle(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Other]:
    """in_the_middle(module, "name", do): run `do` elsewhere when this thread first calls module.name."""

    def plan(module: Any, name: str, do: Callable[[], object]) -> Other:
        other, then = Other(do), getattr(module, name)

        def interrupted(*values: Any, **named: Any) -> Any:
            if threading.current_thread() is not other and other.ident is None:
                other.begin()
            return then(*values, **named)

        monkeypatch.setattr(module, name, interrupted)
        return other

    return plan


@pytest.fixture
def no_guards(monkeypatch: pytest.MonkeyPatch) -> None:
    """No row is locked before it is read, and a move asks no more whether the row is still where it was."""

    def move(row: Any, *, to: str, at: datetime, reason: str = "", actor: str = "", **changes: Any) -> None:
        type(row).objects.filter(pk=row.pk).update(state=to, **changes)
        for name, value in {"state": to, **changes}.items():
            setattr(row, name, value)

    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **how: rows)
    monkeypatch.setattr(states, "move", move)


@pytest.fixture
def payment(order: Order, now: datetime) -> Payment:
    """The gateway waits for Siti's money."""
    return factories.asked_for(order, at=now)


def settle(payment: Payment, *, at: datetime, status: Status = Status.PAID) -> str:
    paying.settle(payment=payment, standing=factories.standing(payment, status, at=at), at=at)
    return "settled"


def cancel(order: Order, *, at: datetime) -> str:
    reserving.lapse(order=Order.objects.get(pk=order.pk), to="cancelled", at=at, reason="wish", actor="buyer")
    return "cancelled"


def over(order: Order) -> datetime:
    """When the sweeper takes the order."""
    return order.expires_at + reserving.GRACE + timedelta(seconds=1)


def outcome(order: Order) -> tuple[str, int]:
    """The order's state, and how many stamps were sold, to whomever."""
    order.refresh_from_db()
    return order.state, Stamp.objects.filter(state="sold").count()


# --- a late notification, and the sweeper that lets the order go


def test_unguarded_a_sweeper_takes_the_stamps_of_an_order_that_is_being_paid(
    no_guards: None, in_the_middle: Callable[..., Other], order: Order, payment: Payment
) -> None:
    sweeper = in_the_middle(paying, "replace_recalled", lambda: reserving.release_expired(at=over(order)))
    settle(payment, at=over(order))
    assert sweeper.end() == 1 and outcome(order) == ("paid", 0)  # paid, and nothing in hand


def test_a_sweeper_leaves_an_order_that_is_being_paid(
    in_the_middle: Callable[..., Other], order: Order, payment: Payment
) -> None:
    sweeper = in_the_middle(paying, "replace_recalled", lambda: reserving.release_expired(at=over(order)))
    settle(payment, at=over(order))
    assert sweeper.end() == 0 and outcome(order) == ("paid", 2)


def test_unguarded_money_and_a_sweeper_tie_a_knot(
    no_guards: None, in_the_middle: Callable[..., Other], order: Order, payment: Payment
) -> None:
    """The money holds the stamps and wants the order; the sweeper holds the order and wants the stamps."""
    money = in_the_middle(allowing, "give_back", lambda: settle(payment, at=over(order)))
    sweeper = "swept"
    try:
        reserving.release_expired(at=over(order))
    except Exception as error:
        sweeper = type(error).__name__
    assert sorted([str(money.end()), sweeper]) in (["OperationalError", "settled"], ["OperationalError", "swept"])


def test_money_waits_for_a_sweeper_and_is_credited_as_late(
    in_the_middle: Callable[..., Other], order: Order, payment: Payment
) -> None:
    money = in_the_middle(allowing, "give_back", lambda: settle(payment, at=over(order)))
    assert reserving.release_expired(at=over(order)) == 1
    assert money.end() == "settled" and outcome(order) == ("paid", 2)


# --- two notifications for one payment


@pytest.fixture
def no_last_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the receipt, of which the database allows one an order."""
    monkeypatch.setattr(Receipt.objects, "create", lambda **values: None)


def test_unguarded_two_notifications_credit_twice(
    no_guards: None,
    no_last_wall: None,
    in_the_middle: Callable[..., Other],
    order: Order,
    payment: Payment,
    now: datetime,
) -> None:
    second = in_the_middle(paying, "_count", lambda: settle(payment, at=now))
    settle(payment, at=now)
    assert second.end() == "settled" and outcome(order) == ("paid", 4)  # twice the stamps for one payment


def test_unguarded_the_database_still_refuses_a_second_receipt_and_all_that_came_with_it(
    no_guards: None, in_the_middle: Callable[..., Other], order: Order, payment: Payment, now: datetime
) -> None:
    second = in_the_middle(paying, "_count", lambda: settle(payment, at=now))
    with pytest.raises(Exception, match="receipt_one_an_order"):
        settle(payment, at=now)
    assert second.end() == "settled" and outcome(order) == ("paid", 2)


def test_two_notifications_credit_once(
    in_the_middle: Callable[..., Other], order: Order, payment: Payment, now: datetime
) -> None:
    second = in_the_middle(paying, "_count", lambda: settle(payment, at=now))
    settle(payment, at=now)
    assert second.end() == "settled" and outcome(order) == ("paid", 2)
    assert Receipt.objects.count() == Notice.objects.filter(template="paid").count() == 1


# --- "saya sudah bayar" on the order's page, and the notification, over HTTP with the sandbox gateway


@pytest.fixture
def told(gateway: Server, order: Order, now: datetime) -> Order:
    """The order is paid at the gateway, whose notification is stored and not yet worked through."""
    payment = order.payments.get()
    paying.start(payment=payment, at=now)
    assert gateway.act(payment.gateway_reference, "pay").status_code == 200
    row = {"gateway": "sandbox", "event": "msg_1", "gateway_reference": payment.gateway_reference, "body": "{}"}
    Notification.objects.create(**row, received_at=now, next_try_at=now)
    return order


def test_unguarded_the_page_and_the_notification_credit_twice(
    no_guards: None, no_last_wall: None, in_the_middle: Callable[..., Other], told: Order, now: datetime
) -> None:
    notification = in_the_middle(paying, "_count", lambda: hearing.process(at=now))
    paying.check_order(order=told, at=now)
    assert notification.end() == 1 and outcome(told) == ("paid", 4)


def test_the_page_and_the_notification_credit_once(
    in_the_middle: Callable[..., Other], told: Order, now: datetime
) -> None:
    notification = in_the_middle(paying, "_count", lambda: hearing.process(at=now))
    paying.check_order(order=told, at=now)
    assert notification.end() == 1 and outcome(told) == ("paid", 2)
    assert Receipt.objects.count() == 1


# --- another way to pay, and the money of the first way, late


@pytest.fixture
def failed(payment: Payment, now: datetime) -> Payment:
    """The gateway gave the first payment up."""
    settle(payment, at=now, status=Status.FAILED)
    return payment


def pay_again(order: Order, *, at: datetime) -> str:
    ordering.pay_again(order=order, gateway="sandbox", method="va", at=at)
    return "asked again"


def open_payments(order: Order) -> int:
    return order.payments.filter(state__in=Payment.OPEN).count()


def test_unguarded_somebody_who_has_paid_is_asked_for_money_again(
    no_guards: None, in_the_middle: Callable[..., Other], order: Order, failed: Payment, now: datetime
) -> None:
    again = in_the_middle(paying, "replace_recalled", lambda: pay_again(order, at=now))
    settle(failed, at=now)
    assert again.end() == "asked again" and outcome(order) == ("paid", 2) and open_payments(order) == 1


def test_somebody_whose_money_comes_in_this_moment_is_not_asked_again(
    in_the_middle: Callable[..., Other], order: Order, failed: Payment, now: datetime
) -> None:
    again = in_the_middle(paying, "replace_recalled", lambda: pay_again(order, at=now))
    settle(failed, at=now)
    assert again.end() == "NotPayable" and outcome(order) == ("paid", 2) and open_payments(order) == 0


def test_money_that_comes_just_after_another_way_was_chosen_pays_and_the_other_way_is_given_up(
    gateway: Server,
    in_the_middle: Callable[..., Other],
    order: Order,
    failed: Payment,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dearer = Offer(method=Method.VIRTUAL_ACCOUNT, label="VA", fee=4_000, usual_seconds=60)
    monkeypatch.setattr(SandboxGateway, "methods", lambda gateway: (dearer,))
    money = in_the_middle(ordering, "begin_payment", lambda: settle(failed, at=now))
    pay_again(order, at=now)
    assert money.end() == "settled" and outcome(order) == ("paid", 2)
    assert (order.total, order.payment_fee) == (20_000, 0)  # what was paid, and not what was asked for last
    paying.start_due(at=now)
    assert open_payments(order) == 0


# --- the buyer cancels, and the money comes


def test_unguarded_a_cancelled_order_is_paid_and_has_nothing(
    no_guards: None, in_the_middle: Callable[..., Other], order: Order, payment: Payment, now: datetime
) -> None:
    buyer = in_the_middle(paying, "replace_recalled", lambda: cancel(order, at=now))
    settle(payment, at=now)
    assert buyer.end() == "cancelled" and outcome(order) == ("paid", 0)


def test_an_order_that_is_being_paid_cannot_be_cancelled(
    in_the_middle: Callable[..., Other], order: Order, payment: Payment, now: datetime
) -> None:
    buyer = in_the_middle(paying, "replace_recalled", lambda: cancel(order, at=now))
    settle(payment, at=now)
    assert buyer.end() == "MovedMeanwhile" and outcome(order) == ("paid", 2)


def test_money_for_an_order_that_is_being_cancelled_waits_and_buys_its_stamps(
    in_the_middle: Callable[..., Other], order: Order, payment: Payment, now: datetime
) -> None:
    money = in_the_middle(allowing, "give_back", lambda: settle(payment, at=now))
    assert cancel(order, at=now) == "cancelled"
    assert money.end() == "settled" and outcome(order) == ("paid", 2)
