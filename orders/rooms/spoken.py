"""The recovery code: a ticket that can be read out and typed on another device. Again no row.

    75 bits = number:26 | minute of joining, modulo 4096:12 | takes part in the draw:1 | HMAC-SHA256, cut to 36

Fifteen letters of Crockford's base 32 and a check letter (Luhn modulo 32), written as 7K3M-9QXP-T0V4-H2CD. The room
is that of the page on which the code is typed, and is covered by the MAC. 36 bits are little for a MAC: the door that
takes codes is limited, and at a thousand guesses a second one in two years would hit a place. The promise is not
carried.
"""

import hashlib
import hmac
from datetime import UTC, datetime

from .tickets import NotATicket, Ticket, key_of_day, refuse_old

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
MOST_NUMBER = 2**26 - 1
_LOOKALIKES = str.maketrans({"I": "1", "L": "1", "O": "0", "U": "V"})
_MINUTES = 2**12  # longer than a ticket lives
_MAC_BITS = 36
_LETTERS = 15


class Mistyped(Exception):
    """The check letter does not fit: one letter is wrong, or two have changed places."""


def code_of(ticket: Ticket, *, secret: bytes) -> str:
    """The code of this ticket. OverflowError for a number above MOST_NUMBER."""
    if ticket.number > MOST_NUMBER:
        raise OverflowError(ticket.number)
    minute = int(ticket.joined_at.timestamp()) // 60
    facts = (ticket.number << 13) | (minute % _MINUTES << 1) | ticket.is_prequeue
    mac = _mac(ticket.room, ticket.number, minute, ticket.is_prequeue, secret)
    packed = (facts << _MAC_BITS) | mac
    letters = "".join(ALPHABET[(packed >> shift) & 31] for shift in range(5 * (_LETTERS - 1), -1, -5))
    letters += _check(letters)
    return "-".join(letters[start : start + 4] for start in range(0, _LETTERS + 1, 4))


def ticket_of(typed: str, *, room: str, secret: bytes, at: datetime) -> Ticket:
    """The ticket, its time cut to the minute. Raises Mistyped, NotATicket, tickets.TooOld."""
    letters = "".join(one for one in typed.upper() if one.isascii() and one.isalnum()).translate(_LOOKALIKES)
    if len(letters) != _LETTERS + 1 or letters[-1] != _check(letters[:-1]):
        raise Mistyped
    packed = 0
    for letter in letters[:-1]:
        packed = packed << 5 | ALPHABET.index(letter)
    facts, mac = packed >> _MAC_BITS, packed & ((1 << _MAC_BITS) - 1)
    number, is_prequeue = facts >> 13, bool(facts & 1)
    now = int(at.timestamp()) // 60 + 1  # a clock that is a little behind
    minute = now - (now - (facts >> 1)) % _MINUTES
    expected = _mac(room, number, minute, is_prequeue, secret)
    if not hmac.compare_digest(mac.to_bytes(5, "big"), expected.to_bytes(5, "big")):
        raise NotATicket
    joined_at = datetime.fromtimestamp(minute * 60, UTC)
    refuse_old(joined_at, at=at)
    return Ticket(room=room, number=number, joined_at=joined_at, is_prequeue=is_prequeue)


def _mac(room: str, number: int, minute: int, is_prequeue: bool, secret: bytes) -> int:
    key = key_of_day(datetime.fromtimestamp(minute * 60, UTC), secret=secret)
    said = f"code:{room}:{number}:{minute}:{int(is_prequeue)}".encode()
    return int.from_bytes(hmac.digest(key, said, hashlib.sha256)[:5], "big") >> (40 - _MAC_BITS)


def _check(letters: str) -> str:
    """Luhn's check letter, modulo 32."""
    total = 0
    for place, letter in enumerate(reversed(letters)):
        value = ALPHABET.index(letter) * (2 if place % 2 == 0 else 1) if letter in ALPHABET else 0
        total += value // 32 + value % 32
    return ALPHABET[-total % 32]
