import io
from datetime import datetime, timedelta
from typing import Any

import pikepdf
import pypdfium2
import pytest
from django.test import Client

from orders import numbering, paying, payouts, receipts, refunding, reserving
from orders.models import Order, Payment, Refund, Series
from orders.payments.gateway import Status
from tests import factories
from tests.orders.test_refunding import TRANSFER, give_back, paid_order, states_of

pytestmark = pytest.mark.django_db


def words(pdf: bytes) -> str:
    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))


@pytest.fixture
def paid(order: Order, now: datetime) -> Order:
    payment = factories.asked_for(order, at=now)
    paying.settle(payment=payment, standing=factories.standing(payment, at=now), at=now)
    order.refresh_from_db()
    return order


def test_a_receipt_says_what_was_paid_for_what(paid: Order, now: datetime) -> None:
    text = words(receipts.receipt(order=paid, at=now))
    payment = paid.payments.get()
    for needed in (
        paid.code,
        "Rp20.000",
        payment.gateway_reference,
        "WIB",
        "bukan faktur pajak",
        *reserving.held_serials(paid),
    ):
        assert needed in text


def test_a_receipt_bears_its_number_before_any_worker_came(paid: Order, now: datetime) -> None:
    year = now.astimezone(numbering.WIB).year
    text = words(receipts.receipt(order=paid, at=now))
    assert f"KW-{year}-000001" in text and Series.objects.get(name=f"KW-{year}").last == 1
    assert numbering.number_due(at=now) == 0


def test_a_receipt_bears_the_buyers_name_once_it_was_given(paid: Order, now: datetime) -> None:
    assert "Nama pembeli" not in words(receipts.receipt(order=paid, at=now))
    numbering.name_buyer(receipt=numbering.receipt_of(paid), name="Siti Aminah")
    assert "Siti Aminah" in words(receipts.receipt(order=paid, at=now))


def test_a_receipt_stays_as_it_was_when_stamps_and_money_went_back(paid: Order, now: datetime) -> None:
    before = receipts.receipt(order=paid, at=now)
    refund = give_back(paid, *states_of(paid), at=now)
    refunding.done(refund=refund, at=now, actor="worker")
    assert receipts.receipt(order=Order.objects.get(pk=paid.pk), at=now) == before


def test_a_refund_note_says_what_went_back_how_and_for_which_receipt(paid: Order, now: datetime) -> None:
    first, second = sorted(states_of(paid))
    refund = give_back(paid, first, at=now)
    with pytest.raises(receipts.NotDone):
        receipts.refund_note(refund=refund, at=now)
    refunding.done(refund=refund, at=now, actor="worker")
    numbering.name_buyer(receipt=numbering.receipt_of(paid), name="Siti Aminah")
    year = now.astimezone(numbering.WIB).year
    text = words(receipts.refund_note(refund=refund, at=now))
    for needed in (
        f"NP-{year}-000001",
        f"KW-{year}-000001",
        first,
        "Rp10.000",
        "lewat gerbang",
        "Siti Aminah",
        paid.code,
    ):
        assert needed in text
    assert second not in text


def test_a_refund_note_is_the_same_bytes_but_for_the_time_of_printing(
    stock: object, now: datetime, settings: Any
) -> None:
    settings.GATEWAY_SETTINGS, settings.REFUND_ACCOUNT_DAYS = TRANSFER, 1
    order = paid_order(at=now, gateway="transfer", method="transfer")
    refund = give_back(order, *states_of(order), at=now)
    penyelia = factories.person("penyelia")
    payouts.give_account(refund=refund, bank="BCA", number="1234567890", holder="Siti", at=now)
    payouts.start(refund=refund, by=penyelia, at=now)
    payouts.record(refund=refund, reference="BI-FAST 77", why="rutin", by=penyelia, at=now)
    payouts.finish(refund=refund, why="masuk", by=penyelia, at=now)
    first = receipts.refund_note(refund=Refund.objects.get(pk=refund.pk), at=now)
    assert "BI-FAST 77" in words(first) and "1234567890" not in words(first) and "Siti" not in words(first)
    assert payouts.erase_accounts(at=now + timedelta(days=2)) == 1
    assert receipts.refund_note(refund=Refund.objects.get(pk=refund.pk), at=now) == first
    assert receipts.refund_note(refund=refund, at=now + timedelta(days=1)) != first


def test_a_second_payment_that_went_back_has_a_note_and_no_receipt_of_its_own(paid: Order, now: datetime) -> None:
    second = Payment.objects.create(
        id="0" * 31 + "1",
        order=paid,
        gateway="sandbox",
        method="qris",
        state="pending",
        amount=20_000,
        gateway_reference="SBXTWICE",
        created_at=now,
        expires_at=now,
    )
    paying.settle(payment=second, standing=factories.standing(second, Status.PAID, at=now), at=now)
    refund = Refund.objects.get(reason="surplus")
    refunding.done(refund=refund, at=now, actor="worker")
    text = words(receipts.refund_note(refund=Refund.objects.get(pk=refund.pk), at=now))
    assert "SBXTWICE" in text and "sudah dibayar sebelumnya" in text


def test_a_receipt_is_a4_and_the_same_bytes_for_the_same_facts(paid: Order, now: datetime) -> None:
    first = receipts.receipt(order=paid, at=now)
    assert first == receipts.receipt(order=paid, at=now)
    with pikepdf.open(io.BytesIO(first)) as pdf:
        assert [round(float(edge)) for edge in pdf.pages[0].mediabox] == [0, 0, 595, 842]


def test_a_receipt_of_the_largest_order_holds_every_serial(now: datetime) -> None:
    factories.stock(200, at=now)
    order = factories.order(at=now, quantity=200)
    payment = factories.asked_for(order, at=now)
    paying.settle(payment=payment, standing=factories.standing(payment, at=now), at=now)
    order.refresh_from_db()
    text = words(receipts.receipt(order=order, at=now))
    assert all(serial in text for serial in reserving.held_serials(order))


def test_there_is_no_receipt_before_the_money(order: Order, now: datetime, client: Client) -> None:
    with pytest.raises(receipts.NotPaid):
        receipts.receipt(order=order, at=now + timedelta(hours=1))
    assert client.get(f"/pesanan/{order.code}/{order.key}/kuitansi.pdf").status_code == 404


def test_the_page_sends_it_as_a_file(paid: Order, client: Client) -> None:
    answer = client.get(f"/pesanan/{paid.code}/{paid.key}/kuitansi.pdf")
    assert answer["Content-Type"] == "application/pdf" and answer.content.startswith(b"%PDF")
    assert paid.code in answer["Content-Disposition"] and "no-store" in answer["Cache-Control"]
    assert client.get(f"/pesanan/{paid.code}/{'x' * 22}/kuitansi.pdf").status_code == 404
