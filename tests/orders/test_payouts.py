"""What no gateway can send back goes to a bank account, by a person's hand."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from meterai.models import Flip
from orders import paying, payouts, refund_showing, refunding
from orders.models import Discrepancy, Notice, Order, Receipt, Refund
from orders.payments.gateway import Status
from tests import factories
from tests.orders.test_refunding import TRANSFER, give_back, paid_order, states_of

pytestmark = pytest.mark.django_db
ACCOUNT = {"bank": "BCA", "number": "1234567890", "holder": "Siti Aminah"}


@pytest.fixture(autouse=True)
def promises(settings: Any) -> None:
    settings.PAYOUT_DAYS, settings.REFUND_ACCOUNT_DAYS = 3, 30


@pytest.fixture
def paid(stock: object, now: datetime, settings: Any) -> Order:
    """Siti's order of two stamps, paid by a transfer."""
    settings.GATEWAY_SETTINGS = TRANSFER
    return paid_order(at=now, gateway="transfer", method="transfer")


@pytest.fixture
def refund(paid: Order, now: datetime) -> Refund:
    """One stamp given back; the account is not known."""
    return give_back(paid, min(states_of(paid)), at=now)


@pytest.fixture
def begun(refund: Refund, now: datetime) -> Refund:
    """A person has begun the transfer."""
    payouts.give_account(refund=refund, at=now, **ACCOUNT)
    payouts.start(refund=refund, by=factories.person("penyelia"), at=now)
    return refund


def record(refund: Refund, *, at: datetime) -> None:
    payouts.record(refund=refund, reference="BI-FAST 77", why="rutin", by=factories.person("penyelia"), at=at)


def fresh(refund: Refund) -> Refund:
    return Refund.objects.select_related("payment__order").get(pk=refund.pk)


def told(refund: Refund, *, at: datetime) -> refund_showing.Told:
    return next(one for one in refund_showing.told(refund.payment.order, at=at) if one.refund.pk == refund.pk)


def test_the_account_of_the_buyer_brings_the_refund_to_staff(refund: Refund, now: datetime) -> None:
    payouts.give_account(refund=refund, at=now, **ACCOUNT)
    known = fresh(refund)
    assert (known.state, known.bank, known.account_number, known.account_holder) == ("requested", *ACCOUNT.values())
    flips = Flip.objects.filter(noun="orders.refund", row=str(refund.pk))
    assert not any("1234567890" in flip.reason or "Siti" in flip.reason for flip in flips)
    notice = Notice.objects.get(template="refund_account_given")
    assert "1234567890" not in str(notice.context)
    assert refunding.send_refunds(at=now + timedelta(days=1)) == 0


def test_it_may_be_corrected_until_a_person_begins_and_each_correction_is_told(refund: Refund, now: datetime) -> None:
    payouts.give_account(refund=refund, at=now, **ACCOUNT)
    later = now + timedelta(minutes=1)
    payouts.give_account(refund=fresh(refund), at=later, **(ACCOUNT | {"number": "999888777"}))
    assert fresh(refund).account_number == "999888777"
    assert Notice.objects.filter(template="refund_account_given").count() == 2
    payouts.start(refund=fresh(refund), by=factories.person("penyelia"), at=later)
    with pytest.raises(payouts.NotNow):
        payouts.give_account(refund=fresh(refund), at=later, **ACCOUNT)
    assert fresh(refund).account_number == "999888777"


def test_a_correction_that_meets_the_beginning_of_the_transfer_is_refused(refund: Refund, now: datetime) -> None:
    payouts.give_account(refund=refund, at=now, **ACCOUNT)
    read_before = fresh(refund)
    payouts.start(refund=fresh(refund), by=factories.person("penyelia"), at=now)
    with pytest.raises(payouts.NotNow):
        payouts.give_account(refund=read_before, at=now, **(ACCOUNT | {"number": "66666"}))
    assert fresh(refund).account_number == "1234567890"


def test_two_people_begin_a_transfer_once(refund: Refund, now: datetime) -> None:
    payouts.give_account(refund=refund, at=now, **ACCOUNT)
    first, second = fresh(refund), fresh(refund)
    payouts.start(refund=first, by=factories.person("penyelia"), at=now)
    with pytest.raises(payouts.NotNow):
        payouts.start(refund=second, by=factories.person("gudang"), at=now)


def test_a_transfer_is_recorded_once_with_its_number_and_a_word(begun: Refund, now: datetime) -> None:
    other = fresh(begun)
    record(begun, at=now)
    with pytest.raises(payouts.NotNow):
        record(other, at=now)
    known = fresh(begun)
    assert (known.state, known.transfer_reference, known.sent_at) == ("sent", "BI-FAST 77", now)
    assert Flip.objects.filter(row=str(begun.pk), reason="transferred: rutin", actor="penyelia").count() == 1
    notice = Notice.objects.get(template="refund_sent")
    assert notice.context["reference"] == "BI-FAST 77"


def test_a_transfer_that_no_bank_sent_back_in_time_is_done(begun: Refund, now: datetime) -> None:
    record(begun, at=now)
    assert payouts.finish_due(at=now + timedelta(days=payouts.RETURN_DAYS, seconds=-1)) == 0
    over = now + timedelta(days=payouts.RETURN_DAYS, seconds=1)
    assert payouts.finish_due(at=over) == 1
    assert (fresh(begun).state, fresh(begun).done_at, fresh(begun).sent_at) == ("done", over, now)
    assert Receipt.objects.filter(kind="refund", refund=begun).count() == 1
    assert Notice.objects.filter(template="refund_done").count() == 1
    assert payouts.finish_due(at=over + timedelta(days=1)) == 0


def test_a_person_may_say_that_it_arrived(begun: Refund, now: datetime) -> None:
    with pytest.raises(payouts.NotNow):
        payouts.finish(refund=fresh(begun), why="masuk", by=factories.person("penyelia"), at=now)
    record(begun, at=now)
    payouts.finish(refund=fresh(begun), why="masuk", by=factories.person("penyelia"), at=now)
    assert fresh(begun).state == "done"
    with pytest.raises(payouts.NotNow):
        payouts.send_back(refund=fresh(begun), why="x", by=factories.person("penyelia"), at=now)


def test_what_the_bank_sent_back_is_asked_for_again(begun: Refund, now: datetime) -> None:
    record(begun, at=now)
    payouts.send_back(refund=fresh(begun), why="rekening tutup", by=factories.person("penyelia"), at=now)
    known = fresh(begun)
    assert (known.state, known.account_number, known.sent_at, known.transfer_reference) == ("account", "", None, "")
    assert known.bank == "BCA"
    assert Notice.objects.filter(template="refund_account").count() == 1
    assert payouts.finish_due(at=now + timedelta(days=9)) == 0
    payouts.give_account(refund=known, at=now, **ACCOUNT)
    assert fresh(begun).state == "requested"


def test_a_refund_by_gateway_is_no_transfer(stock: object, now: datetime) -> None:
    order = paid_order(at=now)
    refund = give_back(order, min(states_of(order)), at=now)
    petugas = factories.person("petugas")
    for step in (
        lambda: payouts.give_account(refund=refund, at=now, **ACCOUNT),
        lambda: payouts.start(refund=refund, by=petugas, at=now),
        lambda: payouts.record(refund=refund, reference="1", why="x", by=petugas, at=now),
        lambda: payouts.finish(refund=refund, why="x", by=petugas, at=now),
        lambda: payouts.send_back(refund=refund, why="x", by=petugas, at=now),
    ):
        with pytest.raises(payouts.NotNow):
            step()
    assert fresh(refund).state == "requested"


def test_a_reversal_stops_what_nobody_has_begun_and_lists_what_somebody_has(
    paid: Order, refund: Refund, now: datetime
) -> None:
    payouts.give_account(refund=refund, at=now, **ACCOUNT)
    second = give_back(paid, max(states_of(paid)), at=now)
    payouts.start(refund=refund, by=factories.person("penyelia"), at=now)
    payment = paid.payments.get()
    paying.settle(payment=payment, standing=factories.standing(payment, Status.REVERSED, at=now), at=now)
    assert (fresh(refund).state, fresh(second).state) == ("sent", "cancelled")
    assert Discrepancy.objects.filter(subject=f"refund {refund.pk}").count() == 1


def test_the_account_is_erased_when_nobody_needs_it_any_more(begun: Refund, now: datetime) -> None:
    record(begun, at=now)
    payouts.finish(refund=fresh(begun), why="masuk", by=factories.person("penyelia"), at=now)
    assert payouts.erase_accounts(at=now + timedelta(days=29)) == 0
    assert payouts.erase_accounts(at=now + timedelta(days=31)) == 1
    known = fresh(begun)
    assert (known.bank, known.account_number, known.account_holder) == ("", "", "")
    assert known.transfer_reference == "BI-FAST 77"
    assert payouts.erase_accounts(at=now + timedelta(days=31)) == 0


def test_an_account_that_is_still_needed_is_not_erased(begun: Refund, now: datetime) -> None:
    assert payouts.erase_accounts(at=now + timedelta(days=400)) == 0
    assert fresh(begun).account_number == "1234567890"


def test_the_database_sends_no_transfer_without_an_account(begun: Refund, now: datetime) -> None:
    with pytest.raises(IntegrityError, match="refund_transfer_has_account"), transaction.atomic():
        Refund.objects.filter(pk=begun.pk).update(account_number="")


def test_the_buyer_sees_dated_steps_and_what_to_expect(refund: Refund, now: datetime) -> None:
    def steps() -> list[tuple[str, str]]:
        return [(step.label, step.state) for step in told(fresh(refund), at=now).steps]

    asked, given, sent, done = "Diajukan", "Rekening diterima", "Dikirim", "Selesai"
    assert steps() == [(asked, "done"), (given, "now"), (sent, "todo"), (done, "todo")]
    assert "menunggu nomor rekening" in told(refund, at=now).expectation
    payouts.give_account(refund=refund, at=now, **ACCOUNT)
    assert steps() == [(asked, "done"), (given, "done"), (sent, "now"), (done, "todo")]
    seen = told(refund, at=now)
    assert seen.steps[1].at == now and "paling lambat" in seen.expectation
    assert seen.account == "BCA, ••••7890, Siti Aminah" and seen.may_correct
    assert "terlambat" in told(refund, at=now + timedelta(days=4)).expectation
    payouts.start(refund=fresh(refund), by=factories.person("penyelia"), at=now)
    assert not told(refund, at=now).may_correct
    record(fresh(refund), at=now)
    assert steps() == [(asked, "done"), (given, "done"), (sent, "done"), (done, "now")]
    assert told(refund, at=now).steps[2].note == "bukti BI-FAST 77"
    payouts.finish(refund=fresh(refund), why="masuk", by=factories.person("penyelia"), at=now)
    assert steps()[-1] == (done, "done") and told(refund, at=now).expectation == ""
