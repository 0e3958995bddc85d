"""DOKU's notifications: signed over the bytes of the body, the time and the path they are sent to."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from orders.payments.doku.invoices import reference_of
from orders.payments.doku.signing import Signer
from orders.payments.gateway import Forged, Malformed, Notified

# DOKU repeats a notification 30 minutes, 6 hours and 12 hours after the first try, and does not say whether it is
# signed anew then: a shorter window could refuse every repeat. What comes twice is one event anyway.
OLDEST = timedelta(hours=13)
AHEAD = timedelta(minutes=5)


class Door:
    """Where DOKU knocks: `path` is the path of our notification address, which the signature covers."""

    def __init__(self, *, signer: Signer, path: str) -> None:
        self._signer, self._path = signer, path

    def __repr__(self) -> str:
        return f"<Door for DOKU at {self._path}>"

    def read(self, headers: Mapping[str, str], body: bytes, at: datetime) -> Notified:
        """Raises Forged, Malformed."""
        lowered = {name.lower(): value for name, value in headers.items()}
        sent_at = lowered.get("request-timestamp", "")
        request_id = lowered.get("request-id", "")
        expected = self._signer.sign(request_id=request_id, sent_at=sent_at, target=self._path, content=body)
        given = lowered.get("signature", "").encode(errors="replace")
        if lowered.get("client-id") != self._signer.client_id or not hmac.compare_digest(expected.encode(), given):
            raise Forged("The notification's signature is missing or does not match.")
        if not -AHEAD <= at - _time(sent_at) <= OLDEST:
            raise Forged("The notification's timestamp is outside the window.")
        # The bytes and not the Request-Id name the event: whether a repeat keeps its Request-Id is not documented.
        return Notified(event=hashlib.sha256(body).hexdigest(), gateway_reference=_invoice(body))


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Forged("The notification's timestamp is no time.") from error
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _invoice(body: bytes) -> str:
    try:
        invoice = json.loads(body)["order"]["invoice_number"]
        reference_of(invoice)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Malformed("The notification is not about an invoice of ours.") from error
    return str(invoice)
