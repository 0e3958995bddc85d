"""A stand-in for Midtrans's Core API, written from its documentation and not from our client.

docs.midtrans.com: reference/qris, reference/bni-virtual-account-1, reference/get-transaction-status,
reference/refund-transaction, reference/api-headers, reference/handle-notifications, reference/code-4xx.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from tests.contracts.stand_in import Seen, StandIn, Wrong

SERVER_KEY = "SB-Mid-server-a-key-for-tests"
WIB = timezone(timedelta(hours=7))
BALANCE = 1_000_000


class MidtransServer(StandIn):
    """Keeps transactions by order_id. `plain_http`: HTTP 200 for everything, the truth only in `status_code`."""

    def __init__(self, *, plain_http: bool = False) -> None:
        super().__init__()
        self.plain_http = plain_http
        self.transactions: dict[str, dict[str, Any]] = {}
        self.balance = BALANCE
        self.shows_qr_string = True
        self._answered: dict[str, dict[str, Any]] = {}

    def forget_keys(self) -> None:
        """Five minutes pass: Idempotency-Keys are forgotten."""
        self._answered.clear()

    def pay(self, order_id: str) -> None:
        self._move(order_id, "settlement", settlement_time=_now())

    def expire(self, order_id: str) -> None:
        self._move(order_id, "expire")

    def become(self, order_id: str, status: str, **more: Any) -> None:
        self._move(order_id, status, **more)

    def confirm_refund(self, order_id: str, refund_key: str) -> None:
        for refund in self.transactions[order_id]["refunds"]:
            if refund["refund_key"] == refund_key:
                refund["bank_confirmed_at"] = _now()

    def notification(self, order_id: str, /, *, server_key: str = SERVER_KEY, **change: Any) -> bytes:
        """The body of what Midtrans would POST now about this order."""
        told = self._shown(order_id) | {"status_message": "midtrans payment notification"} | change
        told["status_code"] = "202" if told["status_code"] == "407" else told["status_code"]
        signed = f"{told['order_id']}{told['status_code']}{told['gross_amount']}{server_key}"
        told["signature_key"] = hashlib.sha512(signed.encode()).hexdigest()
        return json.dumps(told).encode()

    def answer(self, seen: Seen) -> tuple[int, dict[str, Any]]:
        try:
            self._check(seen)
            code, body = self._routed(seen)
        except Wrong as wrong:
            code, body = wrong.status, wrong.body
        return 200 if self.plain_http else code, {"status_code": str(code)} | body

    def _check(self, seen: Seen) -> None:
        basic = "Basic " + base64.b64encode(f"{SERVER_KEY}:".encode()).decode()
        if seen.headers.get("authorization") != basic:
            raise _no(401, "Access denied due to unauthorized transaction")
        if seen.headers.get("accept") != "application/json":
            raise _no(403, "Accept must be application/json")
        if seen.verb == "POST" and seen.headers.get("content-type") != "application/json":
            raise _no(400, "Content-Type must be application/json")

    def _routed(self, seen: Seen) -> tuple[int, dict[str, Any]]:
        if seen.verb == "POST" and seen.path == "/v2/charge":
            return self._once(seen)
        head, _, last = seen.path.removeprefix("/v2/").partition("/")
        order_id = self._order_id(head)
        if seen.verb == "GET" and last == "status":
            shown = self._shown(order_id)
            return int(shown["status_code"]), shown
        if seen.verb == "POST" and last == "refund":
            return 200, self._refund(order_id, seen.json())
        raise _no(404, "Not found")

    def _once(self, seen: Seen) -> tuple[int, dict[str, Any]]:
        key = seen.headers.get("idempotency-key", "")
        if len(key) > 46:
            key = ""  # "Midtrans ignores the usage of Idempotency-Key if it is longer"
        if key and key in self._answered:
            return 201, self._answered[key]
        answer = self._charge(seen)
        if key:
            self._answered[key] = answer
        return 201, answer

    def _charge(self, seen: Seen) -> dict[str, Any]:
        wish = seen.json()
        details, expiry = wish["transaction_details"], wish["custom_expiry"]
        order_id, amount = details["order_id"], details["gross_amount"]
        if type(amount) is not int or amount <= 0 or len(order_id) > 50:
            raise _no(400, "Validation error")
        if sum(item["price"] * item["quantity"] for item in wish["item_details"]) != amount:
            raise _no(400, "transaction_details.gross_amount is not equal to the sum of item_details")
        if any(len(item["name"]) > 50 for item in wish["item_details"]):
            raise _no(400, "item_details.name is too long")
        if expiry["unit"] != "second" or expiry["expiry_duration"] < 20:
            raise _no(400, "custom_expiry is too short")
        if order_id in self.transactions:
            raise _no(406, "The request could not be completed due to a conflict with the current state")
        if "," in seen.headers.get("x-override-notification", ","):
            raise _no(400, "the tests want one address for notifications")
        transaction = {
            "transaction_id": str(uuid.uuid4()),
            "order_id": order_id,
            "merchant_id": "M099098",
            "gross_amount": f"{amount}.00",
            "currency": "IDR",
            "payment_type": wish["payment_type"],
            "transaction_time": _now(),
            "transaction_status": "pending",
            "fraud_status": "accept",
            "expiry_time": _now(later=timedelta(seconds=expiry["expiry_duration"])),
            "status_message": "transaction is created",
        } | self._way_to_pay(wish)
        self.transactions[order_id] = transaction | {"notify_url": seen.headers["x-override-notification"]}
        if wish["payment_type"] != "qris":
            return transaction
        picture = f"{self.url}/v2/qris/{transaction['transaction_id']}/qr-code"
        actions = [{"name": "generate-qr-code", "method": "GET", "url": picture}]
        qr = {"qr_string": f"00020101021226{order_id}"} if self.shows_qr_string else {}
        return transaction | {"actions": actions} | qr

    def _way_to_pay(self, wish: dict[str, Any]) -> dict[str, Any]:
        if wish["payment_type"] == "qris":
            if wish["qris"]["acquirer"] not in ("gopay", "airpay shopee"):
                raise _no(400, "unknown acquirer")
            return {"acquirer": wish["qris"]["acquirer"]}
        if wish["payment_type"] != "bank_transfer":
            raise _no(402, "Merchant has no access to this payment type")
        bank = wish["bank_transfer"]["bank"]
        if bank == "permata":
            return {"permata_va_number": "8778000002332015"}
        if bank not in ("bca", "bni", "bri"):
            raise _no(400, "unknown bank")
        return {"va_numbers": [{"bank": bank, "va_number": "91019021579"}]}

    def _refund(self, order_id: str, wish: dict[str, Any]) -> dict[str, Any]:
        transaction = self.transactions[order_id]
        if transaction["payment_type"] != "qris":
            raise _no(412, "Merchant cannot modify the status of the transaction")
        refunds = transaction.setdefault("refunds", [])
        if any(refund["refund_key"] == wish["refund_key"] for refund in refunds):
            raise _no(406, "Duplicate refund ID")
        if transaction["transaction_status"] not in ("settlement", "partial_refund"):
            raise _no(412, "Merchant cannot modify the status of the transaction")
        total = _rupiah(transaction["gross_amount"])
        back = sum(_rupiah(refund["refund_amount"]) for refund in refunds)
        if wish["amount"] > total - back:
            raise _no(414, "Refund request is rejected due to invalid amount")
        if wish["amount"] > self.balance:
            raise _no(414, "Refund request is rejected due to merchant insufficient funds")
        refunds.append(
            {
                "refund_chargeback_id": len(refunds) + 1,
                "refund_amount": f"{wish['amount']}.00",
                "created_at": _now(),
                "reason": wish["reason"],
                "refund_key": wish["refund_key"],
            }
        )
        back += wish["amount"]
        status = "refund" if back == total else "partial_refund"
        transaction |= {"transaction_status": status, "refund_amount": f"{back}.00"}
        return {
            "status_message": "Success, refund request is approved",
            "transaction_id": transaction["transaction_id"],
            "order_id": order_id,
            "transaction_status": status,
            "gross_amount": transaction["gross_amount"],
            "refund_amount": f"{wish['amount']}.00",
            "refund_key": wish["refund_key"],
        }

    def _order_id(self, head: str) -> str:
        for order_id, transaction in self.transactions.items():
            if head in (order_id, transaction["transaction_id"]):
                return order_id
        raise _no(404, "Transaction doesn't exist.")

    def _shown(self, order_id: str) -> dict[str, Any]:
        """A status never tells what is written in the QR code."""
        codes = {"pending": "201", "expire": "407", "deny": "202", "failure": "202"}
        transaction = {k: v for k, v in self.transactions[order_id].items() if k != "notify_url"}
        return transaction | {"status_code": codes.get(transaction["transaction_status"], "200")}

    def _move(self, order_id: str, status: str, **more: Any) -> None:
        self.transactions[order_id] |= {"transaction_status": status} | more


def _no(code: int, message: str) -> Wrong:
    return Wrong(code, {"status_message": message})


def _rupiah(text: str) -> int:
    return int(text.removesuffix(".00"))


def _now(*, later: timedelta = timedelta(0)) -> str:
    return (datetime.now(UTC) + later).astimezone(WIB).strftime("%Y-%m-%d %H:%M:%S")
