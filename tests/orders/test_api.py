"""The shop for programs."""

import uuid
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from meterai.models import Batch
from orders import paying
from orders.models import Order
from tests.contracts.conftest import Server

pytestmark = pytest.mark.django_db
URL = "/api/v1/orders"
WISH = {"quantity": 2, "email": "siti@contoh.example", "method": "qris"}


def place(client: Client, wish: Any = WISH, key: str = "") -> Any:
    headers = {"Idempotency-Key": key or str(uuid.uuid4())}
    return client.post(URL, wish, content_type="application/json", headers=headers)


def is_problem(answer: Any, status: int, code: str) -> bool:
    told = answer.json()
    assert answer["Content-Type"] == "application/problem+json"
    return (answer.status_code, told["status"], told["code"]) == (status, status, code)


def test_an_order_is_made_with_all_that_is_needed_to_pay(gateway: Server, client: Client, stock: Batch) -> None:
    answer = place(client)
    told = answer.json()
    assert answer.status_code == 201 and told["state"] == "pending" and told["total"] == 20_000
    assert (told["payment"]["state"], told["serials"]) == ("started", [])
    paying.start_due(at=timezone.now())
    told = client.get(f"{URL}/{told['code']}", headers={"X-Order-Key": told["key"]}).json()
    assert (told["payment"]["state"], told["serials"]) == ("pending", []) and told["payment"]["qr_string"]
    assert told["links"]["page"].endswith(f"/pesanan/{told['code']}/{told['key']}/")


def test_a_repeat_gives_the_same_order(gateway: Server, client: Client, stock: Batch) -> None:
    first, again = place(client, key="k" * 20), place(client, key="k" * 20)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["code"] == again.json()["code"] and Order.objects.count() == 1


def test_a_key_for_another_body_is_refused(gateway: Server, client: Client, stock: Batch) -> None:
    place(client, key="k" * 20)
    assert is_problem(place(client, WISH | {"quantity": 3}, key="k" * 20), 422, "key_reused")


@pytest.mark.parametrize("key", ["short", "x" * 65, "with space in the key", "кириллица-ключ-дл"])
def test_an_order_without_a_good_key_is_refused(key: str, client: Client, stock: Batch) -> None:
    headers = {"Idempotency-Key": key.encode().decode("latin-1")}
    answer = client.post(URL, WISH, content_type="application/json", headers=headers)
    assert is_problem(answer, 400, "idempotency_key_missing")
    assert is_problem(client.post(URL, WISH, content_type="application/json"), 400, "idempotency_key_missing")


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": 0},
        {"quantity": 51},
        {"quantity": "many"},
        {"email": ""},
        {"email": "siti"},
        {"phone": "12"},
        {"method": "coin"},
        {"gateway": "other"},
        {"reseller": "a b"},
        {"language": "fr"},
        {"email": "a\x00@contoh.example"},
    ],
)
def test_a_wrong_body_is_refused_by_field(wrong: dict[str, Any], client: Client, stock: Batch) -> None:
    answer = place(client, WISH | wrong)
    assert is_problem(answer, 400, "invalid") and answer.json()["errors"]
    assert not Order.objects.exists()


@pytest.mark.parametrize("body", ["", "[]", "nonsense", '"text"', "null"])
def test_what_is_no_order_at_all_is_refused_in_the_same_shape(body: str, client: Client) -> None:
    headers = {"Idempotency-Key": "k" * 20}
    answer = client.post(URL, body, content_type="application/json", headers=headers)
    assert answer.status_code == 400 and answer["Content-Type"] == "application/problem+json"


def test_sold_out_and_an_unknown_reseller_are_told_apart(client: Client, stock: Batch) -> None:
    assert is_problem(place(client, WISH | {"quantity": 31}), 409, "sold_out")
    assert is_problem(place(client, WISH | {"reseller": "nobody"}), 422, "not_selling")


def test_an_order_opens_by_header_and_not_by_query(client: Client, order: Order) -> None:
    address = f"{URL}/{order.code}"
    assert client.get(address, headers={"X-Order-Key": order.key}).json()["code"] == order.code
    assert is_problem(client.get(f"{address}?key={order.key}"), 404, "not_found")
    assert is_problem(client.get(f"{URL}/MT-0000-0000", headers={"X-Order-Key": order.key}), 404, "not_found")


def test_checking_credits_money_and_shows_the_serials(
    gateway: Server, client: Client, order: Order, now: datetime
) -> None:
    payment = order.payments.get()
    paying.start(payment=payment, at=now)
    gateway.act(payment.gateway_reference, "pay")
    told = client.post(f"{URL}/{order.code}/check", headers={"X-Order-Key": order.key}).json()
    assert told["state"] == "paid" and len(told["serials"]) == 2 and told["links"]["receipt"]


def test_a_silent_gateway_is_a_503_and_the_order_stays(
    gateway: Server, client: Client, order: Order, settings: Any
) -> None:
    settings.GATEWAY_SETTINGS = {"sandbox": settings.GATEWAY_SETTINGS["sandbox"] | {"url": "http://127.0.0.1:9"}}
    answer = client.post(f"{URL}/{order.code}/check", headers={"X-Order-Key": order.key})
    assert is_problem(answer, 503, "gateway_silent")


def test_prices_are_told_by_way_to_pay(client: Client) -> None:
    told = client.get("/api/v1/prices?quantity=3").json()
    assert told["duty"] == 10_000 and {way["total"] for way in told["methods"]} == {30_000}
    assert is_problem(client.get("/api/v1/prices?quantity=0"), 400, "invalid")
    assert is_problem(client.get("/api/v1/prices"), 400, "invalid")


def test_too_many_orders_from_one_address_wait(client: Client, settings: Any) -> None:
    answers = [place(client, {}) for _ in range(121)]
    assert answers[119].status_code == 400 and is_problem(answers[120], 429, "throttled")
    assert answers[120]["Retry-After"]


def test_a_phone_number_alone_is_enough(gateway: Server, client: Client, stock: Batch) -> None:
    told = place(client, {"quantity": 1, "phone": "0812 3456 7890", "method": "va"}).json()
    paying.start_due(at=timezone.now())
    payment = client.get(f"{URL}/{told['code']}", headers={"X-Order-Key": told["key"]}).json()["payment"]
    assert payment["va_number"] and payment["va_bank"]
    assert Order.objects.get().phone == "+6281234567890"
