"""A buyer gives stamps back on a page, names an account, reads a receipt; staff transfer; programs do the same."""

import json
import re
import uuid
from datetime import datetime, timedelta
from typing import Any

import pypdfium2
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from meterai.models import User
from orders import paying, payouts, refunding, returning
from orders.models import Order, Payment, Receipt, Refund
from tests import factories
from tests.orders.test_refunding import TRANSFER, document, give_back, paid_order, states_of

pytestmark = pytest.mark.django_db
ACCOUNT = {"bank": "BCA", "number": "1234567890", "holder": "Siti Aminah"}


@pytest.fixture(autouse=True)
def promises(settings: Any) -> None:
    settings.PAYOUT_DAYS, settings.REFUND_ACCOUNT_DAYS = 3, 30


@pytest.fixture
def paid(stock: object, now: datetime) -> Order:
    """Two stamps, paid by QRIS."""
    return paid_order(at=now)


@pytest.fixture
def by_transfer(stock: object, now: datetime, settings: Any) -> Order:
    """Two stamps, paid by transfer."""
    settings.GATEWAY_SETTINGS = TRANSFER
    return paid_order(at=now, gateway="transfer", method="transfer")


def page(order: Order, rest: str = "pengembalian/", *, english: bool = False) -> str:
    return f"{'/en' if english else ''}/pesanan/{order.code}/{order.key}/{rest}"


def token(html: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', html)
    assert found
    return found[1]


def test_the_list_shows_unused_stamps_alone(paid: Order, client: Client, now: datetime) -> None:
    first, second = sorted(states_of(paid))
    give_back(paid, first, at=now)
    html = client.get(page(paid)).content.decode()
    assert f'value="{second}"' in html and f'value="{first}"' not in html
    assert "Rp10.000" in html and "noindex" in html


def test_first_the_amount_then_the_deed_and_the_same_form_again_is_one_refund(paid: Order, client: Client) -> None:
    first, second = sorted(states_of(paid))
    form = {"serials": [first, second], "token": token(client.get(page(paid)).content.decode())}
    asked = client.post(page(paid), form)
    assert asked.status_code == 200 and "Rp20.000" in asked.content.decode()
    assert not Refund.objects.exists() and set(states_of(paid).values()) == {"sold"}
    sure = {"serials": [first, second], "token": token(asked.content.decode()), "yes": "1"}
    for _ in range(2):
        done = client.post(page(paid), sure)
        assert done.status_code == 303 and done["Location"] == page(paid)
    assert Refund.objects.count() == 1
    html = client.get(page(paid)).content.decode()
    assert "Pengembalian Rp20.000" in html and "Diajukan" in html and first in html


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 422),
        ({"serials": ["NOTOFTHISORDER00000000"]}, 422),
        ({"token": "x"}, 422),
    ],
)
def test_what_is_not_on_the_list_is_refused_with_words(
    sent: dict[str, Any], status: int, paid: Order, client: Client
) -> None:
    answer = client.post(page(paid), {"token": str(uuid.uuid4())} | sent)
    assert answer.status_code == status and "Ada yang perlu diperbaiki" in answer.content.decode()
    assert not Refund.objects.exists()


def test_a_stamp_that_a_document_is_taking_is_named(paid: Order, client: Client, now: datetime) -> None:
    first = min(states_of(paid))
    document(paid, first, at=now)
    answer = client.post(page(paid), {"serials": [first], "token": str(uuid.uuid4()), "yes": "1"})
    assert answer.status_code == 409 and f"E-meterai {first} sudah dipakai" in answer.content.decode()
    assert not Refund.objects.exists()


def test_another_wish_under_the_same_token_is_refused(paid: Order, client: Client) -> None:
    first, second = sorted(states_of(paid))
    same = str(uuid.uuid4())
    client.post(page(paid), {"serials": [first], "token": same, "yes": "1"})
    answer = client.post(page(paid), {"serials": [second], "token": same, "yes": "1"})
    assert answer.status_code == 422 and Refund.objects.count() == 1
    assert token(answer.content.decode()) != same


def test_after_the_days_are_over_the_page_says_so_and_gives_nothing_back(
    paid: Order, client: Client, now: datetime, settings: Any
) -> None:
    Order.objects.filter(pk=paid.pk).update(paid_at=now - timedelta(days=settings.REFUND_DAYS, seconds=5))
    assert "tetap berlaku dan tidak kedaluwarsa" in client.get(page(paid)).content.decode()
    answer = client.post(page(paid), {"serials": list(states_of(paid)), "token": str(uuid.uuid4()), "yes": "1"})
    assert answer.status_code == 409 and not Refund.objects.exists()


def test_an_order_that_is_not_paid_has_a_page_that_says_so(order: Order, client: Client) -> None:
    assert "belum dibayar" in client.get(page(order)).content.decode()
    serials = list(order.lines.values_list("serial_id", flat=True))
    assert client.post(page(order), {"serials": serials, "token": str(uuid.uuid4()), "yes": "1"}).status_code == 409


@pytest.mark.parametrize("rest", ["pengembalian/", "pengembalian/1/rekening/", "pengembalian/1/nota.pdf", "kuitansi/"])
def test_without_the_key_there_is_nothing(rest: str, paid: Order, client: Client, now: datetime) -> None:
    give_back(paid, min(states_of(paid)), at=now)
    assert client.get(f"/pesanan/{paid.code}/{'x' * 22}/{rest}").status_code == 404


def test_another_orders_refund_is_not_found(by_transfer: Order, client: Client, now: datetime) -> None:
    refund = give_back(by_transfer, min(states_of(by_transfer)), at=now)
    other = paid_order(at=now, gateway="transfer", method="transfer")
    for rest in ("rekening/", "nota.pdf"):
        assert client.get(page(other, f"pengembalian/{refund.pk}/{rest}")).status_code == 404
    assert client.post(page(other, f"pengembalian/{refund.pk}/rekening/"), ACCOUNT).status_code == 404


def test_who_paid_by_transfer_is_led_to_the_account_form(by_transfer: Order, client: Client) -> None:
    first = min(states_of(by_transfer))
    asked = client.post(page(by_transfer), {"serials": [first], "token": str(uuid.uuid4())})
    assert "nomor rekening" in asked.content.decode()
    done = client.post(page(by_transfer), {"serials": [first], "token": str(uuid.uuid4()), "yes": "1"})
    refund = Refund.objects.get()
    where = page(by_transfer, f"pengembalian/{refund.pk}/rekening/")
    assert done["Location"] == where
    given = client.post(where, ACCOUNT | {"number": "123-456 7890"})
    assert given.status_code == 303 and given["Location"] == page(by_transfer)
    refund.refresh_from_db()
    assert (refund.state, refund.account_number) == ("requested", "1234567890")
    html = client.get(page(by_transfer)).content.decode()
    assert "••••7890" in html and "1234567890" not in html and "Perbaiki nomor rekening" in html
    again = client.get(where).content.decode()
    assert "1234567890" not in again and "Siti Aminah" in again


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"bank": ""}, "Pilih bank."),
        ({"bank": "Bank Gelap"}, "Pilih bank dari daftar."),
        ({"number": "1234"}, "5 sampai 20 angka"),
        ({"number": "1" * 21}, "5 sampai 20 angka"),
        ({"number": "12345abc"}, "5 sampai 20 angka"),
        ({"number": "١٢٣٤٥٦"}, "5 sampai 20 angka"),
        ({"number": ""}, "Tulis nomor rekening."),
        ({"holder": "12345"}, "Tulis nama dengan huruf."),
        ({"holder": "<b>Siti</b>"}, "huruf Latin"),
        ({"holder": "Siti 😀"}, "huruf Latin"),
        ({"holder": ""}, "Tulis nama pemilik rekening."),
    ],
)
def test_a_wrong_account_is_refused_field_by_field(
    wrong: dict[str, str], words: str, by_transfer: Order, client: Client, now: datetime
) -> None:
    refund = give_back(by_transfer, min(states_of(by_transfer)), at=now)
    answer = client.post(page(by_transfer, f"pengembalian/{refund.pk}/rekening/"), ACCOUNT | wrong)
    assert answer.status_code == 422 and words in answer.content.decode()
    refund.refresh_from_db()
    assert refund.state == "account"


def test_once_the_transfer_has_begun_the_account_is_closed(by_transfer: Order, client: Client, now: datetime) -> None:
    refund = give_back(by_transfer, min(states_of(by_transfer)), at=now)
    payouts.give_account(refund=refund, at=now, **ACCOUNT)
    payouts.start(refund=refund, by=factories.person("penyelia"), at=now)
    where = page(by_transfer, f"pengembalian/{refund.pk}/rekening/")
    assert "tidak dapat diubah lagi" in client.get(where).content.decode()
    assert client.post(where, ACCOUNT | {"number": "66666"}).status_code == 409


def test_the_note_comes_as_a_file_once_the_money_went_back(paid: Order, client: Client, now: datetime) -> None:
    refund = give_back(paid, min(states_of(paid)), at=now)
    where = page(paid, f"pengembalian/{refund.pk}/nota.pdf")
    assert client.get(where).status_code == 404
    refunding.done(refund=refund, at=now, actor="worker")
    answer = client.get(where)
    assert answer["Content-Type"] == "application/pdf" and "no-store" in answer["Cache-Control"]
    text = pypdfium2.PdfDocument(answer.content)[0].get_textpage().get_text_range()
    assert Receipt.objects.get(refund=refund).number == 1 and f"{Receipt.objects.get(refund=refund)}" in text
    assert "Unduh nota pengembalian" in client.get(page(paid)).content.decode()


def test_the_receipts_page_shows_number_and_takes_the_name_once(paid: Order, client: Client) -> None:
    where = page(paid, "kuitansi/")
    assert str(Receipt.objects.get(order=paid)).startswith("payment")
    html = client.get(where).content.decode()
    assert f"Nomor {Receipt.objects.get(order=paid)}" in html and "000001" in html
    assert client.post(where, {"name": "😀"}).status_code == 422
    assert client.post(where, {"name": " CV  Sejahtera "}).status_code == 303
    assert client.post(where, {"name": "CV Lain"}).status_code == 303
    html = client.get(where).content.decode()
    assert "CV Sejahtera" in html and "sudah bernama" in html and "CV Lain" not in html


def test_an_order_without_money_has_no_receipt_page(order: Order, client: Client) -> None:
    assert client.get(page(order, "kuitansi/")).status_code == 404


def test_the_english_page_is_the_same_page(paid: Order, client: Client) -> None:
    html = client.get(page(paid, english=True)).content.decode()
    assert 'lang="en"' in html and page(paid, english=True) in html and "Rp10,000" in html


# --- for programs ---


def api(order: Order, client: Client, body: object, *, key: str = "", order_key: str = "") -> Any:
    return client.post(
        f"/api/v1/orders/{order.code}/refunds",
        json.dumps(body),
        content_type="application/json",
        headers={"X-Order-Key": order_key or order.key, "Idempotency-Key": key or uuid.uuid4().hex},
    )


def test_a_program_gives_stamps_back_once_a_key(paid: Order, client: Client) -> None:
    first, second = sorted(states_of(paid))
    key = uuid.uuid4().hex
    made = api(paid, client, {"serials": [first]}, key=key)
    assert made.status_code == 201
    assert {"amount": 10_000, "state": "requested", "serials": [first], "way": "gateway"}.items() <= made.json().items()
    again = api(paid, client, {"serials": [first]}, key=key)
    assert again.status_code == 200 and again.json() == made.json()
    other = api(paid, client, {"serials": [second]}, key=key)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    listed = client.get(f"/api/v1/orders/{paid.code}/refunds", headers={"X-Order-Key": paid.key})
    assert [one["id"] for one in listed.json()] == [made.json()["id"]]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ("foreign", 422, "wrong_stamps"),
        ("bound", 409, "in_use"),
        ("late", 409, "too_late"),
        ("reversed", 409, "not_returnable"),
        ("empty", 400, "invalid"),
        ("keyless", 400, "idempotency_key_missing"),
        ("wrong key", 404, "not_found"),
    ],
)
def test_what_cannot_be_given_back_is_a_problem_with_a_code(
    change: str, status: int, code: str, paid: Order, client: Client, now: datetime
) -> None:
    serials = [min(states_of(paid))]
    if change == "foreign":
        serials = list(states_of(paid_order(at=now)))
    elif change == "bound":
        document(paid, serials[0], at=now)
    elif change == "late":
        Order.objects.filter(pk=paid.pk).update(paid_at=now - timedelta(days=400))
    elif change == "reversed":
        payment = paid.payments.get()
        paying.settle(payment=payment, standing=factories.standing(payment, "reversed", at=now), at=now)  # type: ignore[arg-type]
    elif change == "empty":
        serials = []
    key = "short" if change == "keyless" else ""
    answer = api(paid, client, {"serials": serials}, key=key, order_key="x" * 22 if change == "wrong key" else "")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Content-Type"].startswith("application/problem+json") and not Refund.objects.exists()


def test_a_program_names_the_account(by_transfer: Order, client: Client) -> None:
    made = api(by_transfer, client, {"serials": [min(states_of(by_transfer))]}).json()
    assert made["state"] == "account"

    def put(body: dict[str, str]) -> Any:
        return client.put(
            f"/api/v1/orders/{by_transfer.code}/refunds/{made['id']}/account",
            json.dumps(body),
            content_type="application/json",
            headers={"X-Order-Key": by_transfer.key},
        )

    wrong = put(ACCOUNT | {"number": "12"})
    assert wrong.status_code == 400 and "number" in wrong.json()["errors"]
    given = put(ACCOUNT)
    assert given.status_code == 200 and given.json()["state"] == "requested" and "1234567890" not in str(given.json())
    payouts.start(refund=Refund.objects.get(), by=factories.person("penyelia"), at=Refund.objects.get().requested_at)
    assert put(ACCOUNT).json()["code"] == "account_closed"


# --- for staff ---


def may(name: str, *rights: str) -> Client:
    person = factories.person(name)
    kind = ContentType.objects.get_for_model(Refund)
    for right in rights:
        permission, _new = Permission.objects.get_or_create(codename=right, content_type=kind, defaults={"name": right})
        person.user_permissions.add(permission)
    client = Client()
    client.force_login(User.objects.get(pk=person.pk))
    return client


LIST = "/admin/orders/refund/"


@pytest.fixture
def waiting(by_transfer: Order, now: datetime) -> Refund:
    """A refund whose account is known and that nobody has begun to transfer."""
    refund = give_back(by_transfer, min(states_of(by_transfer)), at=now)
    payouts.give_account(refund=refund, at=now, **ACCOUNT)
    return refund


def test_staff_transfer_step_by_step(waiting: Refund) -> None:
    client = may("kasir", "view_refund", "change_refund", "unmask_account")
    code = waiting.payment.order.code
    assert code in client.get(f"{LIST}?kerja=mulai").content.decode()
    assert code not in client.get(f"{LIST}?kerja=catat").content.decode()
    row = f"{LIST}{waiting.pk}/"
    shown = client.get(f"{row}change/").content.decode()
    assert "Mulai transfer" in shown and "••••7890" in shown and "1234567890" not in shown
    assert client.post(f"{row}langkah/mulai/").status_code == 303
    opened = client.post(f"{row}rekening/")
    assert "1234567890" in opened.content.decode() and "no-store" in opened["Cache-Control"]
    assert LogEntry.objects.filter(object_id=str(waiting.pk), change_message__contains="dibuka").count() == 1
    assert client.post(f"{row}catat/", {"reference": "", "why": ""}).status_code == 422
    assert client.post(f"{row}catat/", {"reference": "BI-FAST 77", "why": "rutin"}).status_code == 303
    assert client.post(f"{row}catat/", {"reference": "BI-FAST 78", "why": "rutin"}).status_code == 409
    for typed in ("BI-FAST 77", code.lower(), waiting.stamps.get().serial_id, waiting.payment.gateway_reference):
        assert code in client.get(LIST, {"q": typed}).content.decode()
    assert code not in client.get(LIST, {"q": "BI-FAST"}).content.decode()
    assert client.post(f"{row}sampai/", {"why": "menurut mutasi"}).status_code == 303
    waiting.refresh_from_db()
    assert (waiting.state, waiting.transfer_reference) == ("done", "BI-FAST 77")


def test_what_the_bank_sent_back_returns_to_the_buyer(waiting: Refund) -> None:
    client = may("kasir", "view_refund", "change_refund")
    row = f"{LIST}{waiting.pk}/"
    client.post(f"{row}langkah/mulai/")
    client.post(f"{row}catat/", {"reference": "77", "why": "rutin"})
    assert client.post(f"{row}kembali/", {"why": "rekening tutup"}).status_code == 303
    waiting.refresh_from_db()
    assert waiting.state == "account"
    assert waiting.payment.order.code in client.get(f"{LIST}?kerja=rekening").content.decode()


@pytest.mark.parametrize("rights", [(), ("view_refund",), ("unmask_account",), ("change_refund",)])
def test_without_the_right_nothing_is_opened_or_moved(rights: tuple[str, ...], waiting: Refund) -> None:
    client = may("petugas", *rights)
    row = f"{LIST}{waiting.pk}/"
    others = [] if "change_refund" in rights else ["catat/", "sampai/", "kembali/"]
    for door in ["rekening/", *others]:
        answer = client.post(f"{row}{door}", {"reference": "1", "why": "x"})
        assert answer.status_code in (403, 404) and "1234567890" not in answer.content.decode()
    waiting.refresh_from_db()
    assert waiting.state == "requested" and not LogEntry.objects.exists()


def test_the_money_of_a_held_payment_goes_back_with_a_reason(order: Order, now: datetime) -> None:
    payment = factories.asked_for(order, at=now)
    paying.settle(payment=payment, standing=factories.standing(payment, at=now, amount=15_000), at=now)
    client = may("kasir", "view_refund", "add_refund")
    where = f"{LIST}pembayaran/{payment.pk}/"
    assert "Rp15.000" in client.get(where).content.decode()
    assert client.post(where, {"why": ""}).status_code == 422
    assert may("petugas", "view_refund").post(where, {"why": "x"}).status_code == 403
    assert client.post(where, {"why": "pembeli tidak menambah"}).status_code == 303
    assert Refund.objects.get().reason == "amount"
    assert client.post(where, {"why": "lagi"}).status_code == 422 and Refund.objects.count() == 1
    assert Payment.objects.get().refunded == 15_000


def test_staff_give_stamps_back_after_the_days_are_over(paid: Order, now: datetime, settings: Any) -> None:
    Order.objects.filter(pk=paid.pk).update(paid_at=now - timedelta(days=settings.REFUND_DAYS + 1))
    first = min(states_of(paid))
    client = may("kasir", "view_refund", "add_refund")
    where = f"{LIST}pesanan/{paid.pk}/"
    form = {"serials": [first], "token": token(client.get(where).content.decode()), "why": "gangguan seminggu"}
    assert client.post(where, form | {"why": ""}).status_code == 422
    assert client.post(where, form).status_code == 303
    refund = Refund.objects.get()
    assert (refund.reason, refund.amount) == ("wish", 10_000)
    assert may("petugas", "view_refund").post(where, form).status_code == 403
    assert first not in returning.unused(paid)
