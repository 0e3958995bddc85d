"""The engine whose key never leaves a PKCS #11 token: a smart card, a hardware module, or SoftHSM in the tests.

The session is opened at the first signature and not before, so that it comes after the fork: a session does not
survive one. Every process opens its own. The library python-pkcs11 is wanted only where this engine is used.
"""

import asyncio
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from stamping.authority import certificates
from stamping.authority.engine import SealingError
from stamping.authority.signing import SPARE, STAND_IN_DIGEST, KeptSigner, RsaTemplate, asn1

if TYPE_CHECKING:
    from pkcs11 import Session
    from pyhanko.sign.pkcs11 import PKCS11Signer


class NotInstalled(Exception):
    """The settings ask for a token, and python-pkcs11 is not installed."""


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Which key: the maker's library, the token's label, the label of key and certificate, and the PIN."""

    module: Path
    token: str
    key: str
    pin: str = field(repr=False)


@dataclass(frozen=True)
class _Opened:
    process: int
    session: "Session"
    certificate: x509.Certificate
    signer: KeptSigner
    template: RsaTemplate | None
    bytes_reserved: int


class TokenEngine:
    """Implements `engine.Engine`. Safe to share between threads, which wait for one another: a session takes one call
    at a time. After a failure the session is opened anew, once a signature."""

    def __init__(
        self, *, slot: Slot, chain: tuple[x509.Certificate, ...] = (), accepts_development: bool = True
    ) -> None:
        """`chain` are the certificates between ours and the root. Raises NotInstalled; the token is not touched."""
        try:
            import pkcs11  # noqa: F401  (only whether it is there)
        except ImportError:
            raise NotInstalled("a token needs the package python-pkcs11 beside this application") from None
        self._slot, self._chain, self._accepts_development = slot, chain, accepts_development
        self._lock = threading.Lock()
        self._opened: _Opened | None = None
        self._pin_refused = False

    def __repr__(self) -> str:
        return f"<TokenEngine {self._slot.token}/{self._slot.key}>"

    @property
    def certificate(self) -> x509.Certificate:
        """The token's certificate. Raises SealingError."""
        with self._lock:
            return self._open().certificate

    @property
    def bytes_reserved(self) -> int:
        with self._lock:
            return self._open().bytes_reserved

    def close(self) -> None:
        """Close the session of this process, if there is one; the next signature opens another."""
        with self._lock:
            self._drop()

    def sign(self, *, digest: bytes, at: datetime) -> bytes:
        """See `engine.Engine.sign`. Trouble with the token is a delay: staff plug it in, and the document waits."""
        from pkcs11 import PKCS11Error

        with self._lock:
            for last in (False, True):
                opened = self._open()
                if not certificates.covers(opened.certificate, at):
                    raise SealingError("certificate_out_of_date", permanent=False)
                try:
                    return _signed(opened, digest)
                except PKCS11Error:
                    self._drop()  # pulled out and put back: the old session is dead, a new one may work
                    if last:
                        break
        raise SealingError("token_unavailable", permanent=False)

    def _drop(self) -> None:
        from pkcs11 import PKCS11Error

        opened, self._opened = self._opened, None
        if opened is not None and opened.process == os.getpid():
            with suppress(PKCS11Error):
                opened.session.close()

    def _open(self) -> _Opened:
        """The session of this process."""
        from pkcs11 import PKCS11Error, exceptions

        if self._opened is not None and self._opened.process == os.getpid():
            return self._opened
        if self._pin_refused:
            raise SealingError("token_pin_wrong", permanent=False)
        try:
            opened = _opened(self._slot, self._chain, forked=self._opened is not None)
        except (exceptions.PinIncorrect, exceptions.PinLocked, exceptions.PinInvalid, exceptions.PinLenRange):
            self._pin_refused = True
            raise SealingError("token_pin_wrong", permanent=False) from None
        except (PKCS11Error, RuntimeError, OSError):  # RuntimeError: the module is no PKCS #11 library
            raise SealingError("token_unavailable", permanent=False) from None
        if certificates.is_development(opened.certificate) and not self._accepts_development:
            opened.session.close()
            raise SealingError("certificate_unfit", permanent=False)
        self._opened = opened
        return opened


def _opened(slot: Slot, chain: tuple[x509.Certificate, ...], *, forked: bool) -> _Opened:
    """A session in this process, with key and certificate found. Raises PKCS11Error, SealingError."""
    import pkcs11

    if forked:  # what the parent opened is of no use here, and the library must begin again in this process
        pkcs11.lib(str(slot.module)).reinitialize()
    session = _session(slot)
    try:
        return _found(session, slot, chain)
    except BaseException:
        session.close()
        raise


def _session(slot: Slot) -> "Session":
    from pkcs11 import exceptions
    from pyhanko.config.pkcs11 import TokenCriteria
    from pyhanko.sign.pkcs11 import open_pkcs11_session

    criteria = TokenCriteria(label=slot.token)
    try:
        return open_pkcs11_session(str(slot.module), token_criteria=criteria, user_pin=slot.pin)
    except exceptions.UserAlreadyLoggedIn:  # logging in counts for the whole process
        return open_pkcs11_session(str(slot.module), token_criteria=criteria)


def _found(session: "Session", slot: Slot, chain: tuple[x509.Certificate, ...]) -> _Opened:
    from pkcs11 import PKCS11Error, exceptions
    from pyhanko.sign.pkcs11 import PKCS11Signer

    token = PKCS11Signer(
        session,
        key_label=slot.key,
        cert_label=slot.key,
        other_certs_to_pull=(),
        # Tokens know the bare elliptic signature; few know the one that hashes as well.
        use_raw_mechanism=True,
    )
    try:
        asyncio.run(token.ensure_objects_loaded())
    except PKCS11Error as error:
        if type(error) in (PKCS11Error, exceptions.NoSuchKey):  # the bare class: pyHanko found none, or several
            raise SealingError("token_key_missing", permanent=False) from None
        raise
    certificate = x509.load_der_x509_certificate(token.signing_cert.dump())
    if not certificates.may_seal(certificate):
        raise SealingError("certificate_unfit", permanent=False)
    signer = _kept(token, certificate, chain)
    is_rsa = token.signing_cert.public_key.algorithm == "rsa"
    template = RsaTemplate.of(signer) if is_rsa else None
    reserved = 2 * len(signer.cms(STAND_IN_DIGEST)) + SPARE
    return _Opened(os.getpid(), session, certificate, signer, template, reserved)


def _kept(token: "PKCS11Signer", certificate: x509.Certificate, chain: tuple[x509.Certificate, ...]) -> KeptSigner:
    async def raw(data: bytes) -> bytes:
        return await token.async_sign_raw(data, "sha256")

    own = certificate.public_bytes(Encoding.DER)
    others = tuple(asn1(link) for link in chain if link.public_bytes(Encoding.DER) != own)
    return KeptSigner(raw=raw, certificate=asn1(certificate), chain=others)


def _signed(opened: _Opened, digest: bytes) -> bytes:
    if opened.template is not None:
        return opened.template.fill(opened.signer.raw, digest)
    return opened.signer.cms(digest)
