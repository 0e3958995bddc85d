"""A stand-in for DOKU Checkout, written from its documentation and not from our client.

developers.doku.com: accept-payments/doku-checkout/integration-guide/backend-integration,
get-started-with-doku-api/signature-component/non-snap, …/check-status-api/non-snap, …/idempotency-request,
…/notification/http-notification-sample-non-snap, accept-payments/doku-checkout/order-status-for-checkout-page.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from tests.contracts.stand_in import Seen, StandIn, Wrong

CLIENT_ID = "BRN-0001-1700000000000"
SECRET_KEY = "SK-a-key-for-tests"
NOTIFY_PATH = "/gerbang/doku/notifikasi"
WIB = timezone(timedelta(hours=7))


class DokuServer(StandIn):
    """Keeps orders by invoice number. `is_old`: an account without order.status, from before December 2024."""

    def __init__(self, *, is_old: bool = False) -> None:
        super().__init__()
        self.is_old = is_old
        self.orders: dict[str, dict[str, Any]] = {}
        self._answered: dict[str, tuple[bytes, dict[str, Any]]] = {}

    def forget_requests(self) -> None:
        self._answered.clear()

    def become(self, invoice: str, status: str, **more: Any) -> None:
        """The buyer has chosen a channel, and the transaction stands so."""
        self.orders[invoice]["transaction"] = {
            "status": status,
            "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "original_request_id": str(uuid.uuid4()),
        } | more

    def page(self, invoice: str, status: str) -> None:
        self.orders[invoice]["page"] = status

    def notification(
        self,
        invoice: str,
        /,
        *,
        sent_at: datetime | None = None,
        secret: str = SECRET_KEY,
        path: str = NOTIFY_PATH,
        body: bytes | None = None,
    ) -> tuple[dict[str, str], bytes]:
        """Headers and body of what DOKU would POST now about this invoice."""
        if body is None:
            channel = {"service": {"id": "QRIS"}, "acquirer": {"id": "DOKU"}, "channel": {"id": "QRIS_DOKU"}}
            body = json.dumps(channel | self._shown(invoice)).encode()
        headers = {
            "Client-Id": CLIENT_ID,
            "Request-Id": str(uuid.uuid4()),
            "Request-Timestamp": (sent_at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return headers | {"Signature": _signed(headers, path, body, secret)}, body

    def answer(self, seen: Seen) -> tuple[int, dict[str, Any]]:
        self._check(seen)
        if seen.verb == "POST" and seen.path == "/checkout/v1/payment":
            return self._once(seen)
        invoice = seen.path.removeprefix("/orders/v1/status/")
        if seen.verb != "GET" or invoice not in self.orders:
            raise _no(404, "order not found")
        if self.is_old and "transaction" not in self.orders[invoice]:
            raise _no(404, "order not found")
        return 200, self._shown(invoice)

    def _check(self, seen: Seen) -> None:
        names = ("Client-Id", "Request-Id", "Request-Timestamp")
        headers = {name: seen.headers.get(name.lower(), "") for name in names}
        expected = _signed(headers, seen.path, seen.body if seen.verb == "POST" else None, SECRET_KEY)
        if headers["Client-Id"] != CLIENT_ID or seen.headers.get("signature") != expected:
            raise _no(401, "invalid signature")
        sent_at = datetime.strptime(headers["Request-Timestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if abs(datetime.now(UTC) - sent_at) > timedelta(minutes=5):
            raise _no(400, "invalid request timestamp")
        if not 1 <= len(headers["Request-Id"]) <= 128:
            raise _no(400, "invalid request id")

    def _once(self, seen: Seen) -> tuple[int, dict[str, Any]]:
        """ "Same request ID and same Request Body: the same Response body with HTTP Status Code 409 Conflict"."""
        key = seen.headers["request-id"]
        if key in self._answered:
            body, answer = self._answered[key]
            return 409, answer if body == seen.body else {"error_messages": ["request id is used already"]}
        answer = self._checkout(seen.json())
        self._answered[key] = (seen.body, answer)
        return 200, answer

    def _checkout(self, wish: dict[str, Any]) -> dict[str, Any]:
        order, payment = wish["order"], wish["payment"]
        invoice, amount, minutes = order["invoice_number"], order["amount"], payment["payment_due_date"]
        problems = [
            message
            for wrong, message in (
                (not 1 <= len(invoice) <= 30, "order.invoice_number must be at most 30 characters"),
                (type(amount) is not int or amount <= 0, "order.amount must greater than 0"),
                (type(minutes) is not int or minutes < 1, "payment.payment_due_date is not valid"),
                (invoice in self.orders, "order.invoice_number is used already"),
                (not payment["payment_method_types"], "payment.payment_method_types is empty"),
                (sum(i["price"] * i["quantity"] for i in order["line_items"]) != amount, "order.line_items is wrong"),
            )
            if wrong
        ]
        if problems:
            raise Wrong(400, {"error_messages": problems})
        self.orders[invoice] = {"wish": wish, "page": "ORDER_GENERATED"}
        token = secrets.token_hex(16)
        due = (datetime.now(UTC) + timedelta(minutes=minutes)).astimezone(WIB)
        return {
            "message": ["SUCCESS"],
            "response": {
                "order": {"amount": str(amount), "invoice_number": invoice, "currency": "IDR", "session_id": token},
                "payment": {
                    "payment_method_types": payment["payment_method_types"],
                    "payment_due_date": minutes,
                    "token_id": token,
                    "url": f"{self.url}/checkout-link-v2/{token}",
                    "expired_date": due.strftime("%Y%m%d%H%M%S"),
                },
            },
        }

    def _shown(self, invoice: str) -> dict[str, Any]:
        known = self.orders[invoice]
        order = {"invoice_number": invoice, "amount": float(known["wish"]["order"]["amount"])}
        if not self.is_old:
            order["status"] = known["page"]
        return {"order": order, "transaction": known.get("transaction"), "service": {"id": None}}


def _signed(headers: dict[str, str], target: str, body: bytes | None, secret: str) -> str:
    component = "\n".join(f"{name}:{value}" for name, value in headers.items()) + f"\nRequest-Target:{target}"
    if body is not None:
        component += "\nDigest:" + base64.b64encode(hashlib.sha256(body).digest()).decode()
    made = hmac.new(secret.encode(), component.encode(), hashlib.sha256).digest()
    return "HMACSHA256=" + base64.b64encode(made).decode()


def _no(status: int, message: str) -> Wrong:
    return Wrong(status, {"error": {"code": "invalid", "message": message}})
