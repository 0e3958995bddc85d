"""Our client of the sandbox against a server that answers badly, and against notifications that are wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from standardwebhooks import Webhook

from orders.payments.gateway import Charge, Forged, Malformed, Method, PaymentError, Status
from orders.payments.registry import UnknownGateway, gateway
from orders.payments.sandbox.client import SandboxGateway

NUMBER = "SBX" + "A1" * 10
SECRET = "whsec_bm90IGEgcmVhbCBzZWNyZXQgYXQgYWxs"
AT = datetime(2026, 9, 3, 3, 0, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "id": NUMBER,
    "reference": "P1",
    "amount": 10_000,
    "amount_received": 10_000,
    "amount_refunded": 0,
    "currency": "IDR",
    "status": "paid",
    "method": "qris",
    "qr_string": "00020101",
    "va_number": None,
    "va_bank": None,
    "pay_url": None,
    "expires_at": "2026-09-03T04:00:00+00:00",
    "paid_at": "2026-09-03T03:00:00+00:00",
}
CHARGE = Charge(
    reference="P1",
    amount=10_000,
    method=Method.QRIS,
    description="1 e-meterai",
    expires_at=AT + timedelta(hours=1),
    notify_url="http://shop.example/n",
    return_url="http://shop.example/r",
)


class Stub:
    """Answers every request with one status and body."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 200, b"{}", dict[str, str]()
        self.asked: list[str] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stub.asked.append(self.path)
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(stub.status)
                for name, value in stub.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(stub.body)))
                self.end_headers()
                self.wfile.write(stub.body)

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.client = client(f"http://127.0.0.1:{self.server.server_port}")


def client(url: str) -> SandboxGateway:
    return SandboxGateway(url=url, server_key="very-secret-key", notify_secret=SECRET)


@pytest.fixture
def stub() -> Iterator[Stub]:
    stub = Stub()
    yield stub
    stub.server.shutdown()
    stub.server.server_close()


def test_a_good_answer_becomes_a_standing(stub: Stub) -> None:
    stub.body = json.dumps(GOOD).encode()
    standing = stub.client.ask(NUMBER)
    assert (standing.status, standing.amount, standing.paid_at) == (Status.PAID, 10_000, AT)


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        (400, True),
        (401, True),
        (404, True),
        (422, True),
        (408, False),
        (429, False),
        (500, False),
        (503, False),
    ],
)
def test_a_refusal_is_permanent_and_a_breakdown_is_not(stub: Stub, status: int, permanent: bool) -> None:
    stub.status = status
    with pytest.raises(PaymentError) as error:
        stub.client.ask(NUMBER)
    assert error.value.permanent is permanent


def test_a_redirect_is_not_followed(stub: Stub) -> None:
    stub.status, stub.headers = 302, {"Location": "/v1/elsewhere"}
    with pytest.raises(PaymentError) as error:
        stub.client.ask(NUMBER)
    assert not error.value.permanent
    assert stub.asked == [f"/v1/payments/{NUMBER}"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"[" * 60_000])
def test_an_unreadable_answer_leaves_the_outcome_unknown(stub: Stub, body: bytes) -> None:
    stub.body = body
    with pytest.raises(PaymentError) as error:
        stub.client.ask(NUMBER)
    assert not error.value.permanent


def test_an_answer_without_end_is_not_read_to_its_end(stub: Stub) -> None:
    stub.body = json.dumps(GOOD | {"description": "x" * 70_000}).encode()
    with pytest.raises(PaymentError, match="too large") as error:
        stub.client.ask(NUMBER)
    assert not error.value.permanent


@pytest.mark.parametrize(
    "change",
    [
        {"currency": "USD"},
        {"status": "kind of paid"},
        {"amount_received": "10000"},
        {"amount_received": True},
        {"amount_received": 10_000.0},
        {"amount_received": -1},
        {"paid_at": None},
        {"paid_at": "2026-09-03T03:00:00"},
        {"id": "SBX" + "B2" * 10},
        {"reference": None},
    ],
)
def test_an_answer_with_a_wrong_fact_is_refused(stub: Stub, change: dict[str, object]) -> None:
    stub.body = json.dumps(GOOD | change).encode()
    with pytest.raises(PaymentError):
        stub.client.ask(NUMBER)


@pytest.mark.parametrize(
    "change", [{"amount": 1}, {"reference": "P2"}, {"method": "va"}, {"currency": "USD"}, {"qr_string": None}]
)
def test_a_start_that_took_something_else_is_refused(stub: Stub, change: dict[str, object]) -> None:
    stub.body = json.dumps(GOOD).encode()
    assert stub.client.start(CHARGE).gateway_reference == NUMBER
    stub.body = json.dumps(GOOD | change).encode()
    with pytest.raises(PaymentError):
        stub.client.start(CHARGE)


def test_an_unreachable_gateway_is_not_a_failed_payment() -> None:
    with pytest.raises(PaymentError) as error:
        client("http://127.0.0.1:9").start(CHARGE)
    assert not error.value.permanent
    assert "very-secret-key" not in f"{error.value!r} {error.value.__cause__!r}"


def test_a_gateway_shows_no_secret() -> None:
    shown = repr(client("http://127.0.0.1:9"))
    assert "very-secret-key" not in shown and SECRET not in shown


@pytest.mark.parametrize(
    "change", [{"url": "127.0.0.1"}, {"url": "http://a:b@c"}, {"server_key": ""}, {"notify_secret": "sesame"}]
)
def test_an_unusable_option_is_refused_without_repeating_a_secret(change: dict[str, str]) -> None:
    options = {"url": "http://127.0.0.1:9", "server_key": "very-secret-key", "notify_secret": SECRET} | change
    with pytest.raises(ValueError) as error:
        SandboxGateway(**options)
    assert "sesame" not in str(error.value) and SECRET not in str(error.value)


def test_the_registry_builds_a_gateway_once() -> None:
    configuration = {"sandbox": {"url": "http://127.0.0.1:9", "server_key": "k", "notify_secret": SECRET}}
    assert gateway("sandbox", configuration=configuration) is gateway("sandbox", configuration=configuration)
    with pytest.raises(UnknownGateway):
        gateway("barter", configuration=configuration)
    with pytest.raises(UnknownGateway):
        gateway("sandbox", configuration={})


def test_a_signed_notification_is_read_at_the_time_it_is_handed() -> None:
    body = _notice()
    notified = client("http://127.0.0.1:9").read(_signed(body), body, AT)
    assert (notified.event, notified.gateway_reference) == ("msg_1", NUMBER)


def test_one_of_several_signatures_is_enough() -> None:
    body = _notice()
    headers = _signed(body)
    headers["Webhook-Signature"] = "v1,b3RoZXI= v1a,eA== " + headers.pop("webhook-signature")
    assert client("http://127.0.0.1:9").read(headers, body, AT).event == "msg_1"


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_2"},
        {"webhook-id": ""},
        {"webhook-timestamp": "1"},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "٣"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,é\ud800"},
    ],
)
def test_a_notification_with_a_wrong_header_is_forged(change: dict[str, str]) -> None:
    body = _notice()
    with pytest.raises(Forged):
        client("http://127.0.0.1:9").read(_signed(body) | change, body, AT)


def test_a_body_that_is_no_text_is_forged() -> None:
    with pytest.raises(Forged):
        client("http://127.0.0.1:9").read(_signed(_notice()), b"\xff\xfe", AT)


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b"[]",
        b'{"type": "payment.updated"}',
        b'{"type": "payment.updated", "data": {"id": 7}}',
        b'{"type": "payment.updated", "data": {"id": "../../x"}}',
        b'{"type": "payout.updated", "data": {"id": "SBXA1A1A1A1A1A1A1A1A1A1"}}',
    ],
)
def test_a_signed_notification_of_another_shape_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        client("http://127.0.0.1:9").read(_signed(body), body, AT)


def _notice() -> bytes:
    return json.dumps({"type": "payment.updated", "data": {"id": NUMBER, "status": "paid"}}).encode()


def _signed(body: bytes) -> dict[str, str]:
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(AT.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_1", AT, body.decode()),
    }
