"""Our client of the sandbox gateway. Its wire format is in README.md beside this file."""

from __future__ import annotations

import binascii
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from standardwebhooks import Webhook

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
from orders.payments.http import Line
from orders.payments.sandbox import answers

TOLERANCE = timedelta(minutes=5)  # the window Standard Webhooks recommends


class SandboxGateway:
    """Gateway over HTTP to the sandbox server; moves no real money."""

    name = "sandbox"
    is_sandbox = True

    def __init__(self, *, url: str, server_key: str, notify_secret: str) -> None:
        """Raises ValueError when an option is unusable; the message never repeats a secret."""
        if not server_key:
            raise ValueError("The sandbox gateway's server_key is empty.")
        self._line = Line(gateway="The sandbox", url=url, headers={"Authorization": f"Bearer {server_key}"})
        self._webhook = _webhook(notify_secret)

    def __repr__(self) -> str:
        return f"<SandboxGateway {self._line.url}>"

    def methods(self) -> tuple[Offer, ...]:
        return (
            Offer(method=Method.QRIS, label="QRIS", fee=0, usual_seconds=10),
            Offer(method=Method.VIRTUAL_ACCOUNT, label="Virtual account bank", fee=0, usual_seconds=60),
        )

    def start(self, charge: Charge) -> Started:
        body = {
            "reference": charge.reference,
            "amount": charge.amount,
            "currency": "IDR",
            "method": charge.method.value,
            "description": charge.description,
            "expires_at": charge.expires_at.astimezone(UTC).isoformat(),
            "notify_url": charge.notify_url,
            "return_url": charge.return_url,
        }
        answer = self._line.call("POST", "/v1/payments", body=body, headers={"Idempotency-Key": charge.reference})
        return answers.started(answer, charge=charge)

    def ask(self, gateway_reference: str) -> Standing:
        standing = answers.standing(self._line.call("GET", _path(gateway_reference)))
        if standing.gateway_reference != gateway_reference:
            raise PaymentError("The sandbox answered about another payment.", permanent=True)
        return standing

    def find(self, reference: str) -> Standing | None:
        answer = self._line.call("GET", f"/v1/payments?reference={quote(reference, safe='')}")
        standing = answers.found(answer)
        if standing and standing.reference != reference:
            raise PaymentError("The sandbox answered about another reference.", permanent=True)
        return standing

    def refunds(self, method: Method) -> bool:
        return method in (Method.QRIS, Method.VIRTUAL_ACCOUNT)

    def refund(self, gateway_reference: str, refund_key: str, amount: int, reason: str) -> RefundStatus:
        body = {"refund_key": refund_key, "amount": amount, "reason": reason}
        answer = self._line.call("POST", _path(gateway_reference) + "/refunds", body=body)
        answers.refunded(answer, refund_key=refund_key, amount=amount)
        return RefundStatus.DONE

    def read(self, headers: Mapping[str, str], body: bytes, at: datetime) -> Notified:
        """https://www.standardwebhooks.com: HMAC-SHA256 over id.timestamp.body.

        The library's own `verify` judges the time by the wall clock; we are handed the time, so we let it
        compute the signature only, and compare and judge the window here.
        """
        lowered = {name.lower(): value for name, value in headers.items()}
        event, stamp = lowered.get("webhook-id", ""), lowered.get("webhook-timestamp", "")
        if not event or not re.fullmatch(r"[0-9]{1,11}", stamp):
            raise Forged("The notification carries no id or no timestamp.")
        sent_at = datetime.fromtimestamp(int(stamp), tz=UTC)
        if not self._signed(event, sent_at, body, lowered.get("webhook-signature", "")):
            raise Forged("No signature of the notification matches.")
        if abs(at - sent_at) > TOLERANCE:
            raise Forged("The notification's timestamp is outside the window.")
        return Notified(event=event, gateway_reference=_subject(body))

    def _signed(self, event: str, sent_at: datetime, body: bytes, signatures: str) -> bool:
        try:
            expected = self._webhook.sign(event, sent_at, body.decode()).encode()
        except UnicodeError:
            return False
        # Several signatures stand side by side while a secret is being changed. Bytes, because
        # compare_digest refuses text beyond ASCII and a forger chooses the text.
        candidates = signatures.encode(errors="replace").split()
        return any(hmac.compare_digest(expected, candidate) for candidate in candidates)


def _webhook(notify_secret: str) -> Webhook:
    if not notify_secret.startswith("whsec_"):
        raise ValueError("The sandbox gateway's notify_secret must start with whsec_.")
    try:
        return Webhook(notify_secret)
    except (binascii.Error, ValueError, RuntimeError) as error:
        raise ValueError("The sandbox gateway's notify_secret is not base64.") from error


def _path(gateway_reference: str) -> str:
    """Refuses what was never one of the sandbox's ids, such as "..", which would ask at another path."""
    if not answers.ID.fullmatch(gateway_reference):
        raise PaymentError("This is not an id of the sandbox.", permanent=True)
    return f"/v1/payments/{gateway_reference}"


def _subject(body: bytes) -> str:
    """The id of the payment a verified notification is about."""
    try:
        message = json.loads(body)
        kind, subject = message["type"], message["data"]["id"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Malformed("The notification is not in the documented shape.") from error
    if kind != "payment.updated" or not isinstance(subject, str) or not answers.ID.fullmatch(subject):
        raise Malformed("The notification is not about a payment.")
    return subject
