"""Why a certificate is not believed, in words that staff can act upon."""

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose

from stamping.authority import certificates

UNFIT = frozenset(
    {Purpose.SERVER_AUTH, Purpose.CLIENT_AUTH, Purpose.CODE_SIGNING, Purpose.TIME_STAMPING, Purpose.OCSP_SIGNING}
)
"""Purposes that are not signing a document; a certificate for these alone may not seal."""
LEAST_RSA_BITS = 2048


def distrust(
    certificate: x509.Certificate,
    *,
    signed_at: datetime | None,
    at: datetime,
    chained: bool,
    roots: tuple[x509.Certificate, ...],
) -> tuple[str, ...]:
    """Codes of what speaks against the signer; none when it is trusted.

    `chained`: the chain was built and proved by pyHanko. Judged as of the claimed time, never of a time to come.
    """
    moment = min(signed_at, at) if signed_at is not None and signed_at.tzinfo else at
    found = []
    if moment > certificate.not_valid_after_utc:
        found.append("expired")
    if moment < certificate.not_valid_before_utc:
        found.append("not_yet_valid")
    if not certificates.may_seal(certificate) or _for_other_purposes(certificate):
        found.append("wrong_usage")
    if _weak_key(certificate):
        found.append("weak_algorithm")
    if (not chained and not found) or (not chained and not any(_issued(root, certificate) for root in roots)):
        found.append("issuer_unknown")
    return tuple(found)


def _for_other_purposes(certificate: x509.Certificate) -> bool:
    try:
        purposes = set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return False
    return purposes <= UNFIT


def _weak_key(certificate: x509.Certificate) -> bool:
    key = certificate.public_key()
    return isinstance(key, rsa.RSAPublicKey) and key.key_size < LEAST_RSA_BITS


def _issued(root: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether the root signed it itself; a chain with links between is pyHanko's to judge."""
    try:
        certificate.verify_directly_issued_by(root)
    except Exception:  # other names, another key, another kind of key
        return False
    return True
