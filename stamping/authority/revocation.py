"""Revocation lists (CRL, RFC 5280): fetched, checked, kept in memory until they run out."""

import threading
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from stamping.authority.engine import SealingError
from stamping.authority.http import Line, Unreachable

LONGEST = timedelta(hours=1)
"""A list is asked for again after this, even where it says that it holds for days: a revocation should be seen soon."""


class RevocationLists:
    """The lists at some addresses. Safe to share between threads; make it once a process."""

    def __init__(self, *, urls: tuple[str, ...], authorities: tuple[x509.Certificate, ...]) -> None:
        """`authorities` are the certificates that may have signed a list."""
        self._urls, self._authorities, self._line = urls, authorities, Line()
        self._kept: dict[str, tuple[datetime, x509.CertificateRevocationList]] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<RevocationLists {len(self._urls)}>"

    def lists(self, *, at: datetime) -> tuple[bytes, ...]:
        """Every list (DER). Raises SealingError(`revocation_unavailable`), not permanent."""
        with self._lock:
            return tuple(self._list(url, at).public_bytes(Encoding.DER) for url in self._urls)

    def refuse_revoked(self, *, certificate: x509.Certificate, at: datetime) -> None:
        """Raises SealingError(`certificate_revoked`), not permanent: with a new key the document goes through."""
        with self._lock:
            for url in self._urls:
                found = self._list(url, at)
                if found.issuer != certificate.issuer:
                    continue
                if found.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
                    raise SealingError("certificate_revoked", permanent=False)

    def _list(self, url: str, at: datetime) -> x509.CertificateRevocationList:
        kept = self._kept.get(url)
        if kept is not None and kept[0] <= at < _until(kept[1], kept[0]):
            return kept[1]
        fetched = self._fetch(url, at)
        self._kept[url] = (at, fetched)
        return fetched

    def _fetch(self, url: str, at: datetime) -> x509.CertificateRevocationList:
        try:
            answer = self._line.send("GET", url)
        except Unreachable:
            raise SealingError("revocation_unavailable", permanent=False) from None
        if answer.status != 200:
            raise SealingError("revocation_unavailable", permanent=False)
        found = _read(answer.content)
        if found is None or not self._signed(found) or not _holds(found, at):
            raise SealingError("revocation_unavailable", permanent=False)
        return found

    def _signed(self, found: x509.CertificateRevocationList) -> bool:
        issuers = (one for one in self._authorities if one.subject == found.issuer)
        return any(_by(found, issuer) for issuer in issuers)


def _by(found: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    try:
        return found.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except (TypeError, UnsupportedAlgorithm):  # a kind of key that signs no lists
        return False


def _read(content: bytes) -> x509.CertificateRevocationList | None:
    """DER by rule, PEM in the wild."""
    for load in (x509.load_der_x509_crl, x509.load_pem_x509_crl):
        try:
            return load(content)
        except ValueError:
            continue
    return None


def _holds(found: x509.CertificateRevocationList, at: datetime) -> bool:
    end = found.next_update_utc
    return end is not None and found.last_update_utc <= at < end


def _until(found: x509.CertificateRevocationList, fetched: datetime) -> datetime:
    end = found.next_update_utc
    return min(end or fetched, fetched + LONGEST)
