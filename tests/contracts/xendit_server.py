"""A stand-in for Xendit's Payment Requests API (version 2), written from its documents and not from our client.

developers.xendit.co/api-reference/payments-api (payment requests, refunds, webhooks), docs.xendit.co: create a virtual
account via API, refund webhook notification; the shapes of the official libraries xendit-python and xendit-php.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.contracts.stand_in import Seen, StandIn, Wrong

SECRET_KEY = "xnd_development_a-key-for-tests"
CALLBACK_TOKEN = "a-callback-token-for-tests"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class XenditServer(StandIn):
    """Keeps payment requests by id and refunds in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: dict[str, dict[str, Any]] = {}
        self.refunds: list[dict[str, Any]] = []
        self.refund_status = "PENDING"
        self.refuses_refunds = ""
        """An error code with which every refund is refused."""
        self._answered: dict[str, tuple[bytes, dict[str, Any]]] = {}

    def forget_keys(self) -> None:
        """Time passes: idempotency keys are forgotten."""
        self._answered.clear()

    def become(self, number: str, status: str, **more: Any) -> None:
        self.requests[number] |= {"status": status, "updated": _now()} | more
        if status == "SUCCEEDED":
            self.requests[number]["payment_method"]["status"] = "INACTIVE"

    def expire_method(self, number: str) -> None:
        """The virtual account or QR code runs out; its payment request stays pending."""
        self.requests[number]["payment_method"]["status"] = "EXPIRED"

    def end_refund(self, refund_key: str, status: str, failure_code: str | None = None) -> None:
        for refund in self.refunds:
            if refund["reference_id"] == refund_key:
                refund |= {"status": status, "failure_code": failure_code, "updated": _now()}

    def notification(self, number: str, event: str = "payment.succeeded", **change: Any) -> bytes:
        """The body of what Xendit would POST now; `created` outside is the time of this delivery."""
        request = self.requests[number]
        data = {
            "id": f"py-{uuid.uuid5(uuid.NAMESPACE_OID, number + event)}",
            "payment_request_id": number,
            "reference_id": request["reference_id"],
            "amount": request["amount"],
            "currency": "IDR",
            "country": "ID",
            "status": "SUCCEEDED",
            "payment_method": request["payment_method"],
            "created": request["created"],
            "updated": request["updated"],
        }
        told = {"event": event, "business_id": "b1", "created": _now(), "data": data | change}
        return json.dumps(told).encode()

    def answer(self, seen: Seen) -> tuple[int, dict[str, Any]]:
        basic = "Basic " + base64.b64encode(f"{SECRET_KEY}:".encode()).decode()
        if seen.headers.get("authorization") != basic:
            raise _no(401, "INVALID_API_KEY")
        if seen.verb == "POST":
            return self._post(seen)
        path, query = urlsplit(seen.path).path, parse_qs(urlsplit(seen.path).query)
        if path == "/payment_requests":
            wanted = query.get("reference_id", [])
            data = [one for one in self.requests.values() if one["reference_id"] in wanted]
            return 200, {"data": data, "has_more": False}
        if path == "/refunds":
            data = [one for one in self.refunds if one["payment_request_id"] in query.get("payment_request_id", [])]
            limit = int(query.get("limit", ["10"])[0])
            return 200, {"data": data[:limit], "has_more": len(data) > limit}
        found = self.requests.get(path.removeprefix("/payment_requests/"))
        if not found:
            raise _no(404, "DATA_NOT_FOUND")
        return 200, found

    def _post(self, seen: Seen) -> tuple[int, dict[str, Any]]:
        if seen.headers.get("content-type") != "application/json":
            raise _no(400, "API_VALIDATION_ERROR")
        key = seen.headers.get("idempotency-key", "")
        if not key:
            raise _no(400, "API_VALIDATION_ERROR", "idempotency-key")
        known = self._answered.get(key)
        if known and known[0] != seen.body:
            raise _no(409, "IDEMPOTENCY_ERROR")
        if known:
            return 201, known[1]
        make = {"/payment_requests": self._create, "/refunds": self._refund}.get(seen.path)
        if not make:
            raise _no(404, "NOT_FOUND")
        made = make(seen.json())
        # The answer of that moment is what a repeat gets, however the thing went on.
        self._answered[key] = (seen.body, json.loads(json.dumps(made)))
        return 201, made

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        method = body.get("payment_method", {})
        if body.get("currency") != "IDR" or type(body.get("amount")) is not int or not body.get("reference_id"):
            raise _no(400, "API_VALIDATION_ERROR")
        if method.get("reusability") != "ONE_TIME_USE" or method.get("reference_id") != body["reference_id"]:
            raise _no(400, "API_VALIDATION_ERROR", "reusability")
        shown = {
            "id": f"pm-{uuid.uuid4()}",
            "type": method["type"],
            "reference_id": body["reference_id"],
            "reusability": "ONE_TIME_USE",
            "status": "ACTIVE",
        } | _codes(method, body["amount"])
        request = {
            "id": f"pr-{uuid.uuid4()}",
            "reference_id": body["reference_id"],
            "business_id": "b1",
            "amount": body["amount"],
            "currency": "IDR",
            "country": "ID",
            "description": body.get("description"),
            "status": "PENDING",
            "payment_method": shown,
            "actions": [],
            "created": _now(),
            "updated": _now(),
        }
        self.requests[str(request["id"])] = request
        return request

    def _refund(self, body: dict[str, Any]) -> dict[str, Any]:
        request = self.requests.get(body.get("payment_request_id", ""))
        if not request:
            raise _no(404, "DATA_NOT_FOUND")
        if body.get("reason") not in {"FRAUDULENT", "DUPLICATE", "REQUESTED_BY_CUSTOMER", "CANCELLATION", "OTHERS"}:
            raise _no(400, "API_VALIDATION_ERROR", "reason")
        if self.refuses_refunds:
            raise _no(409 if self.refuses_refunds == "DUPLICATE_ERROR" else 403, self.refuses_refunds)
        if request["payment_method"]["type"] != "QR_CODE":
            raise _no(403, "REFUND_NOT_SUPPORTED")
        back = sum(one["amount"] for one in self.refunds if one["payment_request_id"] == request["id"])
        if request["status"] != "SUCCEEDED" or body["amount"] + back > request["amount"]:
            raise _no(403, "MAXIMUM_REFUND_AMOUNT_REACHED")
        refund = {
            "id": f"rfd-{uuid.uuid4()}",
            "payment_request_id": request["id"],
            "reference_id": body["reference_id"],
            "amount": body["amount"],
            "currency": body["currency"],
            "reason": body["reason"],
            "metadata": body.get("metadata"),
            "status": self.refund_status,
            "failure_code": None,
            "created": _now(),
            "updated": _now(),
        }
        self.refunds.append(refund)
        return refund


def _codes(method: dict[str, Any], amount: int) -> dict[str, Any]:
    """What the buyer pays with; the times must be in UTC, as documented."""
    if method["type"] == "QR_CODE":
        asked = method["qr_code"]
        if asked["channel_code"] != "QRIS" or not _TIME.fullmatch(asked["channel_properties"]["expires_at"]):
            raise _no(400, "API_VALIDATION_ERROR", "qr_code")
        return {
            "qr_code": asked | {"channel_properties": asked["channel_properties"] | {"qr_string": "00020101021226"}}
        }
    asked = method["virtual_account"]
    properties = asked["channel_properties"]
    if not properties["customer_name"].replace(" ", "").isalpha() or not _TIME.fullmatch(properties["expires_at"]):
        raise _no(400, "API_VALIDATION_ERROR", "virtual_account")
    properties = properties | {"virtual_account_number": f"8808{uuid.uuid4().int % 10**12:012d}"}
    return {"virtual_account": asked | {"amount": amount, "channel_properties": properties}}


def _no(status: int, code: str, message: str = "") -> Wrong:
    return Wrong(status, {"error_code": code, "message": message or code.lower()})


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
