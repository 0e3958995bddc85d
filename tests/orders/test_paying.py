"""Money moves by the gateway's own state, whatever it says, how often and in which order."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from meterai import recalling, states
from meterai.models import Stamp
from orders import gates, noticing, ordering, paying, refunding, reserving
from orders.models import Discrepancy, Notice, Order, Payment, Refund
from orders.payments.gateway import PaymentError, Status
from tests import factories
from tests.contracts.conftest import Server

pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(order: Order, now: datetime) -> Payment:
    """The gateway waits for Siti's money."""
    return factories.asked_for(order, at=now)


def tell(payment: Payment, status: Status, *, at: datetime, **changes: Any) -> None:
    paying.settle(payment=payment, standing=factories.standing(payment, status, at=at, **changes), at=at)
    payment.refresh_from_db()


def lapse(payment: Payment) -> datetime:
    late = payment.expires_at + timedelta(hours=1)
    assert reserving.release_expired(at=late) == 1
    return late


def stamps(order: Order) -> set[str]:
    return set(reserving.held_serials(order))


def test_money_in_time_sells_the_serials_that_were_held(order: Order, payment: Payment, now: datetime) -> None:
    held = stamps(order)
    tell(payment, Status.PAID, at=now)
    order.refresh_from_db()
    assert (order.state, payment.state) == ("paid", "paid")
    assert set(Stamp.objects.filter(state="sold").values_list("pk", flat=True)) == held
    assert Notice.objects.filter(template="paid").count() == 1


def recall_all(order: Order, now: datetime) -> None:
    batch = order.lines.all()[0].serial.batch
    recalling.recall(batch=batch, reason="misprint", by=factories.person("penyelia"), at=now)


def test_who_waited_while_the_serials_were_recalled_gets_others(order: Order, payment: Payment, now: datetime) -> None:
    before = stamps(order)
    factories.stock(2, at=now)
    recall_all(order, now)
    tell(payment, Status.PAID, at=now)
    order.refresh_from_db()
    assert order.state == "paid" and len(stamps(order)) == 2 and not stamps(order) & before
    assert set(Stamp.objects.filter(state="sold").values_list("pk", flat=True)) == stamps(order)


def test_money_for_recalled_serials_goes_back_when_there_are_no_others(
    order: Order, payment: Payment, now: datetime
) -> None:
    recall_all(order, now)
    factories.stock(1, at=now)
    tell(payment, Status.PAID, at=now)
    order.refresh_from_db()
    refund = Refund.objects.get()
    assert (order.state, refund.reason, refund.amount) == ("cancelled", "recalled", order.total)
    assert stamps(order) == set() and not Stamp.objects.filter(state="sold").exists()
    assert set(Stamp.objects.values_list("state", flat=True)) == {"void"}


@pytest.mark.parametrize(
    "told",
    [
        [Status.PAID, Status.PAID],
        [Status.PENDING, Status.PAID, Status.PENDING],
        [Status.PAID, Status.EXPIRED],
        [Status.EXPIRED, Status.PAID],
        [Status.FAILED, Status.PAID, Status.FAILED],
        [Status.PAID, Status.PENDING, Status.FAILED, Status.PAID],
    ],
)
def test_whatever_the_order_of_telling_money_is_credited_once(
    told: list[Status], order: Order, payment: Payment, now: datetime
) -> None:
    for second, status in enumerate(told):
        tell(payment, status, at=now + timedelta(seconds=second))
    order.refresh_from_db()
    assert (order.state, payment.state) == ("paid", "paid")
    assert Stamp.objects.filter(state="sold").count() == 2
    assert not Refund.objects.exists() and Notice.objects.filter(template="paid").count() == 1


def test_a_late_payment_is_credited_once_with_the_same_serials(order: Order, payment: Payment) -> None:
    held, late = stamps(order), lapse(payment)
    for _ in range(2):
        tell(payment, Status.PAID, at=late)
    order.refresh_from_db()
    assert order.state == "paid" and stamps(order) == held
    assert set(Stamp.objects.filter(state="sold").values_list("pk", flat=True)) == held


def test_a_late_payment_gets_other_serials_when_its_own_are_sold(order: Order, payment: Payment) -> None:
    held, late = stamps(order), lapse(payment)
    other = factories.order(at=late)
    assert stamps(other) == held
    tell(payment, Status.PAID, at=late)
    assert len(stamps(order)) == 2 and not stamps(order) & held


def test_a_late_payment_without_stock_is_given_back_once(order: Order, payment: Payment) -> None:
    late = lapse(payment)
    factories.order(at=late, quantity=30)
    for _ in range(2):
        tell(payment, Status.PAID, at=late)
    order.refresh_from_db()
    refund = Refund.objects.get()
    assert (order.state, refund.reason, refund.amount) == ("expired", "sold_out", 20_000)
    assert Notice.objects.filter(template="refund").count() == 1


def test_a_payment_for_a_cancelled_order_still_counts(order: Order, payment: Payment, now: datetime) -> None:
    reserving.lapse(order=order, to="cancelled", at=now, reason="the buyer's wish", actor="buyer")
    tell(payment, Status.PAID, at=now)
    order.refresh_from_db()
    assert order.state == "paid"


def test_a_second_payment_is_given_back(order: Order, payment: Payment, now: datetime) -> None:
    tell(payment, Status.FAILED, at=now)
    ordering.pay_again(order=order, gateway="sandbox", method="va", at=now)
    second = factories.asked_for(order, at=now)
    tell(second, Status.PAID, at=now)
    tell(payment, Status.PAID, at=now)
    refund = Refund.objects.get()
    assert (refund.payment, refund.reason) == (payment, "surplus")
    assert Stamp.objects.filter(state="sold").count() == 2


@pytest.mark.parametrize("changes", [{"amount": 19_999}, {"currency": "USD"}])
def test_too_little_or_foreign_money_is_held_for_a_person(
    changes: dict[str, Any], order: Order, payment: Payment, now: datetime
) -> None:
    for _ in range(2):
        tell(payment, Status.PAID, at=now, **changes)
    order.refresh_from_db()
    assert (payment.state, order.state, Stamp.objects.filter(state="sold").count()) == ("held", "pending", 0)


def test_what_is_paid_above_the_price_goes_back_once(order: Order, payment: Payment, now: datetime) -> None:
    for _ in range(2):
        tell(payment, Status.PAID, at=now, amount=20_500)
    order.refresh_from_db()
    refund = Refund.objects.get()
    assert (order.state, refund.reason, refund.amount) == ("paid", "overpaid", 500)
    assert Stamp.objects.filter(state="sold").count() == 2


def test_a_code_that_is_paid_again_after_a_refund_is_given_back_too(
    order: Order, payment: Payment, now: datetime
) -> None:
    late = lapse(payment)
    factories.order(at=late, quantity=30)
    tell(payment, Status.PAID, at=late)
    refunding.done(refund=Refund.objects.get(), at=late, actor="worker")
    for _ in range(2):
        tell(payment, Status.PAID, at=late, amount=40_000, refunded=20_000)
    assert [(one.reason, one.amount) for one in Refund.objects.order_by("pk")] == [
        ("sold_out", 20_000),
        ("overpaid", 20_000),
    ]
    assert (payment.state, payment.received, payment.refunded) == ("refunded", 40_000, 40_000)


def test_each_time_more_comes_than_is_owed_it_goes_back(order: Order, payment: Payment, now: datetime) -> None:
    for amount in (20_000, 40_000, 40_000, 60_000):
        tell(payment, Status.PAID, at=now, amount=amount)
    assert list(Refund.objects.order_by("pk").values_list("amount", flat=True)) == [20_000, 20_000]
    assert Stamp.objects.filter(state="sold").count() == 2


def test_the_rest_of_a_short_payment_pays_the_order_and_ends_the_listing(
    order: Order, payment: Payment, now: datetime
) -> None:
    tell(payment, Status.PAID, at=now, amount=15_000)
    listed = Discrepancy.objects.get()
    assert (listed.kind, listed.expected, listed.found, listed.state) == ("amount", 20_000, 15_000, "open")
    tell(payment, Status.PAID, at=now, amount=20_000)
    order.refresh_from_db()
    listed.refresh_from_db()
    assert (order.state, payment.state, listed.state) == ("paid", "paid", "closed")


def test_a_charge_whose_answer_was_lost_is_found_when_the_order_is_over(
    gateway: Server, order: Order, now: datetime
) -> None:
    payment = order.payments.get()
    reference = gates.gate("sandbox").start(paying._charge(payment)).gateway_reference  # the answer never reached us
    gateway.act(reference, "pay")
    late = lapse(payment)
    assert paying.start_due(at=late) == 1
    order.refresh_from_db()
    assert order.state == "paid" and Stamp.objects.filter(state="sold").count() == 2


def test_nothing_is_asked_for_once_the_order_is_over(gateway: Server, order: Order, now: datetime) -> None:
    payment = order.payments.get()
    late = lapse(payment)
    assert paying.start_due(at=late) == 1
    payment.refresh_from_db()
    assert payment.state == "expired" and gates.gate("sandbox").find(str(payment.pk)) is None


def test_asking_goes_on_for_late_money_and_ends_when_it_is_decided(payment: Payment, now: datetime) -> None:
    tell(payment, Status.PENDING, at=now)
    assert payment.next_ask_at and payment.next_ask_at > now and payment.asked_at == now
    tell(payment, Status.EXPIRED, at=payment.expires_at + timedelta(hours=5))
    assert payment.next_ask_at
    tell(payment, Status.EXPIRED, at=payment.expires_at + timedelta(days=4))
    assert payment.next_ask_at is None


# --- over HTTP, with the sandbox gateway


def start(order: Order, at: datetime) -> Payment:
    payment = order.payments.get(state="started")
    paying.start(payment=payment, at=at)
    return payment


def test_a_started_payment_says_how_to_pay(gateway: Server, order: Order, now: datetime) -> None:
    payment = start(order, now)
    assert payment.state == "pending" and payment.gateway_reference.startswith("SBX")
    assert payment.instructions["qr_string"]


def test_starting_again_after_a_lost_answer_makes_no_second_payment(
    gateway: Server, order: Order, now: datetime
) -> None:
    lost = Payment.objects.get(order=order)
    payment = start(order, now)
    with pytest.raises(states.MovedMeanwhile):
        paying.start(payment=lost, at=now)
    payment.refresh_from_db()
    assert Payment.objects.count() == 1 and payment.state == "pending"


def test_the_poller_finds_money_that_no_notification_told_of(gateway: Server, order: Order, now: datetime) -> None:
    payment = start(order, now)
    gateway.act(payment.gateway_reference, "pay")
    assert paying.check_due(at=now + timedelta(minutes=1)) == 1
    order.refresh_from_db()
    assert order.state == "paid"


@pytest.mark.parametrize(("action", "state"), [("pay_late", "paid"), ("fail", "failed"), ("expire", "expired")])
def test_asking_tells_what_happened(action: str, state: str, gateway: Server, order: Order, now: datetime) -> None:
    payment = start(order, now)
    gateway.act(payment.gateway_reference, action)
    paying.check(payment=payment, at=now)
    payment.refresh_from_db()
    assert payment.state == state


def test_twice_the_money_pays_once_and_the_rest_goes_back(gateway: Server, order: Order, now: datetime) -> None:
    payment = start(order, now)
    gateway.act(payment.gateway_reference, "pay_twice")
    paying.check(payment=payment, at=now)
    assert (Refund.objects.get().reason, Refund.objects.get().amount) == ("overpaid", 20_000)
    assert Stamp.objects.filter(state="sold").count() == 2


def test_a_silent_gateway_moves_nothing(gateway: Server, order: Order, now: datetime, settings: Any) -> None:
    settings.GATEWAY_SETTINGS = {"sandbox": settings.GATEWAY_SETTINGS["sandbox"] | {"url": "http://127.0.0.1:9"}}
    with pytest.raises(PaymentError):
        start(order, now)
    assert order.payments.get().state == "started"
    assert paying.start_due(at=now) == 0
    assert paying.start_due(at=now + timedelta(seconds=5)) == 0  # leased


def test_a_payment_that_the_request_could_not_start_a_worker_starts(
    gateway: Server, order: Order, now: datetime
) -> None:
    assert paying.start_due(at=now) == 1
    assert order.payments.get().state == "pending"


def test_a_refund_reaches_the_gateway_once(gateway: Server, order: Order, now: datetime) -> None:
    payment = start(order, now)
    late = lapse(payment)
    factories.order(at=late, quantity=30)
    gateway.act(payment.gateway_reference, "pay_late")
    paying.check(payment=payment, at=late)
    assert refunding.send_refunds(at=late) == 1
    assert refunding.send_refunds(at=late + timedelta(hours=2)) == 0
    payment.refresh_from_db()
    assert (payment.state, Refund.objects.get().state) == ("refunded", "done")


def test_the_guard_against_network_in_a_transaction_can_fail(gateway: Server, order: Order, now: datetime) -> None:
    with pytest.raises(AssertionError, match="inside a transaction"), transaction.atomic():
        start(order, now)


# --- what the database refuses


IMPOSSIBLE: dict[str, dict[str, Any]] = {
    "payment_has_amount": {"amount": 0},
    "payment_paid_has_time": {"state": "paid", "received": 20_000},
    "payment_paid_in_full": {"state": "paid", "paid_at": "2026-01-01T00:00Z", "received": 19_999},
    "payment_gives_back_what_came": {"refunded": 1},
    "orders_payment_arrows": {"state": "refunded"},
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_the_database_refuses_an_impossible_payment(name: str, payment: Payment) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Payment.objects.update(**IMPOSSIBLE[name])


def another(payment: Payment, **changes: Any) -> None:
    with transaction.atomic():
        payment.pk = uuid.uuid4()
        for name, value in changes.items():
            setattr(payment, name, value)
        Payment.objects.bulk_create([payment])


def test_the_database_refuses_a_second_open_payment(payment: Payment) -> None:
    with pytest.raises(IntegrityError, match="payment_one_open_an_order"):
        another(payment, gateway_reference="SBX-another")


def test_the_database_refuses_two_payments_of_one_reference(payment: Payment) -> None:
    with pytest.raises(IntegrityError, match="payment_known_once_at_gateway"):
        another(payment, state="failed")


def test_the_database_refuses_a_refund_that_is_done_at_no_time(payment: Payment, now: datetime) -> None:
    values = {"payment": payment, "amount": 1, "reason": "surplus", "requested_at": now}
    with pytest.raises(IntegrityError, match="refund_done_paired"), transaction.atomic():
        Refund.objects.create(state="done", **values)
    Refund.objects.create(**values)
    with pytest.raises(IntegrityError, match="refund_once_a_reason"), transaction.atomic():
        Refund.objects.bulk_create([Refund(**values)])


def test_a_notice_of_one_event_is_left_once(order: Order, now: datetime) -> None:
    for _ in range(2):
        noticing.leave(event="one", template="paid", order=order, at=now)
    assert Notice.objects.filter(event="one").count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        Notice.objects.create(event="one", template="paid", address="a@contoh.example", language="id", created_at=now)
