"""The engine with a key of its own, from a PKCS #12 file."""

from datetime import datetime
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from stamping.authority import certificates
from stamping.authority.engine import SealingError
from stamping.authority.signing import SPARE, STAND_IN_DIGEST, KeptSigner, PrivateKey, RsaTemplate, asn1, raw_signature


class LocalEngine:
    """Implements `engine.Engine`. Safe to share between threads; make it once a process."""

    def __init__(self, *, key: PrivateKey, certificate: x509.Certificate, chain: tuple[x509.Certificate, ...]) -> None:
        """Raises SealingError(`certificate_unfit`, permanent) when the certificate may not sign documents."""
        if not certificates.may_seal(certificate) or certificate.public_key() != key.public_key():
            raise SealingError("certificate_unfit", permanent=True)
        self.certificate = certificate
        self._raw = partial(raw_signature, key)
        self._signer = KeptSigner(raw=self._raw_later, certificate=asn1(certificate), chain=tuple(map(asn1, chain)))
        self._template = RsaTemplate.of(self._signer) if isinstance(key, rsa.RSAPrivateKey) else None
        self._bytes_reserved = 2 * len(self._signer.cms(STAND_IN_DIGEST)) + SPARE

    def __repr__(self) -> str:
        return f"<LocalEngine {self.certificate.serial_number:x}>"

    @property
    def bytes_reserved(self) -> int:
        return self._bytes_reserved

    @classmethod
    def from_pkcs12(cls, *, path: Path, passphrase: str) -> "LocalEngine":
        """Raises SealingError, permanent: `key_unreadable` or `certificate_unfit`."""
        try:
            held = pkcs12.load_pkcs12(path.read_bytes(), passphrase.encode())
        except (OSError, ValueError) as error:
            raise SealingError("key_unreadable", permanent=True) from error
        if held.cert is None or not isinstance(held.key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
            raise SealingError("key_unreadable", permanent=True)
        chain = tuple(extra.certificate for extra in held.additional_certs)
        return cls(key=held.key, certificate=held.cert.certificate, chain=chain)

    def sign(self, *, digest: bytes, at: datetime) -> bytes:
        """See `engine.Engine.sign`. Outside the certificate's validity: SealingError, not permanent, since
        staff can renew it and the same document then goes through."""
        if not certificates.covers(self.certificate, at):
            raise SealingError("certificate_out_of_date", permanent=False)
        if self._template is not None:
            return self._template.fill(self._raw, digest)
        return self._signer.cms(digest)

    async def _raw_later(self, data: bytes) -> bytes:
        return self._raw(data)
