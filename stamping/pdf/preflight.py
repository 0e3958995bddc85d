"""What is true of a file before anything is bought for it: frozen facts, and findings by code.

Codes, by severity (sentences are made from them elsewhere):

refuse  not_pdf, unreadable, password_needed, too_large, no_pages, too_many_pages, dynamic_form,
        page_too_small (every page), unknown_protection, locked_to_reader, signed_and_damaged, signature_broken,
        signed_too_large, certified_no_changes, certified_form_only, fields_locked
repair  damaged_structure, over_limit (up to `upload_bytes`): no signature, and a repair is worth a try
warn    near_limit (the stamp may push it over), not_a4, old_version (and signed), new_version, scripts, attachments,
        signature_changed_after (an earlier signature holds, but not for what came after it)
info    old_version (unsigned), encrypted, restricted (its owner forbids something), signed, form, no_text
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from io import BytesIO
from typing import Any

import pikepdf

from stamping.pdf import geometry, pages, repairing, tidying, traits
from stamping.pdf.reading import certified_level, elements, entry
from stamping.pdf.trouble import Refused

DEFAULT_MAX_BYTES = 800_000
"""The recruitment portals take 800 KB; counted in thousands, which is right whichever way a portal counts."""
STAMP_GROWTH = 20_000
"""What one stamp adds at most, in bytes."""
MOST_PAGES = 1_000
UNSPOKEN_REVISION = 5
"""The encryption of Acrobat 9 alone, withdrawn in ISO 32000-2: pyHanko does not speak it."""
A4 = (595.276, 841.89)
A4_TOLERANCE = 4.0
VERSIONS = ("1.6", "2.0")
"""The oldest and the newest version that issuers and portals take."""


class Severity(StrEnum):
    """How much a finding weighs, the heaviest first."""

    REFUSE = "refuse"
    REPAIR = "repair"
    WARN = "warn"
    INFO = "info"


@dataclass(frozen=True)
class Finding:
    """One thing worth saying about a file."""

    code: str
    severity: Severity


@dataclass(frozen=True)
class Page:
    """Displayed size in points, and the turn in degrees clockwise that was already applied to it."""

    width: float
    height: float
    rotation: int

    @property
    def is_a4(self) -> bool:
        sides = sorted((self.width, self.height))
        return all(abs(side - wanted) <= A4_TOLERANCE for side, wanted in zip(sides, A4, strict=True))


@dataclass(frozen=True)
class EarlierSignature:
    """A signature the file came with. `intact`: its digest and its signature value are right."""

    field: str
    intact: bool
    changed_after: bool


@dataclass(frozen=True)
class Preflight:
    """The facts of one file.

    `version` is like "1.7" and empty when unknown; `certified_level` is 1, 2, 3 or None. `fields_locked`: an earlier
    signature forbids new fields. `forbidden`: what its owner reserves (`traits.LIMITS`). `text`: all, some or none of
    its pages hold text; empty when unknown.
    """

    size_bytes: int
    pages: tuple[Page, ...] = ()
    version: str = ""
    encrypted: bool = False
    signatures: tuple[EarlierSignature, ...] = ()
    certified_level: int | None = None
    scripts: bool = False
    xfa: bool = False
    form: bool = False
    findings: tuple[Finding, ...] = ()
    fields_locked: bool = False
    attachments: int = 0
    forbidden: tuple[str, ...] = ()
    text: str = ""

    @property
    def is_a4(self) -> bool:
        """Whether every page is A4, upright or across."""
        return bool(self.pages) and all(page.is_a4 for page in self.pages)

    @property
    def refused(self) -> bool:
        return any(finding.severity is Severity.REFUSE for finding in self.findings)

    @property
    def repairable(self) -> bool:
        """Whether it may be sealed after `repairing.repair`, and not before."""
        return not self.refused and any(finding.severity is Severity.REPAIR for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Plain lists and dictionaries, for `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "Preflight":
        """Facts that others keep beside ours are left alone; facts that are younger than the row have their default."""
        known = {one.name for one in fields(cls)}
        return cls(
            **{
                **{name: value for name, value in facts.items() if name in known},
                "pages": tuple(Page(**page) for page in facts["pages"]),
                "signatures": tuple(EarlierSignature(**one) for one in facts["signatures"]),
                "findings": tuple(Finding(one["code"], Severity(one["severity"])) for one in facts["findings"]),
                "forbidden": tuple(facts.get("forbidden", ())),
            }
        )


@dataclass(frozen=True)
class _Limits:
    max_bytes: int
    versions: tuple[str, str]


def examine(
    source: bytes, max_bytes: int = DEFAULT_MAX_BYTES, *, upload_bytes: int = 0, versions: tuple[str, str] = VERSIONS
) -> Preflight:
    """The facts and findings of a file; never raises for what is in it.

    Up to `upload_bytes` a file that is too large is one to be repaired, beyond it is refused; by default no such file
    is looked at. Parses a stranger's file in this process: in a web process call `child.examine`.
    """
    size = len(source)
    if size > max(max_bytes, upload_bytes) or b"%PDF-" not in source[:1024]:
        return _only("not_pdf" if b"%PDF-" not in source[:1024] else "too_large", size)
    try:
        pdf, damaged = _open(source)
    except pikepdf.PasswordError:
        return _only("password_needed", size)
    except Exception:  # qpdf reports through several kinds of error, libraries below it through more
        return _only(_broken(source), size)
    try:
        with pdf:
            carried = traits.carried(pdf)
            facts = _facts(pdf, size, carried)
            unspoken = pdf.is_encrypted and pdf.encryption.R == UNSPOKEN_REVISION
            damaged = damaged or tidying.odd_tree(pdf)
    except Exception:
        return _only(_broken(source), size)
    if unspoken:
        return _only("unknown_protection", size)
    facts = replace(facts, text=traits.text_layer(source))
    signed = carried.signed or (damaged and b"/ByteRange" in source)
    return _judge(source, facts, signed=signed, damaged=damaged, limits=_Limits(max_bytes, (versions[0], versions[1])))


def _broken(source: bytes) -> str:
    """Why a file is refused that nobody can read. One with a signature in it must not be repaired."""
    if b"/Adobe.PubSec" in source:
        return "locked_to_reader"
    return "signed_and_damaged" if b"/ByteRange" in source else "unreadable"


def _only(code: str, size: int) -> Preflight:
    return Preflight(size_bytes=size, findings=(Finding(code, Severity.REFUSE),))


def _open(source: bytes) -> tuple[pikepdf.Pdf, bool]:
    """The open file, and whether its structure had to be guessed."""
    if not repairing.looks_broken(source):
        try:
            pdf = pikepdf.open(BytesIO(source), attempt_recovery=False, suppress_warnings=True)
            if len(pdf.pages) or pdf.is_encrypted:
                return pdf, False
        except pikepdf.PasswordError:
            raise
        except Exception:  # noqa: S110 - whatever it was, the next line tries harder
            pass
    return repairing.open_broken(source), True


def _facts(pdf: pikepdf.Pdf, size: int, carried: traits.Carried) -> Preflight:
    form = entry(pdf.Root, "/AcroForm")
    found = []
    for page in list(pdf.pages)[: MOST_PAGES + 1]:
        frame = pages.frame_of(page.obj)
        found.append(Page(round(frame.width, 2), round(frame.height, 2), frame.rotation))
    return Preflight(
        size_bytes=size,
        pages=tuple(found),
        version=_version(pdf),
        encrypted=pdf.is_encrypted,
        certified_level=certified_level(pdf.Root),
        scripts=carried.scripts,
        xfa=entry(form, "/XFA") is not None,
        form=any(entry(field, "/FT") != "/Sig" for field in elements(entry(form, "/Fields"))),
        attachments=carried.attachments,
        forbidden=traits.forbidden(pdf),
    )


def _version(pdf: pikepdf.Pdf) -> str:
    in_catalog = str(pdf.Root.get("/Version", "")).lstrip("/")
    return max(pdf.pdf_version, in_catalog, key=_numbers)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _judge(source: bytes, facts: Preflight, *, signed: bool, damaged: bool, limits: _Limits) -> Preflight:
    signatures: tuple[EarlierSignature, ...] = ()
    codes: list[tuple[str, Severity]] = list(_shape_findings(facts))
    codes += [*_content_findings(facts), *_limit_findings(facts, limits, signed=signed)]
    if signed and damaged:
        codes.append(("signed_and_damaged", Severity.REFUSE))
    elif damaged:
        codes.append(("damaged_structure", Severity.REPAIR))
    elif signed:
        signatures, more = _signature_findings(source)
        codes += more
    if facts.certified_level is not None:
        code = "certified_no_changes" if facts.certified_level == 1 else "certified_form_only"
        codes.append((code, Severity.REFUSE))
    order = list(Severity)
    findings = sorted({Finding(*code) for code in codes}, key=lambda one: (order.index(one.severity), one.code))
    locked = any(finding.code == "fields_locked" for finding in findings)
    return replace(facts, signatures=signatures, findings=tuple(findings), fields_locked=locked)


def _limit_findings(facts: Preflight, limits: _Limits, *, signed: bool) -> Iterator[tuple[str, Severity]]:
    """Findings that depend on what issuers and portals take."""
    if facts.size_bytes > limits.max_bytes:
        yield ("signed_too_large", Severity.REFUSE) if signed else ("over_limit", Severity.REPAIR)
    elif facts.size_bytes + STAMP_GROWTH > limits.max_bytes:
        yield "near_limit", Severity.WARN
    oldest, newest = (_numbers(version) for version in limits.versions)
    if _numbers(facts.version) < oldest:
        yield "old_version", Severity.WARN if signed else Severity.INFO
    elif _numbers(facts.version) > newest:
        yield "new_version", Severity.WARN


def _shape_findings(facts: Preflight) -> Iterator[tuple[str, Severity]]:
    """Findings that follow from the facts alone."""
    smallest = geometry.SMALLEST_PAGE
    if not facts.pages:
        yield "no_pages", Severity.REFUSE
    elif all(min(page.width, page.height) < smallest for page in facts.pages):
        yield "page_too_small", Severity.REFUSE
    elif not facts.is_a4:
        yield "not_a4", Severity.WARN
    if len(facts.pages) > MOST_PAGES:
        yield "too_many_pages", Severity.REFUSE


def _content_findings(facts: Preflight) -> Iterator[tuple[str, Severity]]:
    """What the file carries that a person should know of."""
    found = {
        ("dynamic_form", Severity.REFUSE): facts.xfa,
        ("scripts", Severity.WARN): facts.scripts,
        ("attachments", Severity.WARN): facts.attachments,
        ("encrypted", Severity.INFO): facts.encrypted,
        ("restricted", Severity.INFO): facts.forbidden,
        ("form", Severity.INFO): facts.form,
        ("no_text", Severity.INFO): facts.text == "none",
    }
    yield from (finding for finding, holds in found.items() if holds)


def _signature_findings(source: bytes) -> tuple[tuple[EarlierSignature, ...], list[tuple[str, Severity]]]:
    # Imported here: pyHanko takes half a second to load, and most letters are not signed.
    from stamping.pdf import guards, inspecting

    codes = [("signed", Severity.INFO)]
    try:
        guards.open_for_sealing(source, field="")
    except Refused as refused:
        codes.append((refused.code, Severity.REFUSE))
    except Exception:
        return (), [*codes, ("signed_and_damaged", Severity.REFUSE)]
    try:
        facts = inspecting.signatures(source)
    except Exception:  # a signature that is no signature at all
        return (), [*codes, ("signature_broken", Severity.REFUSE)]
    found = tuple(
        EarlierSignature(field=one.field, intact=one.intact, changed_after=one.changes is inspecting.Changes.FORBIDDEN)
        for one in facts
    )
    if any(not one.intact for one in found):
        codes.append(("signature_broken", Severity.REFUSE))
    if any(one.changed_after for one in found):
        codes.append(("signature_changed_after", Severity.WARN))
    return found, codes
