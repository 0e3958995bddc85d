"""Complaints through the API."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from meterai.models import Reseller
from orders.models import Order
from support.models import Ticket

pytestmark = pytest.mark.django_db
TICKETS = "/api/v1/tickets"


def post(client: Client, *, key: str | None = None, **changes: Any) -> HttpResponse:
    body = {"category": "refund", "text": "Kembalikan.", "email": "budi@contoh.example"} | changes
    headers = {"Idempotency-Key": key or uuid.uuid4().hex}
    answer: Any = client.post(TICKETS, body, content_type="application/json", headers=headers)
    return answer  # type: ignore[no-any-return]


def test_a_complaint_by_order_key_says_who_answers_and_why(client: Client, budi_order: Order, toko: Reseller) -> None:
    answer = post(client, email="", order_code=budi_order.code, order_key=budi_order.key)
    told = answer.json()  # type: ignore[attr-defined]
    assert answer.status_code == 201
    assert (told["holder"]["body"], told["holder"]["name"], told["holder"]["reason"]) == (
        "reseller",
        "Toko Contoh",
        "sold_by_reseller",
    )
    assert (told["state"], told["messages"]) == ("open", [])
    assert told["url"].endswith(Ticket.objects.get().tracking_url())
    assert "budi@contoh.example" not in answer.content.decode()


def test_the_same_key_and_body_give_the_same_ticket(client: Client) -> None:
    first, second = post(client, key="a" * 20), post(client, key="a" * 20)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.content == second.content
    assert Ticket.objects.count() == 1


def test_the_same_key_with_another_body_is_refused(client: Client) -> None:
    post(client, key="a" * 20)
    answer = post(client, key="a" * 20, text="Lain.")
    assert (answer.status_code, answer.json()["code"]) == (422, "key_reused")  # type: ignore[attr-defined]
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"key": "pendek"}, 400, "idempotency_key_missing"),
        ({"category": "apa"}, 400, "invalid"),
        ({"email": "bukan"}, 400, "invalid"),
        ({"email": ""}, 400, "invalid"),
        ({"phone": "12"}, 400, "invalid"),
        ({"text": "nol \x00"}, 400, "invalid"),
        ({"reseller": "tidak-ada"}, 400, "invalid"),
        ({"order_code": "MT-0000-0001", "order_key": "x" * 22}, 404, "not_found"),
    ],
)
def test_what_is_wrong_is_a_problem_with_a_code(
    client: Client, changes: dict[str, Any], status: int, code: str
) -> None:
    answer = post(client, **changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code)  # type: ignore[attr-defined]
    assert Ticket.objects.count() == 0


def test_a_ticket_opens_by_its_key_only(client: Client, complain: Callable[..., Ticket]) -> None:
    ticket = complain()
    opened = client.get(f"{TICKETS}/{ticket.code}", headers={"X-Ticket-Key": ticket.key})
    assert (opened.status_code, opened.json()["code"]) == (200, ticket.code)
    for headers in ({}, {"X-Ticket-Key": "x" * 22}):
        assert client.get(f"{TICKETS}/{ticket.code}", headers=headers).status_code == 404


def test_too_many_complaints_from_one_address_are_refused(client: Client) -> None:
    answers = [post(client) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [201] * 10 + [429]
    assert answers[-1]["Retry-After"]


def test_the_description_of_the_api_is_complete() -> None:
    GENERATOR_STATS.reset()
    described = SchemaGenerator().get_schema(request=None, public=True)
    assert {"/api/v1/tickets", "/api/v1/tickets/{code}"} <= set(described["paths"])
    about_tickets = [
        line for line in (*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache) if "support" in line
    ]
    assert about_tickets == []
