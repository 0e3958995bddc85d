"""Keys that follow one another: each is used from a date on, and what the earlier ones sealed stays valid.

    AUTHORITY_DIR/signer.p12, passphrase                        the first key
    AUTHORITY_DIR/keys/20261201T000000Z/signer.p12, passphrase  used from then on

Nothing is taken away: an old certificate is needed to judge old seals, and its root stays among the trusted ones.
"""

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from stamping.authority import certificates
from stamping.authority.engine import SealingError
from stamping.authority.local import LocalEngine

FORMAT = "%Y%m%dT%H%M%SZ"
NAME = re.compile(r"\d{8}T\d{6}Z")


class Unfit(Exception):
    """This key cannot take over; the message says why, for staff."""


@dataclass(frozen=True)
class Key:
    """One key and the time from which it is used; the first is used from ever."""

    starts: datetime
    engine: LocalEngine


class KeyRing:
    """Implements `engine.Engine`: signs with the key whose turn it is. Keys are loaded once a process."""

    def __init__(self, keys: tuple[Key, ...]) -> None:
        """Raises SealingError(`key_unreadable`) when there is none."""
        if not keys:
            raise SealingError("key_unreadable", permanent=True)
        self._keys = tuple(sorted(keys, key=lambda key: key.starts))

    @classmethod
    def from_folder(cls, folder: Path) -> "KeyRing":
        """The keys of an authority's folder. Raises SealingError, permanent."""
        first = Key(datetime.min.replace(tzinfo=UTC), _loaded(folder))
        later = (path for path in sorted((folder / "keys").glob("*")) if NAME.fullmatch(path.name))
        return cls((first, *(Key(_starts(path.name), _loaded(path)) for path in later)))

    def __repr__(self) -> str:
        return f"<KeyRing {len(self._keys)}>"

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """Every key's, the oldest first."""
        return tuple(key.engine.certificate for key in self._keys)

    @property
    def bytes_reserved(self) -> int:
        return max(key.engine.bytes_reserved for key in self._keys)

    def at(self, at: datetime) -> LocalEngine:
        """Whose turn it is then."""
        return next((key.engine for key in reversed(self._keys) if key.starts <= at), self._keys[0].engine)

    def sign(self, *, digest: bytes, at: datetime) -> bytes:
        """See `engine.Engine.sign`."""
        return self.at(at).sign(digest=digest, at=at)


def add(
    *, folder: Path, pkcs12: bytes, passphrase: str, starts: datetime, at: datetime, accepts_development: bool = False
) -> x509.Certificate:
    """Put a key beside the others, to be used from `starts` on. Raises Unfit, SealingError: then nothing changed."""
    place = folder / "keys" / starts.astimezone(UTC).strftime(FORMAT)
    if starts < at:
        raise Unfit("a new key begins at a time to come: documents that wait were promised nothing else")
    if place.exists():
        raise Unfit("another key begins at this very time")
    place.parent.mkdir(mode=0o700, exist_ok=True)
    workshop = Path(tempfile.mkdtemp(prefix=".new.", dir=place.parent))  # mode 0700
    try:
        write(workshop / "signer.p12", pkcs12, mode=0o600)
        write(workshop / "passphrase", passphrase.encode(), mode=0o600)
        certificate = _loaded(workshop).certificate
        if certificates.is_development(certificate) and not accepts_development:
            raise Unfit("it is a development certificate, whose seals prove nothing")
        if not certificates.covers(certificate, starts):
            raise Unfit("its certificate does not hold at the time when it is to begin")
        workshop.rename(place)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
    return certificate


def trust(*, bundle: Path, roots: tuple[x509.Certificate, ...]) -> int:
    """Add certificates to a PEM bundle, keeping what is in it; returns how many were new. Atomic. Raises OSError."""
    held = certificates.load_roots(bundle)
    new = [root for root in dict.fromkeys(roots) if root not in held]
    if not new:
        return 0
    mode = bundle.stat().st_mode & 0o777
    pems = b"".join(root.public_bytes(Encoding.PEM) for root in (*held, *new))
    beside = bundle.with_name(f".{bundle.name}.{os.getpid()}")
    try:
        write(beside, pems, mode=mode)
        beside.replace(bundle)
    finally:
        beside.unlink(missing_ok=True)
    return len(new)


def write(path: Path, data: bytes, *, mode: int) -> None:
    """Made with its mode from the first moment, never wider for an instant; on the disk before it counts."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _loaded(folder: Path) -> LocalEngine:
    try:
        passphrase = (folder / "passphrase").read_text().strip()
    except OSError as error:
        raise SealingError("key_unreadable", permanent=True) from error
    return LocalEngine.from_pkcs12(path=folder / "signer.p12", passphrase=passphrase)


def _starts(name: str) -> datetime:
    return datetime.strptime(name, FORMAT).replace(tzinfo=UTC)
