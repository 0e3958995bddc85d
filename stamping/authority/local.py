"""The engine with a key of its own, from a PKCS #12 file."""

from datetime import datetime
from pathlib import Path

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from stamping.authority import certificates
from stamping.authority.engine import SealingError
from stamping.authority.signing import STAND_IN_DIGEST, KeptSigner, PrivateKey, RsaTemplate

SPARE = 64
"""Hexadecimal characters to spare: an ECDSA signature is not always equally long."""


class LocalEngine:
    """Implements `engine.Engine`. Safe to share between threads; make it once a process."""

    def __init__(self, *, key: PrivateKey, certificate: x509.Certificate, chain: tuple[x509.Certificate, ...]) -> None:
        """Raises SealingError(`certificate_unfit`, permanent) when the certificate may not sign documents."""
        if not certificates.may_seal(certificate) or certificate.public_key() != key.public_key():
            raise SealingError("certificate_unfit", permanent=True)
        self.certificate = certificate
        self._key = key
        self._signer = KeptSigner(key=key, certificate=_asn1(certificate), chain=tuple(_asn1(link) for link in chain))
        self._template = RsaTemplate.of(self._signer) if isinstance(key, rsa.RSAPrivateKey) else None
        self.bytes_reserved = 2 * len(self._signer.cms(STAND_IN_DIGEST)) + SPARE

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
            return self._template.fill(self._key, digest)
        return self._signer.cms(digest)


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    """The same certificate as an object of the library that pyHanko builds on."""
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
