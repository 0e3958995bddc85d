"""Our client of the sandbox gateway. Its wire format is in README.md beside this file."""

from __future__ import annotations

import binascii
import hmac
import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import urllib3
from standardwebhooks import Webhook

from orders.payments.gateway import (
    Charge,
    Forged,
    Malformed,
    Method,
    Notified,
    Offer,
    PaymentError,
    Standing,
    Started,
)
from orders.payments.sandbox import answers

TIMEOUT = (2, 5)  # seconds to connect, and to wait for each piece of the answer
WHOLE_ANSWER_SECONDS = 10
LARGEST_ANSWER = 64 * 1024  # bytes; a payment is under 2 kB
TOLERANCE = timedelta(minutes=5)  # the window Standard Webhooks recommends
# Request Timeout, Too Early, Too Many Requests: 4xx by number, but they ask for a repeat.
REPEATABLE = frozenset({408, 425, 429})


class SandboxGateway:
    """Gateway over HTTP to the sandbox server; moves no real money."""

    name = "sandbox"
    is_sandbox = True

    def __init__(self, *, url: str, server_key: str, notify_secret: str) -> None:
        """Raises ValueError when an option is unusable; the message never repeats a secret."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
            raise ValueError("The sandbox gateway's url must be a plain http(s) address.")
        if not server_key:
            raise ValueError("The sandbox gateway's server_key is empty.")
        self._url = url.rstrip("/")
        self._webhook = _webhook(notify_secret)
        self._session = _session(server_key)

    def __repr__(self) -> str:
        return f"<SandboxGateway {self._url}>"

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
        answer = self._call("POST", "/v1/payments", body=body, headers={"Idempotency-Key": charge.reference})
        return answers.started(answer, charge=charge)

    def ask(self, gateway_reference: str) -> Standing:
        standing = answers.standing(self._call("GET", _path(gateway_reference)))
        if standing.gateway_reference != gateway_reference:
            raise PaymentError("The sandbox answered about another payment.", permanent=True)
        return standing

    def find(self, reference: str) -> Standing | None:
        answer = self._call("GET", f"/v1/payments?reference={quote(reference, safe='')}")
        standing = answers.found(answer)
        if standing and standing.reference != reference:
            raise PaymentError("The sandbox answered about another reference.", permanent=True)
        return standing

    def refund(self, gateway_reference: str, refund_key: str, amount: int, reason: str) -> None:
        body = {"refund_key": refund_key, "amount": amount, "reason": reason}
        answer = self._call("POST", _path(gateway_reference) + "/refunds", body=body)
        answers.refunded(answer, refund_key=refund_key, amount=amount)

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

    def _call(
        self,
        verb: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> object:
        """The decoded JSON of a 2xx answer. Raises PaymentError in every other case."""
        try:
            with self._session.request(
                verb,
                self._url + path,
                json=body,
                headers=headers,
                timeout=TIMEOUT,
                allow_redirects=False,
                stream=True,
            ) as response:
                _refuse_failure(response.status_code)
                content = _limited(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise PaymentError("The sandbox could not be reached.", permanent=False) from error
        try:
            decoded: object = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise PaymentError("The sandbox's answer is not JSON.", permanent=False) from error
        return decoded


def _webhook(notify_secret: str) -> Webhook:
    if not notify_secret.startswith("whsec_"):
        raise ValueError("The sandbox gateway's notify_secret must start with whsec_.")
    try:
        return Webhook(notify_secret)
    except (binascii.Error, ValueError, RuntimeError) as error:
        raise ValueError("The sandbox gateway's notify_secret is not base64.") from error


def _session(server_key: str) -> requests.Session:
    """One for all threads: urllib3's pool is thread-safe, and without cookies the session holds no state."""
    session = requests.Session()
    session.trust_env = False  # a .netrc entry would replace our Authorization header
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["Authorization"] = f"Bearer {server_key}"
    session.headers["Accept-Encoding"] = "identity"  # so that the size limit counts what arrives
    return session


def _path(gateway_reference: str) -> str:
    """Refuses what was never one of the sandbox's ids, such as "..", which would ask at another path."""
    if not answers.ID.fullmatch(gateway_reference):
        raise PaymentError("This is not an id of the sandbox.", permanent=True)
    return f"/v1/payments/{gateway_reference}"


def _refuse_failure(status: int) -> None:
    if 200 <= status < 300:
        return
    permanent = 400 <= status < 500 and status not in REPEATABLE
    raise PaymentError(f"The sandbox answered with status {status}.", permanent=permanent)


def _limited(response: requests.Response) -> bytes:
    """The body, refused when too large or too slow. Read by pieces: one large read would wait for all."""
    content, deadline = b"", time.monotonic() + WHOLE_ANSWER_SECONDS
    while piece := response.raw.read1(LARGEST_ANSWER):
        content += piece
        if len(content) > LARGEST_ANSWER or time.monotonic() > deadline:
            raise PaymentError("The sandbox's answer is too large or too slow.", permanent=False)
    return content


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
