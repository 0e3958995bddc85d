"""Reading seals back: which signatures a file holds, which of them are seals, and what holds of each.

Judged by pyHanko: digest and coverage (`intact`), signature value (`valid`), chain (`trusted`), and the
difference analysis of what later revisions changed, which pdfsig, openssl and qpdf do not see.
"""

import hashlib
import re
from datetime import datetime
from typing import Any

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from stamping.pdf import guards
from stamping.pdf.facts import Inspection, SealFacts, SignatureFacts
from stamping.pdf.reading import entry
from stamping.pdf.trouble import Refused
from stamping.verdict import Changes

__all__ = ["Changes", "Inspection", "SealFacts", "SignatureFacts", "inspect", "signatures"]
SEAL_REASON = re.compile(r"\[([A-Z0-9]{22})\]")
Roots = tuple[x509.Certificate, ...]


def inspect(*, source: bytes, roots: Roots, at: datetime) -> Inspection:
    """The seals in a file. Never raises for what is in it: garbage is a fact, too.

    `roots` are the certificates to trust; with none, `certificate_trusted` is None. Parses a stranger's file
    in this process: in a web process call `child.inspect`.
    """
    try:
        found = signatures(source, roots=roots, at=at)
    except Refused as refused:
        return Inspection(problem=refused.code)
    except Exception:  # any library error on a hostile file
        return Inspection(problem="unreadable")
    seals = tuple(
        SealFacts(**one.__dict__, serial=match.group(1))
        for one in found
        if (match := SEAL_REASON.match(one.reason)) is not None
    )
    return Inspection(seals=seals, signature_count=len(found))


def signatures(source: bytes, *, roots: Roots = (), at: datetime | None = None) -> tuple[SignatureFacts, ...]:
    """Every filled signature field, oldest first, timestamps left out. Raises what the libraries raise when
    the file as a whole cannot be read, and Refused(`password_needed`)."""
    reader = guards.open_leniently(source)
    return tuple(_one(source, embedded, roots, at) for embedded in reader.embedded_regular_signatures)


def _one(source: bytes, embedded: EmbeddedPdfSignature, roots: Roots, at: datetime | None) -> SignatureFacts:
    field = str(embedded.field_name)
    reason = _text(entry(embedded.sig_object, "/Reason"))
    try:
        end = _revision_end(embedded, len(source))
        status = validate_pdf_signature(embedded, signer_validation_context=_context(embedded, roots, at))
        return SignatureFacts(
            field=field,
            reason=reason,
            intact=_intact(status),
            cryptographically_valid=bool(status.valid),
            certificate_trusted=bool(status.trusted) if roots else None,
            signed_at=status.signer_reported_dt,
            revision_end=end,
            prefix_sha256=hashlib.sha256(memoryview(source)[:end]).hexdigest(),
            changes=_changes(status),
        )
    except Exception:  # a signature that cannot be read is a fact about the file
        return SignatureFacts(field=field, reason=reason, problem="unreadable")


def _text(value: Any) -> str:
    return str(value) if value is not None else ""


def _revision_end(embedded: EmbeddedPdfSignature, size: int) -> int:
    start, first, second, last = (int(number) for number in embedded.byte_range)
    if start != 0 or not 0 <= first <= second <= second + last <= size:
        raise ValueError("a byte range that leaves the file")
    return second + last


def _intact(status: PdfSignatureStatus) -> bool:
    covered = status.coverage is not None and status.coverage >= SignatureCoverageLevel.ENTIRE_REVISION
    return bool(status.intact and status.valid and covered)


def _changes(status: PdfSignatureStatus) -> Changes:
    if status.coverage == SignatureCoverageLevel.ENTIRE_FILE:
        return Changes.NOTHING
    level = status.modification_level
    if level is None:
        return Changes.UNKNOWN
    if level == ModificationLevel.OTHER or status.docmdp_ok is False:
        return Changes.FORBIDDEN
    # Comments count as forbidden: a note may cover the stamp or the text, and the seal's reader sees only the
    # page.
    return Changes.FORBIDDEN if level == ModificationLevel.ANNOTATIONS else Changes.PERMITTED


def _context(embedded: EmbeddedPdfSignature, roots: Roots, at: datetime | None) -> ValidationContext:
    """Trust as of the claimed time of signing, never of a time to come: a certificate lasts two years, a
    document longer. That a leaked key could claim an old time is what the hash in our books is for."""
    claimed = embedded.self_reported_timestamp
    moment = min(claimed, at) if claimed is not None and at is not None and claimed.tzinfo else at
    return ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(root.public_bytes(Encoding.DER)) for root in roots],
        allow_fetching=False,
        revocation_mode="soft-fail",
        moment=moment,
    )
