import io
from datetime import datetime, timedelta

import pikepdf
import pypdfium2
import pytest
from django.test import Client

from orders import paying, receipts, reserving
from orders.models import Order
from tests import factories

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
