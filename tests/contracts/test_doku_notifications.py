"""DOKU at our door: what is signed, fresh and ours is stored once and asked about, everything else changes nothing."""

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
from django.urls import reverse
from django.utils import timezone

from orders import hearing, paying
from orders.models import Notification, Order, Payment
from orders.payments.doku.client import DokuGateway
from orders.payments.doku.invoices import invoice_of
from orders.payments.gateway import Forged
from tests import factories
from tests.contracts.doku_server import CLIENT_ID, NOTIFY_PATH, SECRET_KEY, DokuServer

pytestmark = pytest.mark.django_db
Signed = tuple[dict[str, str], bytes]


@pytest.fixture
def server(settings: Any) -> Iterator[DokuServer]:
    """The site under test pays through DOKU."""
    with DokuServer() as server:
        options = {
            "client_id": CLIENT_ID,
            "secret_key": SECRET_KEY,
            "environment": "sandbox",
            "url": server.url,
        }
        settings.GATEWAY_SETTINGS = {"doku": options}
        yield server


@pytest.fixture
def payment(server: DokuServer, stock: object, now: datetime) -> Payment:
    payment = factories.order(at=now, gateway="doku").payments.get()
    paying.start(payment=payment, at=now)
    assert payment.state == "pending"
    return payment


def work_off() -> int:
    """What a worker does at its next tick."""
    return hearing.process(at=timezone.now() + timedelta(seconds=1))


def post(client: Client, signed: Signed) -> HttpResponse:
    headers, body = signed
    return client.post(NOTIFY_PATH, data=body, content_type="application/json", headers=headers)


def test_the_path_that_is_signed_is_the_path_of_our_door(payment: Payment, server: DokuServer) -> None:
    assert reverse("orders_gateway:notify", args=["doku"]) == NOTIFY_PATH
    wish = server.orders[payment.gateway_reference]["wish"]
    assert wish["additional_info"]["override_notification_url"].endswith(NOTIFY_PATH)
    assert payment.instructions["pay_url"].startswith(server.url)


def test_a_true_notification_is_stored_once_and_pays_the_order(
    client: Client, server: DokuServer, payment: Payment
) -> None:
    server.become(payment.gateway_reference, "SUCCESS")
    for _ in range(3):  # each with a Request-Id, a time and a signature of its own
        assert post(client, server.notification(payment.gateway_reference)).status_code == 204
    assert Notification.objects.count() == 1
    assert work_off() == 1
    payment.refresh_from_db()
    order = Order.objects.get(pk=payment.order_id)
    assert (payment.state, order.state) == ("paid", "paid")


def test_what_a_notification_claims_is_not_believed(client: Client, server: DokuServer, payment: Payment) -> None:
    order = {"invoice_number": payment.gateway_reference, "amount": 20_000}
    claim = json.dumps({"order": order, "transaction": {"status": "SUCCESS"}}).encode()
    assert post(client, server.notification(payment.gateway_reference, body=claim)).status_code == 204
    assert work_off() == 1
    payment.refresh_from_db()
    assert payment.state == "pending"


def test_notifications_out_of_order_are_different_events_and_pay_once(
    client: Client, server: DokuServer, payment: Payment
) -> None:
    server.become(payment.gateway_reference, "PENDING")
    pending = server.notification(payment.gateway_reference)
    server.become(payment.gateway_reference, "SUCCESS")
    paid = server.notification(payment.gateway_reference)
    for signed in (paid, pending, paid):
        assert post(client, signed).status_code == 204
    assert Notification.objects.count() == 2
    work_off()
    payment.refresh_from_db()
    assert payment.state == "paid"


@pytest.mark.parametrize(
    "fault",
    ["secret", "body", "path", "client", "time moved", "id moved", "unsigned", "strange", "stale", "ahead", "when"],
)
def test_a_forged_or_stale_notification_is_refused_and_not_kept(
    client: Client, server: DokuServer, payment: Payment, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    caplog.set_level(logging.INFO)
    invoice = payment.gateway_reference
    server.become(invoice, "SUCCESS")
    headers, body = server.notification(invoice)
    at = timezone.now()
    signed: Signed = {
        "secret": server.notification(invoice, secret="SK-another"),
        "body": (headers, body.replace(b"20000", b"90000")),
        "path": server.notification(invoice, path="/gerbang/xendit/notifikasi"),
        "client": (headers | {"Client-Id": "BRN-another"}, body),
        "time moved": (headers | {"Request-Timestamp": "2026-01-01T00:00:00Z"}, body),
        "id moved": (headers | {"Request-Id": str(uuid.uuid4())}, body),
        "unsigned": ({name: value for name, value in headers.items() if name != "Signature"}, body),
        "strange": (headers | {"Signature": "HMACSHA256=\xe9"}, body),
        "stale": server.notification(invoice, sent_at=at - timedelta(hours=13, minutes=1)),
        "ahead": server.notification(invoice, sent_at=at + timedelta(minutes=6)),
        "when": _signed_at(server, invoice, "yesterday"),
    }[fault]
    assert post(client, signed).status_code == 401
    assert not Notification.objects.exists()
    [line] = [record for record in caplog.records if record.name == "orders.webhooks"]
    assert "doku" in line.getMessage() and invoice not in line.getMessage()
    assert SECRET_KEY not in caplog.text


def _signed_at(server: DokuServer, invoice: str, word: str) -> Signed:
    """Truly signed, with a timestamp that is none."""

    class Word(datetime):
        def strftime(self, format: str, /) -> str:
            return word

    return server.notification(invoice, sent_at=Word(2026, 1, 1, tzinfo=UTC))


def test_the_last_repeat_after_twelve_hours_is_heard(client: Client, server: DokuServer, payment: Payment) -> None:
    sent_at = timezone.now() - timedelta(hours=12, minutes=30)
    assert post(client, server.notification(payment.gateway_reference, sent_at=sent_at)).status_code == 204


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b'"x"',
        b"{}",
        b'{"order": null}',
        b'{"order": {"invoice_number": 7}}',
        b'{"order": {"invoice_number": "INV-1"}}',
        b'{"order": {"invoice_number": "../AAAAAAAAAAAAAAAAAAAAAAA"}}',
        b"[" * 50_000,
        b"\xff\xfe",
    ],
)
def test_a_signed_notification_of_another_shape_is_refused_as_malformed(
    client: Client, server: DokuServer, payment: Payment, body: bytes
) -> None:
    assert post(client, server.notification(payment.gateway_reference, body=body)).status_code == 400
    assert not Notification.objects.exists()


def test_a_flood_of_bytes_is_refused_unread(client: Client, server: DokuServer, payment: Payment) -> None:
    signed = server.notification(payment.gateway_reference, body=b"x" * 100_001)
    assert post(client, signed).status_code == 413
    assert not Notification.objects.exists()


def test_a_strangers_invoice_is_put_aside(client: Client, server: DokuServer, payment: Payment) -> None:
    stranger = invoice_of(str(uuid.uuid4()))
    body = json.dumps({"order": {"invoice_number": stranger}, "transaction": {"status": "SUCCESS"}}).encode()
    assert post(client, server.notification(payment.gateway_reference, body=body)).status_code == 204
    assert work_off() == 0
    assert Notification.objects.get().processed_at is None
    payment.refresh_from_db()
    assert payment.state == "pending"


def test_a_replay_of_an_old_notification_is_known_already(client: Client, server: DokuServer, payment: Payment) -> None:
    server.become(payment.gateway_reference, "SUCCESS")
    signed = server.notification(payment.gateway_reference)
    post(client, signed)
    work_off()
    assert post(client, signed).status_code == 204
    assert Notification.objects.count() == 1 and work_off() == 0


def test_names_of_headers_are_read_in_any_case(server: DokuServer) -> None:
    gateway = DokuGateway(client_id=CLIENT_ID, secret_key=SECRET_KEY, environment="sandbox", url=server.url)
    reference = str(uuid.uuid4())
    body = json.dumps({"order": {"invoice_number": invoice_of(reference)}}).encode()
    headers, _ = server.notification("", body=body)
    at = datetime.now(UTC)
    told = gateway.read({name.upper(): value for name, value in headers.items()}, body, at)
    assert told == gateway.read(headers, body, at)
    assert told.gateway_reference == invoice_of(reference) and len(told.event) == 64
    with pytest.raises(Forged):
        gateway.read({}, body, at)
