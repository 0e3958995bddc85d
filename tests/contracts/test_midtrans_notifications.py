"""Midtrans at our door: what is signed is stored once and asked about, everything else changes nothing."""

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
from orders.payments.gateway import Forged, Malformed
from orders.payments.midtrans.client import MidtransGateway
from tests import factories
from tests.contracts.midtrans_server import SERVER_KEY, MidtransServer

pytestmark = pytest.mark.django_db
URL = "/gerbang/midtrans/notifikasi"


@pytest.fixture
def server(settings: Any) -> Iterator[MidtransServer]:
    """The site under test pays through Midtrans."""
    with MidtransServer() as server:
        options = {"server_key": SERVER_KEY, "environment": "sandbox", "url": server.url}
        settings.GATEWAY_SETTINGS = {"midtrans": options}
        yield server


@pytest.fixture
def payment(server: MidtransServer, stock: object, now: datetime) -> Payment:
    payment = factories.order(at=now, gateway="midtrans").payments.get()
    paying.start(payment=payment, at=now)
    assert payment.state == "pending"
    return payment


def work_off() -> int:
    """What a worker does at its next tick."""
    return hearing.process(at=timezone.now() + timedelta(seconds=1))


def post(client: Client, body: bytes) -> HttpResponse:
    return client.post(URL, data=body, content_type="application/json")


def test_a_true_notification_is_stored_once_and_pays_the_order(
    client: Client, server: MidtransServer, payment: Payment
) -> None:
    server.pay(str(payment.pk))
    body = server.notification(str(payment.pk))
    for _ in range(3):
        assert post(client, body).status_code == 204
    assert Notification.objects.count() == 1
    assert work_off() == 1
    payment.refresh_from_db()
    order = Order.objects.get(pk=payment.order_id)
    assert (payment.state, order.state) == ("paid", "paid")


def test_a_notification_is_sent_to_the_address_that_answers_it(server: MidtransServer, payment: Payment) -> None:
    assert server.transactions[str(payment.pk)]["notify_url"].endswith(URL)


def test_what_a_notification_claims_is_not_believed(client: Client, server: MidtransServer, payment: Payment) -> None:
    body = server.notification(str(payment.pk), transaction_status="settlement", status_code="200")
    assert post(client, body).status_code == 204
    assert work_off() == 1
    payment.refresh_from_db()
    assert payment.state == "pending"


def test_notifications_out_of_order_and_money_back_are_different_events(
    client: Client, server: MidtransServer, payment: Payment
) -> None:
    reference = str(payment.pk)
    pending = server.notification(reference)
    server.pay(reference)
    settled = server.notification(reference)
    server.become(reference, "partial_refund", refund_amount="10000.00")
    refunded = server.notification(reference)
    refunds = [{"refund_key": "refund-1", "refund_amount": "10000.00", "bank_confirmed_at": "2026-09-03 11:00:00"}]
    confirmed = server.notification(reference, refunds=refunds)
    for body in (confirmed, refunded, settled, pending, settled):
        assert post(client, body).status_code == 204
    assert Notification.objects.count() == 4
    work_off()
    payment.refresh_from_db()
    assert payment.state == "paid"


@pytest.mark.parametrize(
    "fault", ["another key", "changed amount", "unsigned", "not text", "not json", "a list", "deep"]
)
def test_a_forged_notification_is_refused_and_not_kept(
    client: Client,
    server: MidtransServer,
    payment: Payment,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    caplog.set_level(logging.INFO)
    reference = str(payment.pk)
    good = json.loads(server.notification(reference))
    body = {
        "another key": server.notification(reference, server_key="SB-Mid-server-another"),
        "changed amount": json.dumps(good | {"gross_amount": "1.00"}).encode(),
        "unsigned": json.dumps({k: v for k, v in good.items() if k != "signature_key"}).encode(),
        "not text": json.dumps(good | {"status_code": 201, "signature_key": "é"}).encode(),
        "not json": b"\xff<xml/>",
        "a list": json.dumps([good]).encode(),
        "deep": b"[" * 50_000,
    }[fault]
    assert post(client, body).status_code == 401
    assert not Notification.objects.exists()
    [line] = [record for record in caplog.records if record.name == "orders.webhooks"]
    assert "midtrans" in line.getMessage()
    assert SERVER_KEY not in caplog.text and reference not in line.getMessage()


@pytest.mark.parametrize(
    "change",
    [
        {"order_id": "../v2/other"},
        {"order_id": "a b"},
        {"order_id": "x" * 60},
        {"transaction_status": ["settlement"]},
        {"transaction_status": "x" * 41},
        {"refunds": [{"bank_confirmed_at": "2026-09-03 11:00:00", "refund_key": 7}]},
    ],
)
def test_a_signed_notification_of_another_shape_is_refused_as_malformed(
    client: Client, server: MidtransServer, payment: Payment, change: dict[str, Any]
) -> None:
    assert post(client, server.notification(str(payment.pk), **change)).status_code == 400
    assert not Notification.objects.exists()


def test_a_flood_of_bytes_is_refused_unread(client: Client, server: MidtransServer, payment: Payment) -> None:
    assert post(client, b"x" * 100_001).status_code == 413
    assert not Notification.objects.exists()


def test_a_strangers_payment_is_put_aside(client: Client, server: MidtransServer, payment: Payment) -> None:
    stranger = str(uuid.uuid4())
    server.transactions[stranger] = server.transactions[str(payment.pk)] | {"order_id": stranger}
    assert post(client, server.notification(stranger)).status_code == 204
    assert work_off() == 0
    assert Notification.objects.get().processed_at is None
    payment.refresh_from_db()
    assert payment.state == "pending"


def test_a_replay_of_an_old_notification_is_known_already(
    client: Client, server: MidtransServer, payment: Payment
) -> None:
    old = server.notification(str(payment.pk))
    post(client, old)
    work_off()
    server.pay(str(payment.pk))
    post(client, server.notification(str(payment.pk)))
    work_off()
    assert post(client, old).status_code == 204
    assert Notification.objects.count() == 2 and work_off() == 0
    payment.refresh_from_db()
    assert payment.state == "paid"


def test_a_fresh_field_of_theirs_changes_neither_the_verdict_nor_the_event(server: MidtransServer) -> None:
    gateway = MidtransGateway(server_key=SERVER_KEY, environment="sandbox", url=server.url)
    reference, at = str(uuid.uuid4()), datetime.now(UTC)
    server.transactions[reference] = {
        "order_id": reference,
        "gross_amount": "20000.00",
        "transaction_status": "settlement",
    }
    told = gateway.read({}, server.notification(reference), at)
    assert gateway.read({}, server.notification(reference, shoe_size="43"), at) == told
    assert told.gateway_reference == reference and len(told.event) == 64
    with pytest.raises(Forged):
        gateway.read({}, b"", at)
    with pytest.raises(Malformed):
        gateway.read({}, server.notification(reference, order_id=""), at)
