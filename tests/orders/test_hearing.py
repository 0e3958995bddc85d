"""Notifications: stored first, believed never, worked through from the table."""

import json
import secrets
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from standardwebhooks import Webhook

from meterai.models import Stamp
from orders import hearing, paying
from orders.models import Discrepancy, Notification, Order, Payment
from tests.contracts.conftest import NOTIFY_SECRET, Server

pytestmark = pytest.mark.django_db
URL = "/gerbang/sandbox/notifikasi"


@pytest.fixture
def payment(gateway: Server, order: Order, now: datetime) -> Payment:
    payment = order.payments.get()
    paying.start(payment=payment, at=now)
    return payment


def soon(now: datetime) -> datetime:
    """The door keeps the time at which it was knocked at, which is after `now`."""
    return now + timedelta(seconds=4)


def message(
    reference: str, *, at: datetime, event: str = "", status: str = "paid", secret: str = NOTIFY_SECRET
) -> dict[str, Any]:
    """What Client.post needs to send a signed notification."""
    event = event or f"msg_{secrets.token_hex(8)}"
    body = json.dumps({"type": "payment.updated", "data": {"id": reference, "status": status}})
    headers = {
        "webhook-id": event,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(event, at, body),
    }
    return {"path": URL, "data": body, "content_type": "application/json", "headers": headers}


def test_a_notification_only_says_whom_to_ask_about(client: Client, payment: Payment, now: datetime) -> None:
    answer = client.post(**message(payment.gateway_reference, at=now, status="paid"))
    assert answer.status_code == 204
    assert hearing.process(at=soon(now)) == 1
    payment.refresh_from_db()
    assert payment.state == "pending"  # it said "paid", the gateway itself does not


def test_told_twice_and_out_of_order_money_is_credited_once(
    client: Client, gateway: Server, payment: Payment, now: datetime
) -> None:
    gateway.act(payment.gateway_reference, "pay")
    first = message(payment.gateway_reference, at=now, event="msg_1", status="paid")
    late = message(payment.gateway_reference, at=now, event="msg_0", status="pending")
    for told in (first, first, late):
        assert client.post(**told).status_code == 204
        hearing.process(at=soon(now))
    payment.refresh_from_db()
    assert payment.state == "paid" and Stamp.objects.filter(state="sold").count() == 2
    assert Notification.objects.count() == 2


@pytest.mark.parametrize("fault", ["secret", "old", "unsigned"])
def test_a_forged_or_stale_notification_is_refused_and_not_kept(
    fault: str, client: Client, payment: Payment, now: datetime
) -> None:
    sent = {
        "secret": message(payment.gateway_reference, at=now, secret="whsec_" + "YW5vdGhlciBzZWNyZXQgZW50aXJlbHk="),
        "old": message(payment.gateway_reference, at=now - timedelta(minutes=6)),
        "unsigned": message(payment.gateway_reference, at=now) | {"headers": {}},
    }[fault]
    assert client.post(**sent).status_code == 401
    assert not Notification.objects.exists()


def test_malformed_large_and_unknown_are_told_apart(client: Client, payment: Payment, now: datetime) -> None:
    assert client.post(**message("not-an-id", at=now)).status_code == 400
    assert client.post(URL, b"x" * 100_001, content_type="application/json").status_code == 413
    assert client.post("/gerbang/nobody/notifikasi").status_code == 404
    assert client.get(URL).status_code == 405


def test_a_notification_that_outran_our_memory_waits(
    client: Client, gateway: Server, payment: Payment, now: datetime
) -> None:
    gateway.act(payment.gateway_reference, "pay")
    reference = payment.gateway_reference
    Payment.objects.update(gateway_reference="")
    client.post(**message(reference, at=now))
    assert hearing.process(at=soon(now)) == 0
    Payment.objects.update(gateway_reference=reference)
    assert hearing.process(at=now + timedelta(minutes=1)) == 1
    payment.refresh_from_db()
    assert payment.state == "paid"


def test_a_notification_about_nobody_is_put_aside_after_an_hour(
    client: Client, payment: Payment, now: datetime
) -> None:
    client.post(**message("SBX" + "9" * 20, at=now))
    assert hearing.process(at=now + timedelta(minutes=2)) == 0
    assert hearing.process(at=now + timedelta(hours=2)) == 1
    assert Notification.objects.get().outcome == "unknown payment"
    assert (Discrepancy.objects.get().kind, Discrepancy.objects.get().subject) == ("unknown", "sandbox SBX" + "9" * 20)


def test_many_that_name_nobody_hold_up_no_other(
    client: Client, gateway: Server, payment: Payment, now: datetime
) -> None:
    for number in range(3):
        client.post(**message(f"SBX{number:020d}", at=now))
    hearing.process(at=soon(now), limit=3)
    gateway.act(payment.gateway_reference, "pay")
    client.post(**message(payment.gateway_reference, at=now))
    assert hearing.process(at=soon(now), limit=3) == 1
    payment.refresh_from_db()
    assert payment.state == "paid"


def test_a_silent_gateway_is_asked_once_a_round(
    client: Client, payment: Payment, now: datetime, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        client.post(**message(payment.gateway_reference, at=now))
    settings.GATEWAY_SETTINGS = {"sandbox": settings.GATEWAY_SETTINGS["sandbox"] | {"url": "http://127.0.0.1:9"}}
    calls = []
    check = paying.check
    monkeypatch.setattr(paying, "check", lambda **given: (calls.append(given), check(**given)))
    assert hearing.process(at=soon(now)) == 0
    assert len(calls) == 1


def test_a_silent_gateway_leaves_the_notification_for_later(
    client: Client, payment: Payment, now: datetime, settings: Any
) -> None:
    client.post(**message(payment.gateway_reference, at=now))
    settings.GATEWAY_SETTINGS = {"sandbox": settings.GATEWAY_SETTINGS["sandbox"] | {"url": "http://127.0.0.1:9"}}
    assert hearing.process(at=soon(now)) == 0
    assert Notification.objects.get().processed_at is None


def test_the_database_keeps_an_event_once(now: datetime) -> None:
    values = {
        "gateway": "sandbox",
        "event": "msg_1",
        "gateway_reference": "SBX",
        "body": "",
        "received_at": now,
    }
    Notification.objects.create(**values)
    with pytest.raises(IntegrityError, match="notification_once"), transaction.atomic():
        Notification.objects.create(**values)
