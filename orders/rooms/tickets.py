"""A ticket: somebody's place in a room, kept by its holder alone. No row stands for it.

    ticket = base64url( flags:1 | number:4 | joined at:4 | promised minutes, low and high:2+2 | HMAC-SHA256, cut to 16 )

29 bytes, 39 characters, fit for an address and a cookie. The MAC also covers the room. Its key changes every day
(UTC) and is derived from the site's secret and the day of joining; a ticket lives for two days, so that the keys of
three days are good.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

LIFETIME = timedelta(hours=48)
# A ticket may come back to a machine whose clock is a little behind that of the one that wrote it.
CLOCK_SKEW = timedelta(minutes=2)
MOST_NUMBER = 2**32 - 1
_FACTS = struct.Struct(">BIIHH")
_MAC_BYTES = 16
_PREQUEUE = 1
_LENGTH = 39


class NotATicket(Exception):
    """It was not written by us for this room, or somebody changed it."""


class TooOld(Exception):
    """The ticket is older than LIFETIME."""


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A place: its number, when it was taken, and the minutes of waiting that the page promised then."""

    room: str
    number: int
    joined_at: datetime  # whole seconds
    is_prequeue: bool = False  # the number takes part in the draw
    promised: tuple[int, int] | None = None  # minutes, from and to; None: nothing was promised


def write(ticket: Ticket, *, secret: bytes) -> str:
    """The 39 characters that its holder keeps."""
    low, high = ticket.promised or (0, 0)
    flags = _PREQUEUE if ticket.is_prequeue else 0
    facts = _FACTS.pack(flags, ticket.number, _seconds(ticket.joined_at), min(low, 65535), min(high, 65535))
    mac = _mac(facts, room=ticket.room, joined_at=ticket.joined_at, secret=secret)
    return base64.urlsafe_b64encode(facts + mac).decode().rstrip("=")


def read(text: str, *, room: str, secret: bytes, at: datetime) -> Ticket:
    """The ticket that `write` wrote for this room. Raises NotATicket, TooOld."""
    raw = _raw(text)
    facts, mac = raw[: _FACTS.size], raw[_FACTS.size :]
    flags, number, seconds, low, high = _FACTS.unpack(facts)
    joined_at = datetime.fromtimestamp(seconds, UTC)
    if not hmac.compare_digest(mac, _mac(facts, room=room, joined_at=joined_at, secret=secret)):
        raise NotATicket
    refuse_old(joined_at, at=at)
    promised = (low, high) if high else None
    return Ticket(room=room, number=number, joined_at=joined_at, is_prequeue=bool(flags & _PREQUEUE), promised=promised)


def refuse_old(joined_at: datetime, *, at: datetime) -> None:
    """Raise TooOld, or NotATicket for one from the future."""
    if at - joined_at > LIFETIME:
        raise TooOld
    if joined_at - at > CLOCK_SKEW:
        raise NotATicket


def key_of_day(joined_at: datetime, *, secret: bytes) -> bytes:
    """The key of the day (UTC) on which a ticket was written."""
    day = _seconds(joined_at) // 86400
    return hmac.digest(secret, b"meterai.rooms.tickets" + day.to_bytes(4, "big"), hashlib.sha256)


def _mac(facts: bytes, *, room: str, joined_at: datetime, secret: bytes) -> bytes:
    key = key_of_day(joined_at, secret=secret)
    return hmac.digest(key, b"ticket:" + room.encode() + b":" + facts, hashlib.sha256)[:_MAC_BYTES]


def _raw(text: str) -> bytes:
    if len(text) != _LENGTH or not text.isascii():
        raise NotATicket
    try:
        raw = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise NotATicket from None
    # The last character has bits to spare: only the spelling that we wrote is a ticket.
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != text:
        raise NotATicket
    return raw


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
