"""Midtrans's notifications: the signature stands in the body and covers three of its fields."""

from __future__ import annotations

import hashlib
import hmac
import json

from orders.payments.gateway import Forged, Malformed, Notified
from orders.payments.midtrans.answers import ID

SIGNED = ("order_id", "status_code", "gross_amount")
LONGEST_WORD = 40


class Signature:
    """SHA-512 over order_id, status_code, gross_amount and the server key, in hexadecimal."""

    def __init__(self, server_key: str) -> None:
        self._key = server_key

    def __repr__(self) -> str:
        return "<Signature of Midtrans>"

    def read(self, body: bytes) -> Notified:
        """Raises Forged, also when nothing can be read that would be signed; Malformed."""
        message = _object(body)
        signed = [message.get(name) for name in SIGNED]
        signature = message.get("signature_key")
        if not all(isinstance(value, str) for value in [*signed, signature]):
            raise Forged("The notification carries no signature.")
        order_id, code, amount = map(str, signed)
        expected = hashlib.sha512(f"{order_id}{code}{amount}{self._key}".encode(errors="replace")).hexdigest()
        if not hmac.compare_digest(expected.encode(), str(signature).lower().encode(errors="replace")):
            raise Forged("The notification's signature does not match.")
        if not ID.fullmatch(order_id):
            raise Malformed("The notification is not about a payment of ours.")
        return Notified(event=_event(message, [order_id, code, amount]), gateway_reference=order_id)


def _event(message: dict[str, object], signed: list[str]) -> str:
    """The same for each re-delivery. The signed fields alone would be the same for money in and money back.

    So the words that tell those apart belong to it though no signature covers them: who has a true notification could
    change them and make us ask once more, which moves nothing.
    """
    words = [_word(message.get(name)) for name in ("transaction_status", "fraud_status", "refund_amount")]
    refunds = message.get("refunds")
    confirmed = [
        _word(refund.get("refund_key"))
        for refund in (refunds if isinstance(refunds, list) else [])
        if isinstance(refund, dict) and refund.get("bank_confirmed_at")
    ]
    return hashlib.sha256(json.dumps([signed, words, sorted(confirmed)]).encode()).hexdigest()


def _word(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST_WORD:
        raise Malformed("The notification is not in the documented shape.")
    return value


def _object(body: bytes) -> dict[str, object]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Forged("The notification is not JSON, so it carries no signature.") from error
    if not isinstance(message, dict):
        raise Forged("The notification carries no signature.")
    return message
