"""Unused stamps go back one by one, in full, once; and money goes back by the way it can."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction

from meterai.models import Flip, Stamp
from orders import noticing, paying, refunding, reserving, returning
from orders.models import Discrepancy, Notice, Order, Payment, Refund, RefundedStamp
from orders.payments.gateway import RefundStatus, Status
from stamping import placing
from stamping.models import Document
from tests import factories
from tests.contracts.conftest import Server

pytestmark = pytest.mark.django_db
TRANSFER = {"transfer": {"bank": "BCA", "number": "1234567890", "holder": "PT Contoh"}}


def paid_order(*, at: datetime, quantity: int = 2, **wish: Any) -> Order:
    """An order of Siti's whose money came."""
    order = factories.order(at=at, quantity=quantity, **wish)
    payment = factories.asked_for(order, at=at)
    paying.settle(payment=payment, standing=factories.standing(payment, at=at), at=at)
    order.refresh_from_db()
    return order


def give_back(order: Order, *serials: str, at: datetime, key: str = "", **more: Any) -> Refund:
    return returning.return_stamps(
        order=order, serials=serials, idempotency_key=key or f"form:{uuid.uuid4()}", at=at, **more
    )


def document(order: Order, serial: str | None, *, at: datetime, state: str = "queued") -> Document:
    """A document of this order, as it stands in the table."""
    return Document.objects.create(
        id=uuid.uuid4(),
        state=state,
        order=order,
        stamp_id=serial,
        name="surat.pdf",
        source="x",
        source_sha256="0" * 64,
        page=1,
        x=10,
        y=10,
        size=86,
        created_at=at,
        confirmed_at=at,
        queued_at=at if serial else None,
        claimed_until=at if serial else None,
        **({"output": "o", "output_sha256": "1" * 64, "sealed_at": at} if state == "sealed" else {}),
    )


def states_of(order: Order) -> dict[str, str]:
    return dict(Stamp.objects.filter(pk__in=reserving.held_serials(order)).values_list("pk", "state"))


@pytest.fixture
def paid(stock: object, now: datetime) -> Order:
    """Siti's order of two stamps, paid by QRIS at the sandbox."""
    return paid_order(at=now)


@pytest.fixture
def by_transfer(stock: object, now: datetime, settings: Any) -> Order:
    """Siti's order of two stamps, paid by a transfer that no gateway can send back."""
    settings.GATEWAY_SETTINGS = TRANSFER
    return paid_order(at=now, gateway="transfer", method="transfer")


def test_one_unused_stamp_comes_back_in_full(paid: Order, now: datetime, settings: Any) -> None:
    first, second = sorted(states_of(paid))
    refund = give_back(paid, first, at=now)
    assert states_of(paid) == {first: "refunded", second: "sold"}
    assert (refund.amount, refund.reason, refund.way, refund.state) == (10_000, "wish", "gateway", "requested")
    assert list(refund.stamps.values_list("serial_id", flat=True)) == [first]
    paid.refresh_from_db()
    payment = paid.payments.get()
    assert (paid.state, payment.state, payment.refunded) == ("paid", "paid", 10_000)
    assert Flip.objects.filter(noun="orders.refund", row=str(refund.pk), new="requested", actor="buyer").exists()


def test_the_service_fee_comes_back_with_each_stamp_and_the_payment_fee_with_the_last(
    stock: object, now: datetime, settings: Any
) -> None:
    settings.SERVICE_FEE = 2_500
    order = factories.order(at=now)
    payment = order.payments.get()
    Order.objects.filter(pk=order.pk).update(payment_fee=4_000, total=29_000)
    Payment.objects.filter(pk=payment.pk).update(amount=29_000)
    payment = factories.asked_for(order, at=now)
    paying.settle(payment=payment, standing=factories.standing(payment, at=now), at=now)
    first, second = sorted(states_of(order))
    assert give_back(order, first, at=now).amount == 12_500
    last = returning.quote(order=Order.objects.get(pk=order.pk), serials=[second])
    assert (last.duty, last.service_fee, last.payment_fee, last.amount) == (10_000, 2_500, 4_000, 16_500)
    assert give_back(order, second, at=now).amount == 16_500
    payment.refresh_from_db()
    order.refresh_from_db()
    assert (order.state, payment.refunded) == ("refunded", 29_000)
    assert Flip.objects.filter(noun="orders.order", row=str(order.pk), new="refunded").count() == 1


def test_the_same_form_sent_twice_is_one_refund(paid: Order, now: datetime) -> None:
    first, second = sorted(states_of(paid))
    made = give_back(paid, first, at=now, key="form:one")
    assert give_back(paid, first, at=now, key="form:one").pk == made.pk
    with pytest.raises(returning.KeyReused):
        give_back(paid, second, at=now, key="form:one")
    with pytest.raises(returning.KeyReused):
        give_back(paid_order(at=now), first, at=now, key="form:one")
    assert Refund.objects.count() == 1 and Notice.objects.filter(template="refund").count() == 1


def test_the_same_form_of_a_whole_order_sent_again_is_still_one_refund(paid: Order, now: datetime) -> None:
    made = give_back(paid, *states_of(paid), at=now, key="form:one")
    assert give_back(paid, *states_of(paid), at=now, key="form:one").pk == made.pk
    paid.refresh_from_db()
    assert paid.state == "refunded"


def test_a_stamp_comes_back_once_whoever_asks(paid: Order, now: datetime) -> None:
    first, second = sorted(states_of(paid))
    give_back(paid, first, at=now)
    with pytest.raises(returning.InUse) as taken:
        give_back(paid, first, second, at=now)
    assert taken.value.serial == first
    assert states_of(paid)[second] == "sold" and paid.payments.get().refunded == 10_000


@pytest.mark.parametrize("named", [[], ["TEST000000000000000000"], "another order's"])
def test_only_stamps_of_the_order_come_back(named: Any, paid: Order, now: datetime) -> None:
    serials = list(states_of(paid_order(at=now))) if named == "another order's" else named
    with pytest.raises(returning.WrongStamps):
        give_back(paid, *serials, at=now)
    assert not Refund.objects.exists()


def test_an_order_that_is_not_paid_gives_nothing_back(order: Order, now: datetime) -> None:
    with pytest.raises(returning.NotReturnable):
        give_back(order, *reserving.held_serials(order), at=now)


def test_the_buyer_may_until_the_days_are_over_and_staff_after_that_with_a_reason(
    paid: Order, now: datetime, settings: Any
) -> None:
    first, second = sorted(states_of(paid))
    last = returning.deadline(paid)
    assert last == now + timedelta(days=settings.REFUND_DAYS)
    give_back(paid, first, at=last)
    late = last + timedelta(seconds=1)
    with pytest.raises(returning.TooLate):
        give_back(paid, second, at=late)
    petugas = factories.person("petugas")
    with pytest.raises(ValueError, match="why"):
        give_back(paid, second, at=late, by=petugas)
    refund = give_back(paid, second, at=late, by=petugas, why="jalur telepon mati seminggu")
    flip = Flip.objects.get(noun="orders.refund", row=str(refund.pk))
    assert (flip.actor, flip.reason) == ("petugas", "jalur telepon mati seminggu")


@pytest.mark.parametrize("state", ["queued", "sealed"])
def test_a_stamp_that_a_document_speaks_for_is_never_refunded(state: str, paid: Order, now: datetime) -> None:
    first, second = sorted(states_of(paid))
    document(paid, first, at=now, state=state)
    with pytest.raises(returning.InUse) as taken:
        give_back(paid, first, second, at=now)
    assert taken.value.serial == first
    assert set(states_of(paid).values()) == {"sold"} and not Refund.objects.exists()
    assert give_back(paid, second, at=now).amount == 10_000


@pytest.mark.parametrize("to", ["refunded", "void"])
def test_the_database_itself_keeps_a_stamp_that_is_spoken_for(to: str, paid: Order, now: datetime) -> None:
    first = min(states_of(paid))
    document(paid, first, at=now)
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        Stamp.objects.filter(pk=first).update(state=to, void_reason="x" if to == "void" else "")
    assert refunding.constraint_of(refusal.value) == "stamp_spoken_for_stays"
    Document.objects.update(state="failed", failure="engine")
    assert Stamp.objects.filter(pk=first).update(state=to, void_reason="x" if to == "void" else "") == 1


def test_the_database_itself_binds_no_document_to_a_stamp_that_went_back(paid: Order, now: datetime) -> None:
    first = min(states_of(paid))
    give_back(paid, first, at=now)
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        document(paid, first, at=now)
    assert refunding.constraint_of(refusal.value) == "document_bound_to_sold"


def test_a_stamp_whose_document_failed_comes_back(paid: Order, now: datetime) -> None:
    first = min(states_of(paid))
    bound = document(paid, first, at=now)
    Document.objects.filter(pk=bound.pk).update(state="failed", failure="engine")
    assert give_back(paid, first, at=now).amount == 10_000


def test_a_document_takes_another_stamp_than_the_one_that_went_back(paid: Order, now: datetime) -> None:
    first, second = sorted(states_of(paid))
    waiting = document(paid, None, at=now, state="placed")
    assert placing.free_places(paid) == 1
    give_back(paid, first, at=now)
    assert placing.free_places(paid) == 0
    assert placing.bind(document=waiting, at=now)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.stamp_id) == ("queued", second)


def test_a_document_for_which_no_stamp_is_left_leaves_the_queue_and_its_person_is_told(
    paid: Order, now: datetime
) -> None:
    waiting = document(paid, None, at=now, state="placed")
    give_back(paid, *states_of(paid), at=now)
    other = paid_order(at=now, quantity=1)
    behind = document(other, None, at=now + timedelta(seconds=1), state="placed")
    assert placing.bind_due(at=now, limit=1) == 0
    waiting.refresh_from_db()
    assert (waiting.state, waiting.order, waiting.confirmed_at, waiting.page) == ("placed", None, None, 1)
    assert placing.bind_due(at=now, limit=1) == 1
    behind.refresh_from_db()
    assert behind.state == "queued"
    mail.outbox.clear()
    Notice.objects.exclude(template="refund_no_stamp").delete()
    assert noticing.send_due(at=now) == 1
    assert "surat.pdf" in mail.outbox[0].body and waiting.get_absolute_url() in mail.outbox[0].body


def test_a_document_of_an_order_that_is_not_paid_waits_on(order: Order, now: datetime) -> None:
    waiting = document(order, None, at=now, state="placed")
    assert not placing.bind(document=waiting, at=now)
    waiting.refresh_from_db()
    assert waiting.order == order and waiting.confirmed_at == now


def test_where_no_gateway_sends_it_back_the_buyer_is_asked_for_an_account(by_transfer: Order, now: datetime) -> None:
    refund = give_back(by_transfer, min(states_of(by_transfer)), at=now)
    assert (refund.state, refund.way, refund.next_try_at) == ("account", "transfer", None)
    Notice.objects.exclude(template="refund").delete()
    assert noticing.send_due(at=now) == 1
    body = mail.outbox[-1].body
    assert "nomor rekening" in body and f"/pesanan/{by_transfer.code}/{by_transfer.key}/pengembalian/" in body
    assert refunding.send_refunds(at=now + timedelta(days=1)) == 0


def test_a_gateway_that_is_gone_from_the_settings_sends_nothing_back(paid: Order, now: datetime, settings: Any) -> None:
    settings.GATEWAY_SETTINGS = {}
    assert give_back(paid, min(states_of(paid)), at=now).state == "account"


def at_the_gateway(order: Order, gateway: Server, now: datetime) -> None:
    """The order is paid at the running gateway."""
    payment = order.payments.get()
    paying.start(payment=payment, at=now)
    payment.refresh_from_db()
    gateway.act(payment.gateway_reference, "pay")
    paying.check(payment=payment, at=now)
    order.refresh_from_db()
    assert order.state == "paid"


def test_each_stamp_given_back_is_its_own_refund_at_the_gateway(gateway: Server, order: Order, now: datetime) -> None:
    at_the_gateway(order, gateway, now)
    for serial in sorted(states_of(order)):
        give_back(order, serial, at=now)
    later = now + timedelta(minutes=1)
    assert refunding.send_refunds(at=later) == 2
    payment = order.payments.get()
    assert payment.state == "refunded" and payment.refunded == payment.received == 20_000
    assert set(Refund.objects.values_list("state", flat=True)) == {"done"}
    assert Notice.objects.filter(template="refund_done").count() == 2
    paying.check(payment=payment, at=later)
    assert Order.objects.get(pk=order.pk).state == "refunded" and not Discrepancy.objects.exists()


def test_an_unknown_outcome_is_sent_and_tried_again_with_the_same_key(
    gateway: Server, order: Order, now: datetime, settings: Any
) -> None:
    at_the_gateway(order, gateway, now)
    refund = give_back(order, min(states_of(order)), at=now)
    right = settings.GATEWAY_SETTINGS
    settings.GATEWAY_SETTINGS = {"sandbox": right["sandbox"] | {"url": "http://127.0.0.1:9"}}
    assert refunding.send_refunds(at=now) == 0
    refund.refresh_from_db()
    assert (refund.state, refund.sent_at) == ("sent", None)
    settings.GATEWAY_SETTINGS = right
    assert refunding.send_refunds(at=now + timedelta(hours=1)) == 1
    refund.refresh_from_db()
    assert (refund.state, refund.attempts) == ("done", 2)


def test_a_reversal_does_not_call_a_refund_unsent_that_is_under_way(paid: Order, now: datetime, settings: Any) -> None:
    refund = give_back(paid, min(states_of(paid)), at=now)
    settings.GATEWAY_SETTINGS = {"sandbox": settings.GATEWAY_SETTINGS["sandbox"] | {"url": "http://127.0.0.1:9"}}
    refunding.send_refunds(at=now)
    payment = paid.payments.get()
    paying.settle(payment=payment, standing=factories.standing(payment, Status.REVERSED, at=now), at=now)
    refund.refresh_from_db()
    assert refund.state == "sent"
    assert Discrepancy.objects.filter(subject=f"refund {refund.pk}").exists()


def test_a_gateway_that_refuses_leads_to_a_bank_account(gateway: Server, paid: Order, now: datetime) -> None:
    refund = give_back(paid, min(states_of(paid)), at=now)  # the running gateway knows no such payment
    assert refunding.send_refunds(at=now) == 0
    refund.refresh_from_db()
    assert (refund.state, refund.way) == ("account", "transfer")
    assert Discrepancy.objects.get().kind == "refund" and Notice.objects.filter(template="refund_account").count() == 1


class Slow:
    """A gateway that takes a refund and sends the money later, as real ones do."""

    def __init__(self) -> None:
        self.answers = [RefundStatus.PENDING, RefundStatus.PENDING, RefundStatus.DONE]
        self.keys: list[str] = []

    def refund(self, gateway_reference: str, refund_key: str, amount: int, reason: str) -> RefundStatus:
        self.keys.append(refund_key)
        return self.answers.pop(0)


def test_a_refund_that_the_gateway_is_still_sending_is_asked_about_until_it_is_done(
    paid: Order, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund = give_back(paid, min(states_of(paid)), at=now)
    slow = Slow()
    monkeypatch.setattr(refunding.gates, "gate", lambda name: slow)
    for hours, expected in ((0, "sent"), (1, "sent"), (2, "done")):
        refunding.send_refunds(at=now + timedelta(hours=hours))
        refund.refresh_from_db()
        assert refund.state == expected and refund.sent_at == now
    assert len(set(slow.keys)) == 1 and len(slow.keys) == 3
    assert Notice.objects.filter(template="refund_sent").count() == 1


def test_held_money_goes_back_when_a_person_says_why(order: Order, now: datetime) -> None:
    payment = factories.asked_for(order, at=now)
    paying.settle(payment=payment, standing=factories.standing(payment, at=now, amount=15_000), at=now)
    payment.refresh_from_db()
    petugas = factories.person("petugas")
    refund = refunding.give_back_held(payment=payment, why="pembeli tidak menambah", by=petugas, at=now)
    assert (refund.reason, refund.amount) == ("amount", 15_000)
    listed = Discrepancy.objects.get()
    assert (listed.state, listed.closed_by, listed.resolution) == ("closed", petugas, "pembeli tidak menambah")
    with pytest.raises(refunding.NotHeld):
        refunding.give_back_held(payment=payment, why="sekali lagi", by=petugas, at=now)
    refunding.done(refund=refund, at=now, actor="worker")
    payment.refresh_from_db()
    assert payment.state == "refunded"


def test_a_payment_that_is_not_held_is_not_given_back_by_hand(paid: Order, now: datetime) -> None:
    with pytest.raises(refunding.NotHeld):
        refunding.give_back_held(payment=paid.payments.get(), why="x", by=factories.person("petugas"), at=now)


def test_no_more_goes_back_than_came(paid: Order, now: datetime) -> None:
    payment = paid.payments.get()
    with pytest.raises(refunding.TooMuch):
        refunding.begin(payment=payment, reason=Refund.Reason.OVERPAID, amount=20_001, at=now, actor="x")
    payment.refresh_from_db()
    assert payment.refunded == 0 and not Refund.objects.exists()


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("refund_has_amount", {"amount": 0}),
        ("refund_done_paired", {"state": "done"}),
        ("refund_transfer_has_account", {"way": "transfer"}),
        ("refund_account_means_transfer", {"state": "account"}),
    ],
)
def test_the_database_refuses_an_impossible_refund(
    constraint: str, changes: dict[str, Any], paid: Order, now: datetime
) -> None:
    values = {"payment": paid.payments.get(), "reason": "wish", "amount": 1, "requested_at": now} | changes
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Refund.objects.create(**values)


def test_the_database_refuses_an_arrow_that_is_not_there_and_the_same_reason_twice(paid: Order, now: datetime) -> None:
    refund = give_back(paid, min(states_of(paid)), at=now)
    refunding.done(refund=refund, at=now, actor="worker")
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        Refund.objects.filter(pk=refund.pk).update(state="requested", done_at=None)
    assert refunding.constraint_of(refusal.value) == "orders_refund_arrows"
    twice = [Refund(payment=refund.payment, reason="surplus", amount=1, requested_at=now) for _ in range(2)]
    with pytest.raises(IntegrityError, match="refund_once_a_reason"), transaction.atomic():
        Refund.objects.bulk_create(twice)


def test_the_database_refuses_a_second_price_for_one_stamp(paid: Order, now: datetime) -> None:
    first, second = sorted(states_of(paid))
    give_back(paid, first, at=now)
    other = give_back(paid, second, at=now)
    with pytest.raises(IntegrityError, match="orders_refundedstamp_serial"), transaction.atomic():
        RefundedStamp.objects.create(refund=other, serial_id=first)


LETTERS = ["refund", "refund_account", "refund_account_given", "refund_sent", "refund_done"]


@pytest.mark.parametrize("template", LETTERS)
@pytest.mark.parametrize("language", ["id", "en"])
def test_each_letter_of_a_refund_says_amount_order_and_where_to_follow_it(
    template: str, language: str, stock: object, now: datetime
) -> None:
    order = paid_order(at=now, language=language)
    refund = give_back(order, min(states_of(order)), at=now)
    Notice.objects.all().delete()
    refunding.tell(refund, template=template, at=now)
    refunding.tell(refund, template=template, at=now)
    assert noticing.send_due(at=now) == 1
    letter = mail.outbox[-1]
    amount = "Rp10.000" if language == "id" else "Rp10,000"
    assert amount in letter.body and order.code in letter.subject and "\n" not in letter.subject
    assert f"/pesanan/{order.code}/{order.key}/pengembalian/" in letter.body
    assert "<" not in letter.body and "&" not in letter.body


@pytest.mark.parametrize("reason", ["surplus", "overpaid", "sold_out", "recalled", "amount", "wish"])
def test_every_reason_has_a_letter_of_its_own(reason: str, paid: Order, now: datetime) -> None:
    refund = give_back(paid, min(states_of(paid)), at=now)
    Refund.objects.filter(pk=refund.pk).update(reason=reason)
    refund.refresh_from_db()
    Notice.objects.all().delete()
    refunding.tell(refund, template="refund", at=now)
    assert noticing.send_due(at=now) == 1
    words = {"surplus": "kedua", "overpaid": "kelebihannya", "sold_out": "stok sudah habis", "recalled": "penerbit"}
    words |= {"amount": "tidak sama", "wish": "Seperti Anda minta"}
    assert words[reason] in mail.outbox[-1].body
