"""Our client of Xendit. The wire format we rely on is in README.md beside this file."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from orders.payments import options
from orders.payments.gateway import (
    Charge,
    Forged,
    Malformed,
    Method,
    Notified,
    Offer,
    PaymentError,
    RefundStatus,
    Standing,
    Started,
)
from orders.payments.http import Answer, Fields, Line, encoded
from orders.payments.xendit import answers

URL = "https://api.xendit.co"  # one address for both; the key decides whether money moves
KEYS = {"production": "production", "sandbox": "development"}  # what a key of the environment says behind "xnd_"
# Virtual accounts of these banks are sold in Indonesia: channel codes of the API.
BANKS = ("BCA", "BNI", "BRI", "MANDIRI", "PERMATA", "BSI", "BJB", "CIMB", "SAHABAT_SAMPOERNA")
EVENTS = re.compile(r"(payment|refund)\.[a-z_]{1,40}")
# Why money goes back, in Xendit's words; ours travel beside them as metadata.
REASONS = {"surplus": "DUPLICATE", "overpaid": "DUPLICATE", "wish": "REQUESTED_BY_CUSTOMER"}
OTHER_REASON = "CANCELLATION"
MOST_REFUNDS = 50
# A key of ours that they know, with what is being worked on; every other refusal is final.
KNOWN_KEY = frozenset({"DUPLICATE_ERROR", "IDEMPOTENCY_ERROR"})


class XenditGateway:
    """Gateway over HTTP to Xendit."""

    name = "xendit"

    def __init__(
        self,
        *,
        secret_key: str,
        callback_token: str,
        environment: str = "sandbox",
        va_bank: str = "BNI",
        va_name: str = "Meterai",
        fee_qris: str = "0",
        fee_va: str = "0",
        url: str = URL,
    ) -> None:
        """`va_name`: the name that a bank shows for our accounts. Raises ValueError; the message repeats no secret."""
        gateway = answers.GATEWAY
        word = options.one_of(environment, KEYS, gateway=gateway, option="environment")
        key = options.secret(secret_key, gateway=gateway, option="secret_key")
        # A key says by itself whether money moves: the wrong one would sell stamps for play money, or the reverse.
        if key.startswith("xnd_") and not key.startswith(f"xnd_{word}_"):
            raise ValueError("Xendit's secret_key belongs to another environment.")
        if not re.fullmatch(r"[A-Za-z][A-Za-z .]{0,49}", va_name):
            raise ValueError("Xendit's va_name must be up to 50 letters.")
        self.is_sandbox = environment == "sandbox"
        self._va_name = va_name
        self._va_bank = options.one_of(va_bank, {code: code for code in BANKS}, gateway=gateway, option="va_bank")
        self._fee_qris = options.rupiah(fee_qris, gateway=gateway, option="fee_qris")
        self._fee_va = options.rupiah(fee_va, gateway=gateway, option="fee_va")
        self._token = options.secret(callback_token, gateway=gateway, option="callback_token").encode()
        login = base64.b64encode(f"{key}:".encode()).decode()
        self._line = Line(gateway=answers.GATEWAY, url=url, headers={"Authorization": f"Basic {login}"})

    def __repr__(self) -> str:
        return f"<XenditGateway {self._line.url}>"

    def methods(self) -> tuple[Offer, ...]:
        account = f"Virtual account {self._va_bank.replace('_', ' ')}"
        return (
            Offer(method=Method.QRIS, label="QRIS", fee=self._fee_qris, usual_seconds=10),
            Offer(method=Method.VIRTUAL_ACCOUNT, label=account, fee=self._fee_va, usual_seconds=60),
        )

    def start(self, charge: Charge) -> Started:
        if charge.method not in answers.TYPES:
            raise PaymentError("Xendit is not asked for this method.", permanent=True)
        answer = self._post("/payment_requests", self._request(charge), key=charge.reference)
        if answer.status == 409:
            # The key is known: for another request, or being worked on at this moment. What was made says which.
            made = self._made_for(charge.reference)
            if made is None:
                raise PaymentError("Xendit is working on this charge.", permanent=False)
            return answers.started(made, charge=charge)
        answer.refuse_failure()
        return answers.started(answer.json(), charge=charge)

    def ask(self, gateway_reference: str) -> Standing:
        told = self._line.call("GET", f"/payment_requests/{_checked(gateway_reference)}")
        standing = self._standing(told)
        if standing.gateway_reference != gateway_reference:
            raise PaymentError("Xendit answered about another payment.", permanent=True)
        return standing

    def find(self, reference: str) -> Standing | None:
        made = self._made_for(reference)
        return None if made is None else self._standing(made)

    def refunds(self, method: Method) -> bool:
        return method is Method.QRIS

    def refund(self, gateway_reference: str, refund_key: str, amount: int, reason: str) -> RefundStatus:
        """A refund takes its time: a repeat reads how far the one with this key is; else it asks for one."""
        payment = _checked(gateway_reference)
        known = self._refund_of(payment, refund_key) or self._asked_back(payment, refund_key, amount, reason)
        return answers.refund_status(known, payment=payment, refund_key=refund_key, amount=amount)

    def read(self, headers: Mapping[str, str], body: bytes, at: datetime) -> Notified:
        """Xendit signs nothing: it sends our token along. So the body is only a hint whom to ask about."""
        lowered = {name.lower(): value for name, value in headers.items()}
        # Bytes, because compare_digest refuses text beyond ASCII and a forger chooses the text.
        token = lowered.get("x-callback-token", "").encode(errors="replace")
        if not hmac.compare_digest(self._token, token):
            raise Forged("The notification carries no token, or a wrong one.")
        return _notified(body)

    def _request(self, charge: Charge) -> dict[str, Any]:
        expires_at = charge.expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        method: dict[str, Any] = {
            "type": answers.TYPES[charge.method],
            "reusability": "ONE_TIME_USE",
            "reference_id": charge.reference,
        }
        if charge.method is Method.QRIS:
            method["qr_code"] = {"channel_code": "QRIS", "channel_properties": {"expires_at": expires_at}}
        else:
            properties = {"customer_name": self._va_name, "expires_at": expires_at}
            method["virtual_account"] = {"channel_code": self._va_bank, "channel_properties": properties}
        return {
            "reference_id": charge.reference,
            "amount": charge.amount,
            "currency": "IDR",
            "country": "ID",
            "description": charge.description,
            "payment_method": method,
        }

    def _made_for(self, reference: str) -> object | None:
        """The payment request of our reference as Xendit lists it."""
        listed = self._line.call("GET", f"/payment_requests?reference_id={quote(reference, safe='')}")
        made = answers.found(listed)
        if made is not None and Fields(made, gateway=answers.GATEWAY).raw("reference_id") != reference:
            raise PaymentError("Xendit answered about another reference.", permanent=True)
        return made

    def _standing(self, told: object) -> Standing:
        standing = answers.standing(told)
        if not answers.has_money(told):
            return standing
        # The request never says what went back; its refunds do.
        back = answers.refunded(self._refunds_of(standing.gateway_reference))
        return answers.standing(told, refunded=back)

    def _asked_back(self, payment: str, refund_key: str, amount: int, reason: str) -> Fields:
        body = {
            "payment_request_id": payment,
            "reference_id": refund_key,
            "amount": amount,
            "currency": "IDR",
            "reason": REASONS.get(reason, OTHER_REASON),
            "metadata": {"reason": reason},
        }
        answer = self._post("/refunds", body, key=refund_key)
        if answer.status == 409 and answers.error_code(answer) in KNOWN_KEY:
            raise PaymentError("Xendit is working on this refund.", permanent=False)
        answer.refuse_failure()
        return Fields(answer.json(), gateway=answers.GATEWAY)

    def _post(self, path: str, body: Mapping[str, Any], *, key: str) -> Answer:
        headers = {"Content-Type": "application/json", "idempotency-key": key}
        return self._line.send("POST", path, content=encoded(body), headers=headers)

    def _refund_of(self, payment: str, refund_key: str) -> Fields | None:
        return next((one for one in self._refunds_of(payment) if one.raw("reference_id") == refund_key), None)

    def _refunds_of(self, payment: str) -> list[Fields]:
        query = urlencode({"payment_request_id": payment, "limit": MOST_REFUNDS})
        return answers.refunds(self._line.call("GET", f"/refunds?{query}"))


def _checked(gateway_reference: str) -> str:
    """Refuses what was never one of Xendit's ids, such as "..", which would ask at another path."""
    if not answers.ID.fullmatch(gateway_reference):
        raise PaymentError("This is not an id of Xendit.", permanent=True)
    return gateway_reference


def _notified(body: bytes) -> Notified:
    """Whom the notification is about, and an id that re-deliveries share.

    Made of what the event says, without the outer `created`: Xendit documents that as the time of the delivery.
    """
    try:
        message = json.loads(body)
        kind, told = message["event"], message["data"]
        payment = told["payment_request_id"]
        said = [kind, payment, told.get("id"), told.get("status"), told.get("updated")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Malformed("The notification is not in the documented shape.") from error
    if not isinstance(kind, str) or not EVENTS.fullmatch(kind):
        raise Malformed("The notification is not about a payment or a refund.")
    if not isinstance(payment, str) or not answers.ID.fullmatch(payment):
        raise Malformed("The notification names no payment.")
    return Notified(event=hashlib.sha256(json.dumps(said).encode()).hexdigest(), gateway_reference=payment)
