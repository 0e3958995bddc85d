"""What a buyer meets in the browser, script or no script."""

import re
import time
import uuid
from datetime import datetime
from typing import Any

import pytest
from django.core import mail
from django.http import HttpResponse
from django.test import Client

from meterai.models import Batch, Reseller
from orders import finding, noticing, ordering, paying, reserving, showing
from orders.contacts import Contact
from orders.models import Notice, Order, Payment
from tests import factories
from tests.contracts.conftest import Server

pytestmark = pytest.mark.django_db


def form(**changes: Any) -> dict[str, Any]:
    known = {
        "quantity": "2",
        "contact": "siti@contoh.example",
        "method": "sandbox:qris",
        "token": str(uuid.uuid4()),
    }
    return known | changes


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def inside(order: Order, step: str) -> str:
    return f"/pesanan/{order.code}/{order.key}/{step}/"


def test_the_front_page_shows_price_and_sellers(client: Client, stock: Batch, posfin: Reseller, now: datetime) -> None:
    factories.lease(posfin, 1, at=now)
    page = text(client.get("/"))
    assert "Rp10.000" in page and "Posfin" in page and "tersedia" in page


def test_the_front_page_stands_without_stock_and_resellers(client: Client) -> None:
    assert "sedang habis" in text(client.get("/"))


def test_the_price_is_shown_before_anything_is_typed(client: Client, stock: Batch) -> None:
    assert "Rp10.000" in text(client.get("/beli/"))
    assert "Rp30.000" in text(client.get("/beli/?jumlah=3"))


def test_the_total_is_counted_by_the_server_and_nothing_is_ordered(client: Client, stock: Batch) -> None:
    answer = client.post("/beli/", form(quantity="4", count="1", contact=""))
    assert answer.status_code == 200 and "Rp40.000" in text(answer)
    assert "Ada yang perlu diperbaiki" not in text(answer) and not Order.objects.exists()


def test_buying_leads_to_the_order_by_a_redirect(gateway: Server, client: Client, stock: Batch) -> None:
    answer = client.post("/beli/", form())
    order = Order.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, order.get_absolute_url())
    assert order.payments.get().state == "started"  # a worker asks the gateway: no buyer waits for a third party


def test_a_gateway_that_is_down_does_not_stop_the_order(
    client: Client, stock: Batch, gateway: Server, settings: Any
) -> None:
    settings.GATEWAY_SETTINGS = {"sandbox": settings.GATEWAY_SETTINGS["sandbox"] | {"url": "http://127.0.0.1:9"}}
    assert client.post("/beli/", form()).status_code == 303
    assert Payment.objects.get().state == "started"


def test_sending_the_form_twice_makes_one_order(gateway: Server, client: Client, stock: Batch) -> None:
    sent = form()
    first, again = client.post("/beli/", sent), client.post("/beli/", sent)
    assert first["Location"] == again["Location"] and Order.objects.count() == 1


def test_a_token_used_for_another_wish_shows_the_form_again_without_the_order(
    gateway: Server, client: Client, stock: Batch
) -> None:
    sent = form()
    client.post("/beli/", sent)
    answer = client.post("/beli/", sent | {"quantity": "3", "contact": "lain@contoh.example"})
    order = Order.objects.get()
    assert answer.status_code == 422 and "lain@contoh.example" in answer.content.decode()
    assert order.code not in answer.content.decode() and order.key not in answer.content.decode()
    assert sent["token"] not in answer.content.decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": "0"},
        {"quantity": "51"},
        {"quantity": "²"},
        {"quantity": "x" * 900},
        {"contact": "siti"},
        {"contact": ""},
        {"contact": "08\x00"},
        {"method": "sandbox:coin"},
        {"method": ""},
        {"token": "x"},
        {"dokumen": "http://evil.example"},
    ],
)
def test_what_is_wrong_is_said_and_all_that_was_typed_comes_back(
    wrong: dict[str, str], client: Client, stock: Batch
) -> None:
    answer = client.post("/beli/", form(**wrong))
    assert answer.status_code == 422 and "Ada yang perlu diperbaiki" in text(answer)
    if "contact" not in wrong:
        assert 'value="siti@contoh.example"' in answer.content.decode()
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("typed", "email", "phone"),
    [
        (" Siti@Contoh.Example ", "siti@contoh.example", ""),
        ("0812 3456 7890", "", "+6281234567890"),
        ("+62 812-3456-7890", "", "+6281234567890"),
        ("6281234567890", "", "+6281234567890"),
    ],
)
def test_a_contact_is_stored_one_way_however_it_is_typed(
    typed: str, email: str, phone: str, gateway: Server, client: Client, stock: Batch
) -> None:
    assert client.post("/beli/", form(contact=typed)).status_code == 303
    assert (Order.objects.get().email, Order.objects.get().phone) == (email, phone)


def test_sold_out_is_said_and_leads_to_who_still_sells(client: Client, posfin: Reseller, now: datetime) -> None:
    factories.stock(1, at=now)
    factories.lease(posfin, 1, at=now)
    answer = client.post("/beli/", form())
    assert answer.status_code == 409 and "habis" in text(answer)
    assert "?reseller=posfin" in answer.content.decode() and 'value="siti@contoh.example"' in answer.content.decode()


def test_a_resellers_shop_names_it_and_an_unknown_one_is_not_found(
    gateway: Server, client: Client, stock: Batch, posfin: Reseller, now: datetime
) -> None:
    factories.lease(posfin, 2, at=now)
    assert "Dijual oleh Posfin" in text(client.get("/beli/?reseller=posfin"))
    assert client.get("/beli/?reseller=nobody").status_code == 404
    assert client.post("/beli/", form(reseller="nobody")).status_code == 404
    assert client.post("/beli/", form(reseller="posfin")).status_code == 303
    assert Order.objects.get().reseller == posfin


def test_a_prepared_document_is_passed_on_to_the_order(gateway: Server, client: Client, stock: Batch) -> None:
    document = f"{uuid.uuid4()}.{'k' * 22}"
    assert document in client.get(f"/beli/?dokumen={document}").content.decode()
    assert client.post("/beli/", form(dokumen=document))["Location"].endswith(f"?dokumen={document}")


def test_a_shop_without_a_way_to_pay_says_so(client: Client, stock: Batch, settings: Any) -> None:
    settings.GATEWAY_SETTINGS = {}
    assert "ditutup" in text(client.get("/beli/"))
    assert client.post("/beli/", form()).status_code == 422


def test_the_english_page_makes_an_english_order(gateway: Server, client: Client, stock: Batch) -> None:
    assert client.post("/en/beli/", form())["Location"].startswith("/en/pesanan/")
    assert Order.objects.get().language == "en"


def test_back_brings_the_form_as_it_was_and_what_was_typed_is_kept_nowhere(client: Client, stock: Batch) -> None:
    answer = client.get("/beli/")
    assert answer["Cache-Control"] == "private, no-cache"
    assert "Vary" not in answer, "a cookie that is new since then would make Back fetch another form"
    assert answer.cookies["csrftoken"].value
    for sent in (form(contact=""), form(count="1")):
        assert "no-store" in client.post("/beli/", sent)["Cache-Control"]
    assert "no-store" in client.post("/beli/", form())["Cache-Control"]


def test_every_visit_that_is_not_back_brings_another_token(client: Client, stock: Batch) -> None:
    tokens = {re.findall(r'name="token" value="([^"]+)"', client.get("/beli/").content.decode())[0] for _ in range(3)}
    assert len(tokens) == 3


def test_one_too_many_for_a_person_is_said_with_409_and_nothing_is_lost(
    client: Client, stock: Batch, settings: Any
) -> None:
    settings.MAX_STAMPS_PER_PERSON = 3
    assert client.post("/beli/", form()).status_code == 303
    answer = client.post("/beli/", form())
    assert answer.status_code == 409 and "paling banyak 3 meterai" in text(answer)
    assert 'value="siti@contoh.example"' in answer.content.decode() and Order.objects.count() == 1


# --- finding


def ask(client: Client, code: str, contact: str) -> HttpResponse:
    answer: Any = client.post("/pesanan/", {"code": code, "contact": contact}, follow=True)
    return answer


def test_the_answer_is_the_same_whether_an_order_exists_or_not(client: Client, order: Order, now: datetime) -> None:
    Notice.objects.all().delete()
    pages = [
        ask(client, *asked)
        for asked in (
            (order.code, order.email),
            (order.code, "x@contoh.example"),
            ("MT-0000-0000", order.email),
        )
    ]
    assert len({re.sub(r'csrfmiddlewaretoken" value="\w+"', "", page.content.decode()) for page in pages}) == 1
    assert noticing.send_due(at=now.replace(year=now.year + 1)) == 1
    assert order.key in mail.outbox[0].body


def test_a_code_is_understood_as_people_write_it(client: Client, order: Order) -> None:
    Notice.objects.all().delete()
    ask(client, order.code.lower().replace("-", " "), " SITI@contoh.example ")
    assert Notice.objects.filter(template="link").count() == 1


def test_a_link_is_sent_five_times_an_hour_at_most(client: Client, order: Order) -> None:
    for address in range(5):
        assert (
            client.post(
                "/pesanan/", {"code": order.code, "contact": order.email}, REMOTE_ADDR=f"10.0.0.{address}"
            ).status_code
            == 303
        )
    answer = client.post("/pesanan/", {"code": order.code, "contact": order.email}, REMOTE_ADDR="10.0.0.9")
    assert answer.status_code == 429 and answer["Retry-After"]
    assert "Terlalu banyak percobaan" in text(answer)


def test_asking_works_the_same_whether_an_order_exists_or_not(client: Client, order: Order) -> None:
    """Neither the status nor the headers nor the number of limits that are counted tells the two apart."""
    answers = [
        client.post("/pesanan/", {"code": code, "contact": order.email}) for code in (order.code, "MT-0000-0000")
    ]
    assert len({(one.status_code, one["Location"], one["Cache-Control"]) for one in answers}) == 1
    wrong = [
        client.post("/pesanan/", {"code": "MT-0000-0000", "contact": order.email}, REMOTE_ADDR=f"10.1.0.{n}")
        for n in range(5)
    ]
    assert [one.status_code for one in wrong] == [303] * 4 + [429]


@pytest.mark.parametrize("exists", [True, False])
def test_asking_takes_as_long_whether_an_order_exists_or_not(exists: bool, order: Order, now: datetime) -> None:
    begun = time.monotonic()
    code = order.code if exists else "MT-0000-0000"
    assert finding.send_link(code=code, contact=Contact(email=order.email), at=now) is exists
    assert time.monotonic() - begun >= finding.SECONDS


def test_one_address_may_not_try_code_after_code(client: Client, order: Order) -> None:
    tried = [client.post("/pesanan/", {"code": f"MT-0000-00{n:02X}", "contact": order.email}) for n in range(10, 32)]
    # Ten a minute; a minute may end in between.
    assert [answer.status_code for answer in tried].count(429) >= 2


# --- on the order


def test_i_have_paid_asks_the_gateway_now(gateway: Server, client: Client, order: Order, now: datetime) -> None:
    payment = order.payments.get()
    paying.start(payment=payment, at=now)
    gateway.act(payment.gateway_reference, "pay")
    assert client.post(inside(order, "cek")).status_code == 303
    order.refresh_from_db()
    assert order.state == "paid"


def test_cancelling_frees_the_stamps_and_a_paid_order_stays(client: Client, order: Order, now: datetime) -> None:
    assert client.post(inside(order, "batal")).status_code == 303
    order.refresh_from_db()
    assert order.state == "cancelled"
    other = factories.order(at=now)
    payment = factories.asked_for(other, at=now)
    paying.settle(payment=payment, standing=factories.standing(payment, at=now), at=now)
    client.post(inside(other, "batal"))
    other.refresh_from_db()
    assert other.state == "paid"


def test_another_way_to_pay_is_open_after_a_failure_only(
    gateway: Server, client: Client, order: Order, now: datetime
) -> None:
    client.post(inside(order, "bayar"), {"method": "sandbox:va"})
    assert order.payments.count() == 1
    Payment.objects.update(state="failed")
    assert client.post(inside(order, "bayar"), {"method": "sandbox:va"}).status_code == 303
    assert order.payments.get(state="started").method == "va"


@pytest.mark.parametrize("step", ["cek", "batal", "bayar"])
def test_what_changes_an_order_wants_its_key_and_a_post(step: str, client: Client, order: Order) -> None:
    assert client.get(inside(order, step)).status_code == 405
    assert client.post(f"/pesanan/{order.code}/{'x' * 22}/{step}/").status_code == 404
    assert client.post(f"/pesanan/MT-0000-0000/{order.key}/{step}/").status_code == 404
    order.refresh_from_db()
    assert order.state == "pending"


def test_forms_without_their_token_are_refused_in_words(order: Order) -> None:
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(inside(order, "batal"))
    assert answer.status_code == 403 and "Formulir tidak dapat dikirim" in text(answer)


# --- the payment panel


def facts(order: Order, at: datetime) -> dict[str, Any]:
    order.refresh_from_db()
    return showing.payment_facts(order=order, at=at)


def test_the_panel_follows_the_money(order: Order, now: datetime) -> None:
    assert facts(order, now)["panel"] == "preparing"
    assert facts(order, now + showing.SILENCE)["panel"] == "unknown"
    payment = factories.asked_for(order, at=now)
    waiting = facts(order, now)
    assert waiting["panel"] == "waiting" and waiting["qr_picture"].startswith("data:image/svg+xml")
    assert waiting["is_moving"] and [step.state for step in waiting["timeline"]] == ["done", "now"]
    paying.settle(payment=payment, standing=factories.standing(payment, at=now), at=now)
    paid = facts(order, now)
    assert paid["panel"] == "paid" and paid["receipt_url"] and not paid["is_moving"]


def test_the_panel_tells_of_failure_hold_expiry_and_refund(order: Order, now: datetime) -> None:
    Payment.objects.update(state="failed")
    assert facts(order, now)["can_choose_again"]
    assert not facts(order, order.expires_at)["can_choose_again"]
    Payment.objects.update(state="held")
    assert facts(order, now)["panel"] == "held"
    other = factories.order(at=now)
    payment = factories.asked_for(other, at=now)
    late = other.expires_at.replace(year=now.year + 1)
    reserving.release_expired(at=late)
    assert facts(other, late)["panel"] == "expired"
    factories.order(at=late, quantity=30)
    paying.settle(payment=payment, standing=factories.standing(payment, at=late), at=late)
    assert facts(other, late)["has_refunds"]


def test_the_fee_of_another_way_is_shown_and_paid(order: Order, now: datetime) -> None:
    Payment.objects.update(state="failed")
    ordering.pay_again(order=order, gateway="sandbox", method="va", at=now)
    order.refresh_from_db()
    assert order.total == order.payments.latest("created_at").amount
