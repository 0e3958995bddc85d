"""The authority that this site is set up with: who signs, and whose seals are believed."""

from functools import cache

from cryptography import x509
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from .authority.certificates import is_development, load_roots
from .authority.local import LocalEngine


@cache
def engine() -> LocalEngine:
    """The signing engine, its key loaded once a process."""
    folder = settings.AUTHORITY_DIR
    passphrase = (folder / "passphrase").read_text().strip()
    return LocalEngine.from_pkcs12(path=folder / "signer.p12", passphrase=passphrase)


@cache
def roots() -> tuple[x509.Certificate, ...]:
    """The certificates that verification trusts."""
    return tuple(load_roots(settings.TRUST_ROOTS))


def refuse_development() -> None:
    """Refuse to start in production on the development authority, whose seals prove nothing: ImproperlyConfigured."""
    if settings.ALLOW_DEVELOPMENT_AUTHORITY:
        return
    if not settings.TRUST_ROOTS.is_file():
        raise ImproperlyConfigured("TRUST_ROOTS names no file with the certificates that verification trusts")
    if any(is_development(root) for root in roots()):
        raise ImproperlyConfigured("TRUST_ROOTS holds the development certificate; name the real authority's")
    if (settings.AUTHORITY_DIR / "signer.p12").is_file() and is_development(engine().certificate):
        raise ImproperlyConfigured("AUTHORITY_DIR signs with the development certificate; name the real authority's")
