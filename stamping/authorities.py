"""The authority that this site is set up with: who seals, how long it can be proved, and whose seals are believed."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from .authority.certificates import is_development, load_roots
from .authority.engine import Engine, Sealer
from .authority.issuer import Adapter, IssuerSealer
from .authority.issuer_client import IssuerClient
from .authority.revocation import RevocationLists
from .authority.rotation import KeyRing
from .authority.sealer import Level, OurSealer
from .authority.timestamps import Missing, TimestampClient, TimestampedEngine
from .authority.token import NotInstalled, Slot, TokenEngine

ENGINES = ("local", "token", "issuer")


@cache
def sealer() -> Sealer:
    """Who seals documents, made once a process: one of three engines behind one contract."""
    if is_remote():
        return IssuerSealer(adapter=_adapter(), client=issuer_client())
    lists = _options("revocation_urls")
    tsa_roots = _tsa_roots() if level().is_timestamped else ()
    known = (*roots(), *tsa_roots)
    return OurSealer(
        engine=engine(),
        level=level(),
        client=_timestamps() if level().is_timestamped else None,
        lists=RevocationLists(urls=tuple(lists), authorities=known) if lists else None,
        authorities=tuple(dict.fromkeys(known)) if level().is_long else (),
        certificate_at=_certificate_at(),
    )


@cache
def engine() -> Engine:
    """Who signs digests: our own key, in a file or a token. With the issuer's engine it still signs statements."""
    signs: Engine = _token() if _name() == "token" else _keys()
    return TimestampedEngine(inner=signs, client=_timestamps()) if level().is_timestamped else signs


@cache
def issuer_client() -> IssuerClient:
    """Our account at the issuer. Raises ImproperlyConfigured when there is none."""
    options = _options("issuer")
    if not options:
        raise ImproperlyConfigured("SEAL_ENGINE is not issuer: there is no account at the issuer to ask")
    names = ("backend", "stamps", "user", "password")
    return IssuerClient(**{name: options[name] for name in names})


def is_remote() -> bool:
    """Whether the issuer's engine seals: it is slow, and it wants the issuer's own picture."""
    return _name() == "issuer"


def document_type() -> str:
    """The issuer's code for the kind of documents that serials are asked for."""
    return str(_options("issuer")["document_type"])


@cache
def roots() -> tuple[x509.Certificate, ...]:
    """The certificates that verification trusts."""
    return tuple(load_roots(settings.TRUST_ROOTS))


def level() -> Level:
    """How long our seals can be proved."""
    return Level(_options("level") or Level.PLAIN)


def refuse_development() -> None:
    """Refuse to start on settings that contradict one another, and in production on the development authority, whose
    seals prove nothing: ImproperlyConfigured."""
    _refuse_contradictions()
    if settings.ALLOW_DEVELOPMENT_AUTHORITY:
        return
    if not settings.TRUST_ROOTS.is_file():
        raise ImproperlyConfigured("TRUST_ROOTS names no file with the certificates that verification trusts")
    if any(is_development(root) for root in roots()):
        raise ImproperlyConfigured("TRUST_ROOTS holds the development certificate; name the real authority's")
    # A token is looked at when it is opened, after the fork.
    if (settings.AUTHORITY_DIR / "signer.p12").is_file() and any(map(is_development, _keys().certificates)):
        raise ImproperlyConfigured("AUTHORITY_DIR signs with the development certificate; name the real authority's")


def forget() -> None:
    """Read keys, roots and settings anew; for tests and for commands that change them."""
    for made in (sealer, engine, issuer_client, roots, _keys, _token, _timestamps):
        made.cache_clear()


def _refuse_contradictions() -> None:
    if _name() not in ENGINES:
        raise ImproperlyConfigured(f"SEAL_ENGINE must be one of {', '.join(ENGINES)}")
    wanted = _options("level") or Level.PLAIN
    if wanted not in set(Level):
        raise ImproperlyConfigured(f"SEAL_LEVEL must be one of {', '.join(Level)}")
    if _name() == "token":
        _token()
    if not level().is_timestamped:
        return
    tsa = _options("tsa")
    if not tsa.get("url"):
        raise ImproperlyConfigured(f"SEAL_LEVEL {wanted} needs TSA_URL")
    if tsa.get("missing", Missing.DELAY) not in set(Missing):
        raise ImproperlyConfigured(f"TSA_MISSING must be one of {', '.join(Missing)}")
    if not level().is_long:
        return
    if not _options("revocation_urls"):
        raise ImproperlyConfigured(f"SEAL_LEVEL {wanted} needs SEAL_CRL_URLS")
    if tsa.get("missing") == Missing.WITHOUT:
        raise ImproperlyConfigured(f"TSA_MISSING=without would break the promise of SEAL_LEVEL {wanted}")


@cache
def _keys() -> KeyRing:
    return KeyRing.from_folder(settings.AUTHORITY_DIR)


@cache
def _token() -> TokenEngine:
    options = _options("token")
    slot = Slot(module=Path(options["module"]), token=options["token"], key=options["key"], pin=options["pin_secret"])
    chain = load_roots(Path(options["chain"])) if options.get("chain") else ()
    try:
        return TokenEngine(slot=slot, chain=chain, accepts_development=settings.ALLOW_DEVELOPMENT_AUTHORITY)
    except NotInstalled as error:
        raise ImproperlyConfigured(f"SEAL_ENGINE=token: {error}") from error


@cache
def _timestamps() -> TimestampClient:
    options = _options("tsa")
    return TimestampClient(
        url=options["url"],
        roots=_tsa_roots(),
        authorization=options.get("authorization_secret", ""),
        missing=Missing(options.get("missing", Missing.DELAY)),
    )


def _tsa_roots() -> tuple[x509.Certificate, ...]:
    path = _options("tsa").get("roots")
    return load_roots(Path(path)) if path else roots()


def _certificate_at() -> Callable[[datetime], x509.Certificate]:
    if _name() == "token":
        return lambda _at: _token().certificate
    return lambda at: _keys().at(at).certificate


def _adapter() -> Adapter:
    options = _options("issuer")
    return Adapter(
        url=options["adapter"],
        folder=Path(options["folder"]),
        folder_there=options["folder_there"],
        profile=options["profile"],
        location=options["location"],
        patience=float(options["patience"]),
    )


def _name() -> str:
    return str(_options("engine") or "local")


def _options(name: str) -> Any:
    """A part of AUTHORITY, as meterai/settings/authority.py reads it from the environment; empty when it is not set."""
    return getattr(settings, "AUTHORITY", {}).get(name) or {}
