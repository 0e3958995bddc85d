"""Reading certificates, and what may be asked of one."""

from datetime import datetime
from pathlib import Path

from cryptography import x509

DEVELOPMENT_MARK = x509.ObjectIdentifier("2.25.288017541146316229174826312604181903127")
"""A non-critical extension in every certificate of a development authority (an OID under the UUID arc, ITU-T
X.667)."""
DEVELOPMENT_NAME = "SPESIMEN PENGEMBANGAN"


def load_roots(path: Path) -> tuple[x509.Certificate, ...]:
    """Every certificate of a PEM file. Raises OSError, or ValueError when there is none in it."""
    return tuple(x509.load_pem_x509_certificates(path.read_bytes()))


def is_development(certificate: x509.Certificate) -> bool:
    """Whether it comes from a development authority: production must refuse to seal with it or to trust
    it."""
    marked = any(extension.oid == DEVELOPMENT_MARK for extension in certificate.extensions)
    names = [*certificate.subject, *certificate.issuer]
    return marked or any(DEVELOPMENT_NAME in str(name.value) for name in names)


def may_seal(certificate: x509.Certificate) -> bool:
    """Whether its key usage allows signing documents (RFC 5280, 4.2.1.3); a certificate without the entry may
    not."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return usage.digital_signature or usage.content_commitment


def covers(certificate: x509.Certificate, at: datetime) -> bool:
    """Whether `at` (aware) lies in its validity."""
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
