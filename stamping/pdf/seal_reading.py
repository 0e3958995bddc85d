"""Reading seals back: which signatures a file holds, which of them are seals, and what holds of each.

Two judges: pyHanko for digest, value, chain and its difference analysis, and rules of our own where its are too mild
for a stamp: the byte range may leave out the signature and not a byte more, nothing may be filled in afterwards, and
a signature that comes later may not cover what was stamped (`aftermath`).
"""

import hashlib
import re
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY, ModificationLevel, StandardDiffPolicy
from pyhanko.sign.diff_analysis.form_rules_api import FormUpdatingRule
from pyhanko.sign.diff_analysis.rules.form_field_rules import SigFieldCreationRule, SigFieldModificationRule
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation import KeyUsageConstraints, validate_pdf_signature
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from stamping.pdf import aftermath, guards, signers, traces
from stamping.pdf.reading import entry
from stamping.pdf.seal_facts import Reading, SignatureRead
from stamping.pdf.trouble import Refused
from stamping.verdict import Changes

__all__ = ["MOST_SIGNATURES", "Reading", "SignatureRead", "read"]
SEAL_REASON = re.compile(r"\[([A-Z0-9]{22})\]")
MOST_SIGNATURES = 100
"""A file with more is not an honest document, and each is read against every later revision."""
Roots = tuple[x509.Certificate, ...]
USAGE = KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"}, match_all_key_usages=False)
# As pyHanko's own, but a filled-in field is a change: a stamped form must not be filled in many times.
FINAL_POLICY = StandardDiffPolicy(
    global_rules=DEFAULT_DIFF_POLICY.global_rules,
    form_rule=FormUpdatingRule(field_rules=[SigFieldCreationRule(), SigFieldModificationRule()]),
)
WEAK = re.compile(r"md2|md5|sha1(?!\d)", re.IGNORECASE)


def read(*, source: bytes, roots: Roots, at: datetime) -> Reading:
    """The signatures and traces in a file. Never raises for what is in it: garbage is a fact, too.

    `roots` are the certificates to trust; with none, `trusted` is None. Parses a stranger's file in this process: in
    a web process call `seal_child.read`.
    """
    try:
        found = _signatures(source, roots, at)
    except Refused as refused:
        return Reading(problem=refused.code)
    except Exception:  # any library error on a hostile file
        return Reading(problem="unreadable")
    return Reading(signatures=found, traces=traces.find(source, sealed={one.serial for one in found}))


def _signatures(source: bytes, roots: Roots, at: datetime) -> tuple[SignatureRead, ...]:
    reader = guards.open_leniently(source)
    fields = list(islice(enumerate_sig_fields(reader, filled_status=True), MOST_SIGNATURES + 1))
    if len(fields) > MOST_SIGNATURES:
        raise Refused("hostile")
    found = [_one(source, reader, field, roots, at) for field in fields]
    read = sorted((one for one in found if one is not None), key=lambda one: one.revision_end or len(source))
    trusted = frozenset(one.field for one in read if one.serial and one.intact and one.trusted)
    return tuple(_with_aftermath(source, one, trusted) for one in read)


def _one(
    source: bytes, reader: guards.Reader, found: tuple[str, Any, Any], roots: Roots, at: datetime
) -> SignatureRead | None:
    """One filled field; None for a time-stamp, which is nobody's signature."""
    name, _value, reference = found
    field = reference.get_object()
    signature = entry(field, "/V")
    if entry(signature, "/Type") == "/DocTimeStamp":
        return None
    reason = _text(entry(signature, "/Reason"))
    match = SEAL_REASON.match(reason)
    bare = SignatureRead(field=_text(name), reason=reason, serial=match.group(1) if match else "")
    try:
        return _judged(source, EmbeddedPdfSignature(reader, field, name), roots, at, bare)
    except Exception:  # a signature that cannot be read is a fact about the file
        return replace(bare, faults=("unreadable",))


def _judged(
    source: bytes, embedded: EmbeddedPdfSignature, roots: Roots, at: datetime, bare: SignatureRead
) -> SignatureRead:
    end, odd = _revision_end(source, embedded)
    status = validate_pdf_signature(
        embedded,
        signer_validation_context=_context(embedded, roots, at),
        diff_policy=FINAL_POLICY,
        key_usage_settings=USAGE,
    )
    broken = (*odd, *_faults(embedded, status))
    certificate = x509.load_der_x509_certificate(status.signing_cert.dump())
    distrust = signers.distrust(
        certificate, signed_at=embedded.self_reported_timestamp, at=at, chained=bool(status.trusted), roots=roots
    )
    if getattr(status, "revoked", False):
        distrust = (*distrust, "revoked")
    return replace(
        bare,
        intact=not broken,
        trusted=not distrust if roots else None,
        signed_at=status.signer_reported_dt,
        revision_end=end,
        prefix_sha256=hashlib.sha256(memoryview(source)[:end]).hexdigest(),
        changes=_changes(source, end, status),
        faults=(*broken, *(distrust if roots else ())),
    )


def _text(value: Any) -> str:
    return str(value) if value is not None else ""


def _revision_end(source: bytes, embedded: EmbeddedPdfSignature) -> tuple[int, tuple[str, ...]]:
    """Where the signed revision ends, and whether the range leaves out anything but the signature's hexadecimal.

    pyHanko compares lengths only; a gap that is elsewhere, or wider, can hide a second content.
    """
    start, first, second, last = (int(number) for number in embedded.byte_range)
    if start != 0 or not 0 < first < second <= second + last <= len(source):
        raise ValueError("a byte range that leaves the file")
    gap = source[first:second]
    digits = bytes(embedded.pkcs7_content)
    whole = gap.startswith(b"<") and gap.endswith(b">") and gap[1:-1].lower() == digits.hex().encode()
    return second + last, () if whole else ("range_odd",)


def _faults(embedded: EmbeddedPdfSignature, status: PdfSignatureStatus) -> tuple[str, ...]:
    covered = status.coverage is not None and status.coverage >= SignatureCoverageLevel.ENTIRE_REVISION
    signer = embedded.signer_info
    algorithms = (signer["digest_algorithm"]["algorithm"].native, signer["signature_algorithm"]["algorithm"].native)
    found = {
        "digest_wrong": not status.intact,
        "value_wrong": not status.valid and status.intact,
        "weak_algorithm": any(WEAK.search(str(name)) for name in algorithms),
        "padding_used": _padding_used(bytes(embedded.pkcs7_content)),
        "revision_not_covered": not covered,
    }
    return tuple(code for code, wrong in found.items() if wrong)


def _padding_used(contents: bytes) -> bool:
    """Whether anything but zeros follows the DER of the signature: no digest covers that room."""
    if len(contents) < 2 or contents[0] != 0x30:
        return True
    if contents[1] < 0x80:
        end = 2 + contents[1]
    else:
        width = contents[1] & 0x7F
        end = 2 + width + int.from_bytes(contents[2 : 2 + width], "big")
    return end > len(contents) or any(contents[end:])


def _changes(source: bytes, end: int, status: PdfSignatureStatus) -> Changes:
    if not source[end:].strip(b"\r\n\t \x00"):
        return Changes.NOTHING
    level = status.modification_level
    if level is None:
        return Changes.UNKNOWN
    # Comments count as forbidden: a note may cover the stamp or the text, and who reads the page sees only that.
    if status.docmdp_ok is False or level in (ModificationLevel.OTHER, ModificationLevel.ANNOTATIONS):
        return Changes.FORBIDDEN
    return Changes.PERMITTED


def _with_aftermath(source: bytes, one: SignatureRead, trusted: frozenset[str]) -> SignatureRead:
    """The second opinion: it can turn "permitted" into "forbidden" and never the other way."""
    if not one.revision_end or one.changes is Changes.NOTHING:
        return one
    after = aftermath.since(source=source, end=one.revision_end, field=one.field, harmless=trusted)
    changes = one.changes
    if after & aftermath.FORBIDDEN:
        changes = Changes.FORBIDDEN
    elif "not_comparable" in after and changes is Changes.PERMITTED:
        changes = Changes.UNKNOWN
    elif changes is Changes.FORBIDDEN and not after & aftermath.FORBIDDEN:
        after |= {"other"}
    return replace(one, changes=changes, after=tuple(sorted(after)))


def _context(embedded: EmbeddedPdfSignature, roots: Roots, at: datetime) -> ValidationContext:
    """Trust as of the claimed time of signing, never of a time to come: a certificate lasts two years, a document
    longer. That a leaked key could claim an old time is what the digest in our books is for."""
    claimed = embedded.self_reported_timestamp
    moment = min(claimed, at) if claimed is not None and claimed.tzinfo else at
    return ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(root.public_bytes(Encoding.DER)) for root in roots],
        allow_fetching=False,
        revocation_mode="soft-fail",
        moment=moment,
    )
