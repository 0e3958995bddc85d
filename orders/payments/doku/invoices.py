"""Our reference as DOKU can carry it: an invoice number of at most 30 characters, and back.

A UUID is written in 36; the same 128 bits in base 32 (RFC 4648, without padding) take 26.
"""

from __future__ import annotations

import base64
import re
from uuid import UUID

INVOICE = re.compile(r"[A-Z2-7]{26}")


def invoice_of(reference: str) -> str:
    """Raises ValueError when the reference is no UUID in its usual form."""
    number = UUID(reference)
    if str(number) != reference:
        raise ValueError("not a UUID in its usual form")
    return base64.b32encode(number.bytes).decode().rstrip("=")


def reference_of(invoice: str) -> str:
    """Raises ValueError when no reference of ours is written so."""
    try:
        reference = str(UUID(bytes=base64.b32decode(f"{invoice}======")))
    except ValueError as error:
        raise ValueError("not an invoice number of ours") from error
    if invoice_of(reference) != invoice:  # the last character has two bits to spare
        raise ValueError("not an invoice number of ours")
    return reference
