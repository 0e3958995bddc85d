"""Proof of work at joining, and the way in without it. The server keeps nothing: the challenge is signed.

A challenge names the room and the moment. Who has a script finds a text whose SHA-256 begins with so many zero bits;
who has none waits until the challenge is 20 seconds old and sends it as it is.
"""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta

PATIENCE = timedelta(seconds=20)
LIFETIME = timedelta(minutes=10)


class NotAChallenge(Exception):
    """It is not ours, not for this room, or older than LIFETIME."""


class TooEarly(Exception):
    """No work was shown, and the challenge is younger than PATIENCE; `seconds` is what is missing."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"{seconds} seconds too early")
        self.seconds = seconds


def challenge(*, room: str, secret: bytes, at: datetime) -> str:
    """A new one: `SECONDS.RANDOM.MAC`."""
    said = f"{int(at.timestamp())}.{secrets.token_hex(6)}"
    return f"{said}.{_mac(said, room=room, secret=secret)}"


def check(given: str, *, solution: str, bits: int, room: str, secret: bytes, at: datetime) -> None:
    """Return when the work was done or the time was waited. Raises NotAChallenge, TooEarly."""
    said, _dot, mac = given.rpartition(".")
    if not hmac.compare_digest(mac.encode(), _mac(said, room=room, secret=secret).encode()):
        raise NotAChallenge
    age = at - datetime.fromtimestamp(int(said.partition(".")[0]), UTC)
    if age > LIFETIME:
        raise NotAChallenge
    if solution and solves(given, solution=solution[:40], bits=bits):
        return
    if age < PATIENCE:
        raise TooEarly(int((PATIENCE - age).total_seconds()) + 1)


def solves(given: str, *, solution: str, bits: int) -> bool:
    """Whether SHA-256 of "CHALLENGE:SOLUTION" begins with `bits` zero bits."""
    digest = hashlib.sha256(f"{given}:{solution}".encode()).digest()
    return int.from_bytes(digest, "big") >> (256 - bits) == 0


def _mac(said: str, *, room: str, secret: bytes) -> str:
    return hmac.new(secret, f"meterai.rooms.work:{room}:{said}".encode(), hashlib.sha256).hexdigest()[:24]
