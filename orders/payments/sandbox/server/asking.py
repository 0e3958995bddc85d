"""What a merchant may ask for, checked field by field before anything is stored."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from orders.payments.sandbox.server.web import Refused

# Printable ASCII only: these addresses end up in headers. No user info: it would be a secret in a log.
ADDRESS = re.compile(r"(?P<origin>https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?)(?:[/?#][!-~]*)?")
LARGEST_AMOUNT = 1_000_000_000_000  # rupiah


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A payment a merchant wants collected."""

    reference: str
    amount: int
    method: str
    description: str
    expires_at: float
    notify_url: str
    return_url: str

    def digest(self) -> str:
        """Equal for equal requests: tells a repeat from a conflict."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def wanted(body: dict[str, Any], *, key: str) -> Wanted:
    """Raises Refused (400 for the key, 422 for a field, named in the message)."""
    if not key or key != body.get("reference"):
        raise Refused(400, "idempotency_key", "The Idempotency-Key header must equal the reference.")
    if body.get("currency") != "IDR":
        raise _bad("currency", 'must be "IDR"')
    if body.get("method") not in ("qris", "va"):
        raise _bad("method", 'must be "qris" or "va"')
    return Wanted(
        reference=text(body, "reference", longest=64),
        amount=rupiah(body, "amount"),
        method=body["method"],
        description=text(body, "description", longest=200),
        expires_at=_time(body, "expires_at"),
        notify_url=_address(body, "notify_url"),
        return_url=_address(body, "return_url"),
    )


def text(body: dict[str, Any], field: str, *, longest: int) -> str:
    value = body.get(field)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise _bad(field, f"must be text of 1 to {longest} characters")
    return value


def rupiah(body: dict[str, Any], field: str) -> int:
    value = body.get(field)
    if type(value) is not int or not 0 < value <= LARGEST_AMOUNT:
        raise _bad(field, "must be a whole number of rupiah above zero")
    return value


def origin(address: str) -> str:
    """Scheme, host and port of an address that was accepted."""
    match = ADDRESS.fullmatch(address)
    return match["origin"] if match else ""  # only accepted addresses are stored


def _time(body: dict[str, Any], field: str) -> float:
    try:
        moment = datetime.fromisoformat(text(body, field, longest=40))
    except ValueError as error:
        raise _bad(field, "must be an ISO 8601 time") from error
    if moment.tzinfo is None:
        raise _bad(field, "must name its zone")
    return moment.timestamp()


def _address(body: dict[str, Any], field: str) -> str:
    value = text(body, field, longest=1000)
    if not ADDRESS.fullmatch(value):
        raise _bad(field, "must be an http(s) address")
    return value


def _bad(field: str, wish: str) -> Refused:
    return Refused(422, "unprocessable", f"{field} {wish}.")
