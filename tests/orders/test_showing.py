"""What a page says about an order and its money."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from orders import paying, refunding, reserving, showing
from orders.models import Order, Payment, Refund
from orders.payments.gateway import Method, Offer, Status
from tests import factories
from tests.orders.test_pages import text

pytestmark = pytest.mark.django_db


def facts(order: Order, at: datetime) -> dict[str, Any]:
    order.refresh_from_db()
    return showing.payment_facts(order=order, at=at)


def paid(order: Order, at: datetime) -> Payment:
    payment = factories.asked_for(order, at=at)
    paying.settle(payment=payment, standing=factories.standing(payment, at=at), at=at)
    payment.refresh_from_db()
    return payment


def refund(payment: Payment, at: datetime, **changes: Any) -> Refund:
    """A surplus that goes back."""
    Payment.objects.filter(pk=payment.pk).update(received=payment.amount * 2)
    payment.refresh_from_db()
    refunding.give_back(payment=payment, reason=Refund.Reason.OVERPAID, amount=payment.amount, at=at)
    Refund.objects.update(**changes)
    return Refund.objects.get()


ACCOUNT = {"bank": "BCA", "account_number": "1234567890", "account_holder": "Siti"}
SENT, DONE = datetime.fromisoformat("2026-09-01T10:00+07:00"), datetime.fromisoformat("2026-09-02T10:00+07:00")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "account", "way": "transfer"}, "Isi nomor rekening"),
        ({"state": "requested"}, "Diajukan"),
        ({"state": "requested", "way": "transfer"} | ACCOUNT, "••••7890"),
        ({"state": "sent", "sent_at": SENT}, "1 Sep"),
        ({"state": "done", "sent_at": SENT, "done_at": DONE}, "2 Sep"),
        ({"state": "cancelled"}, "Batal"),
    ],
)
def test_the_order_s_page_shows_how_far_a_refund_is_and_follows_it(
    changes: dict[str, Any], words: str, client: Client, order: Order, now: datetime, settings: Any
) -> None:
    settings.PAYOUT_DAYS = 3
    refund(paid(order, now), now, **changes)
    page = text(client.get(order.get_absolute_url()))
    assert "Pengembalian Rp20.000" in page and words in page
    assert facts(order, now)["is_moving"] is (changes["state"] not in ("done", "cancelled"))
    if changes["state"] == "account":
        assert "Saya sudah bayar" not in page


def test_an_order_that_was_refunded_or_reversed_says_so(client: Client, order: Order, now: datetime) -> None:
    paid(order, now)
    Order.objects.update(state="refunded")
    told = facts(order, now)
    assert told["panel"] == "refunded" and told["receipt_url"]
    assert [moment.state for moment in told["timeline"]] == ["done", "done", "done"]
    assert "dikembalikan seluruhnya" in text(client.get(order.get_absolute_url()))
    other = factories.order(at=now)
    payment = paid(other, now)
    paying.settle(payment=payment, standing=factories.standing(payment, Status.REVERSED, at=now), at=now)
    told = facts(other, now)
    assert told["panel"] == "reversed" and [moment.state for moment in told["timeline"]] == ["done", "bad"]
    page = text(client.get(other.get_absolute_url()))
    assert "ditarik kembali oleh bank" in page and "Unggah dokumen" not in page and "Saya sudah bayar" not in page


def test_a_payment_whose_money_went_back_whole_still_tells_the_refunded_order(order: Order, now: datetime) -> None:
    payment = paid(order, now)
    Order.objects.update(state="refunded")
    Payment.objects.filter(pk=payment.pk).update(state="refunded")
    assert facts(order, now)["payment"].pk == payment.pk


def test_a_transfer_by_hand_is_told_with_account_exact_amount_and_note_to_copy(
    client: Client, order: Order, now: datetime
) -> None:
    payment = factories.asked_for(order, at=now)
    instructions = {
        "account_bank": "Bank Contoh",
        "account_number": "0012003400",
        "account_holder": "PT Contoh Meterai",
        "transfer_note": "MT7K3M9QXP",
    }
    Payment.objects.filter(pk=payment.pk).update(instructions=instructions, method="transfer")
    page = client.get(order.get_absolute_url()).content.decode()
    for value in ("0012003400", "20000", "MT7K3M9QXP"):
        assert f'data-copy="{value}"' in page
    assert "Bank Contoh" in page and "PT Contoh Meterai" in page and "<img" not in page


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "beberapa detik"), (90, "kurang dari 2 menit"), (7200, "120 menit"), (24 * 3600, "satu hari kerja")],
)
def test_every_method_has_a_name_and_an_honest_wait(seconds: int, words: str) -> None:
    for method in Method:
        assert showing._label(method)
        offer = Offer(method=method, label="x", fee=0, usual_seconds=seconds)
        assert words in showing._wait(offer)


def test_a_page_asks_often_while_it_prepares_and_seldom_later(order: Order, now: datetime) -> None:
    preparing = facts(order, now)["every"]
    factories.asked_for(order, at=now)
    waiting = facts(order, now)["every"]
    Payment.objects.update(state="held")
    assert preparing == 1 < waiting < facts(order, now)["every"]


def test_the_same_again_carries_number_and_seller_and_nothing_of_the_buyer(
    client: Client, order: Order, now: datetime, posfin: Any
) -> None:
    assert facts(order, now)["again_url"] == "/beli/?jumlah=2"
    factories.lease(posfin, 2, at=now)
    other = factories.order(at=now, reseller_code="posfin")
    again = facts(other, now)["again_url"]
    assert again == "/beli/?jumlah=2&reseller=posfin"
    page = client.get(again).content.decode()
    assert 'value="2"' in page and "siti@" not in page and other.code not in page


def test_the_contact_is_masked_and_an_order_without_an_address_is_offered_one(
    client: Client, order: Order, now: datetime
) -> None:
    page = client.get(order.get_absolute_url()).content.decode()
    assert "s***@contoh.example" in page and "siti@contoh.example" not in page
    other = factories.order(at=now, email="", phone="+6281234567890")
    page = client.get(other.get_absolute_url()).content.decode()
    assert "Tambah alamat surel" in page and "81234567890" not in page


def test_proof_of_payment_leads_to_a_complaint_that_knows_the_order(
    client: Client, order: Order, now: datetime
) -> None:
    factories.asked_for(order, at=now)
    page = client.get(order.get_absolute_url()).content.decode()
    assert f"/aduan/?pesanan={order.code}&amp;kunci={order.key}" in page and "Kirim bukti bayar" in page


def test_an_order_that_lapsed_offers_to_order_again(client: Client, order: Order, now: datetime) -> None:
    reserving.release_expired(at=order.expires_at + timedelta(hours=1))
    page = text(client.get(order.get_absolute_url()))
    assert page.count("Pesan lagi") == 2 and "tidak ada dokumen" in page.lower()
