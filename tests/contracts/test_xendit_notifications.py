"""Xendit at our door: what carries our token is stored once and asked about, everything else changes nothing."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from orders import hearing, paying
from orders.models import Notification, Order, Payment
from orders.payments.gateway import Forged
from orders.payments.xendit.client import XenditGateway
from tests import factories
from tests.contracts.xendit_server import CALLBACK_TOKEN, SECRET_KEY, XenditServer

pytestmark = pytest.mark.django_db
URL = "/gerbang/xendit/notifikasi"


@pytest.fixture
def server(settings: Any) -> Iterator[XenditServer]:
    """The site under test pays through Xendit."""
    with XenditServer() as server:
        options = {"secret_key": SECRET_KEY, "callback_token": CALLBACK_TOKEN, "url": server.url}
        settings.GATEWAY_SETTINGS = {"xendit": options}
        yield server


@pytest.fixture
def payment(server: XenditServer, stock: object, now: datetime) -> Payment:
    payment = factories.order(at=now, gateway="xendit").payments.get()
    paying.start(payment=payment, at=now)
    assert payment.state == "pending"
    return payment


def work_off() -> int:
    """What a worker does at its next tick."""
    return hearing.process(at=timezone.now() + timedelta(seconds=1))


def post(client: Client, body: bytes, token: str | None = CALLBACK_TOKEN) -> HttpResponse:
    headers = {} if token is None else {"x-callback-token": token}
    return client.post(URL, data=body, content_type="application/json", headers=headers)


def test_a_true_notification_is_stored_once_and_pays_the_order(
    client: Client, server: XenditServer, payment: Payment
) -> None:
    server.become(payment.gateway_reference, "SUCCEEDED")
    for _ in range(6):  # each delivery says another time of delivery
        assert post(client, server.notification(payment.gateway_reference)).status_code == 204
    assert Notification.objects.count() == 1
    assert work_off() == 1
    payment.refresh_from_db()
    assert (payment.state, Order.objects.get(pk=payment.order_id).state) == ("paid", "paid")


def test_what_a_notification_claims_is_not_believed(client: Client, server: XenditServer, payment: Payment) -> None:
    """The body is unsigned: whoever learns the token can claim a payment, and gains nothing by it."""
    assert post(client, server.notification(payment.gateway_reference, amount=1)).status_code == 204
    assert work_off() == 1
    payment.refresh_from_db()
    assert payment.state == "pending"


@pytest.mark.parametrize("token", [None, "", "another-token-for-tests", CALLBACK_TOKEN + "x", CALLBACK_TOKEN[:-1], "é"])
def test_a_forged_notification_is_refused_and_not_kept(
    client: Client, server: XenditServer, payment: Payment, caplog: pytest.LogCaptureFixture, token: str | None
) -> None:
    caplog.set_level(logging.INFO)
    server.become(payment.gateway_reference, "SUCCEEDED")
    assert post(client, server.notification(payment.gateway_reference), token).status_code == 401
    assert not Notification.objects.exists() and work_off() == 0
    payment.refresh_from_db()
    assert payment.state == "pending"
    [line] = [record for record in caplog.records if record.name == "orders.webhooks"]
    assert "xendit" in line.getMessage()
    assert CALLBACK_TOKEN not in caplog.text and payment.gateway_reference not in line.getMessage()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff<xml/>",
        b"[" * 50_000,
        b"[]",
        b'"text"',
        b"{}",
        b'{"event": "payment.succeeded"}',
        b'{"event": "payment.succeeded", "data": null}',
        b'{"event": "payment.succeeded", "data": []}',
        b'{"event": "payment.succeeded", "data": {"payment_request_id": "../refunds"}}',
        b'{"event": "payment.succeeded", "data": {"payment_request_id": 7}}',
        b'{"event": "payment.succeeded", "data": {"payment_request_id": null}}',
        b'{"event": "payment_method.expired", "data": {"payment_request_id": "pr-12345678"}}',
        b'{"event": 7, "data": {"payment_request_id": "pr-12345678"}}',
    ],
)
def test_a_notification_of_another_shape_is_refused_as_malformed(
    client: Client, server: XenditServer, payment: Payment, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    assert post(client, body).status_code == 400
    assert not Notification.objects.exists()
    assert len([record for record in caplog.records if record.name == "orders.webhooks"]) == 1


def test_a_flood_of_bytes_is_refused_unread(client: Client, server: XenditServer, payment: Payment) -> None:
    assert post(client, b"x" * 100_001).status_code == 413
    assert not Notification.objects.exists()


def test_a_payment_that_we_do_not_know_is_put_aside(client: Client, server: XenditServer, payment: Payment) -> None:
    stranger = f"pr-{uuid.uuid4()}"
    server.requests[stranger] = server.requests[payment.gateway_reference] | {"id": stranger}
    assert post(client, server.notification(stranger)).status_code == 204
    assert work_off() == 0
    assert Notification.objects.get().processed_at is None
    payment.refresh_from_db()
    assert payment.state == "pending"


def test_a_replay_changes_nothing_and_other_events_are_other_rows(
    client: Client, server: XenditServer, payment: Payment
) -> None:
    number = payment.gateway_reference
    pending = server.notification(number, "payment.pending", status="PENDING")
    server.become(number, "SUCCEEDED")
    paid = server.notification(number)
    for body in (paid, pending, paid, pending):
        assert post(client, body).status_code == 204
    assert Notification.objects.count() == 2
    work_off()
    payment.refresh_from_db()
    assert payment.state == "paid"
    back = server.notification(number, "refund.succeeded", id="rfd-1", payment_id=None)
    assert post(client, back).status_code == 204
    assert Notification.objects.count() == 3 and work_off() == 1
    payment.refresh_from_db()
    assert payment.state == "paid"


def test_a_fresh_field_of_theirs_changes_neither_the_verdict_nor_the_event(server: XenditServer) -> None:
    xendit = XenditGateway(secret_key=SECRET_KEY, callback_token=CALLBACK_TOKEN, url=server.url)
    number, at = f"pr-{uuid.uuid4()}", datetime.now(UTC)
    body = json.dumps({"event": "payment.succeeded", "data": {"payment_request_id": number, "id": "py-1"}}).encode()
    told = xendit.read({"X-CALLBACK-TOKEN": CALLBACK_TOKEN}, body, at)
    more = json.dumps(json.loads(body) | {"api_version": None, "shoe_size": 43}).encode()
    assert xendit.read({"x-callback-token": CALLBACK_TOKEN, "webhook-id": "w2"}, more, at) == told
    assert told.gateway_reference == number and len(told.event) == 64
    with pytest.raises(Forged):
        xendit.read({}, body, at)
