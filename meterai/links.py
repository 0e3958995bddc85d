"""Secret links: an address that opens one thing without an account, signed and revocable.

The key is derived, never stored: HMAC over the kind, the code and a version kept on the row. Raising the version
revokes every link given out before.
"""

import base64
from typing import Any, TypeVar

from django.http import Http404
from django.utils.crypto import constant_time_compare, salted_hmac

KEY_LENGTH = 22
SHORT_LENGTH = 12

Linked = TypeVar("Linked", bound=Any)  # a row with a `link_version`


def key(*, kind: str, code: str, version: int) -> str:
    """The 22 URL-safe characters (132 bits) that open `code`."""
    return _mac(salt=f"meterai.links.{kind}", value=f"{code}:{version}", length=KEY_LENGTH)


def opens(*, given: str, kind: str, code: str, version: int) -> bool:
    """Whether `given` is the key of `code`, compared in constant time."""
    return constant_time_compare(given, key(kind=kind, code=code, version=version))


def opened(row: Linked | None, *, given: str, kind: str, code: str) -> Linked:
    """The row that `code` named, if `given` is its key; else Http404.

    The same answer, after the same work, for no such row (None) and for a wrong or revoked key.
    """
    version = row.link_version if row is not None else 0
    if not opens(given=given, kind=kind, code=code, version=version) or row is None:
        raise Http404
    return row


def serial_mac(serial: str) -> str:
    """The 12 characters (72 bits) in a stamp's QR address, so that serials cannot be walked through."""
    return _mac(salt="meterai.links.serial", value=serial, length=SHORT_LENGTH)


def _mac(*, salt: str, value: str, length: int) -> str:
    digest = salted_hmac(salt, value, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest).decode()[:length]
