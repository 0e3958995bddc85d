"""One file of a bulk run from beginning to end: examined, repaired where that helps, placed, sealed, proofread.

Runs in a child with limits (`warm`), which has no key: the engine it is given asks its parent for each signature.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from stamping.authority.engine import Engine, SealingError
from stamping.pdf import geometry, guards, preflight, proofreading, repairing, sealing, suggesting
from stamping.pdf.trouble import Refused, Unreadable


@dataclass(frozen=True)
class Wish:
    """What is asked for one file. `place` is None where a free place is to be found; `at` is aware."""

    serial: str
    address: str
    reason: str
    at: datetime
    max_bytes: int
    place: geometry.Placement | None = None

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "at": self.at.isoformat()}

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "Wish":
        place = geometry.Placement(**facts["place"]) if facts["place"] else None
        return cls(**{**facts, "at": datetime.fromisoformat(facts["at"]), "place": place})


@dataclass(frozen=True)
class Outcome:
    """What came of it. `code` is empty when it was sealed; `how` the place was found; `notes`: preflight's codes."""

    code: str = ""
    place: geometry.Placement | None = None
    how: str = ""
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "Outcome":
        place = geometry.Placement(**facts["place"]) if facts["place"] else None
        return cls(**{**facts, "place": place, "notes": tuple(facts["notes"])})


FINAL = frozenset(
    {
        *("certified_no_changes", "certified_form_only", "fields_locked", "dynamic_form", "already_sealed"),
        *("no_such_page", "bad_placement", "page_too_small", "signed_and_damaged"),
    }
)
"""Refusals that no repair could change."""


@dataclass(frozen=True)
class _Try:
    """One attempt: sealed and proofread, or the code of what stopped it."""

    code: str = ""
    place: geometry.Placement | None = None
    how: str = ""
    sealed: bytes = b""
    proof: proofreading.Proof | None = None

    @property
    def refusal(self) -> str:
        """Why this may not be handed out; empty when it may."""
        if self.proof is None or self.code:
            return self.code or "unreadable"
        if not self.proof.contents_whole:
            return "contents_broken"
        return "" if self.proof.acceptable else "would_not_hold"


def handle(*, source: bytes, wish: Wish, engine: Engine) -> tuple[Outcome, bytes]:
    """(what came of it, the sealed file or nothing). Raises SealingError, MemoryError; the file's faults do not."""
    facts = preflight.examine(source, wish.max_bytes)
    notes = tuple(finding.code for finding in facts.findings)
    if facts.refused:
        return Outcome(code=facts.findings[0].code, notes=notes), b""
    first = _Try(code="damaged_structure") if facts.repairable else _tried(source, wish, engine)
    best, mended = _better(first, source, wish, engine)
    if best.refusal:
        # Preflight opened it, so what stands in the way is how it is locked and no password.
        locked = facts.encrypted and best.refusal in ("unreadable", "password_needed")
        return Outcome(code="unknown_protection" if locked else best.refusal, notes=notes), b""
    repaired = ("damaged_structure",) if mended and "damaged_structure" not in notes else ()
    return Outcome(place=best.place, how=best.how, notes=(*notes, *repaired)), best.sealed


def _better(first: _Try, source: bytes, wish: Wish, engine: Engine) -> tuple[_Try, bool]:
    """The first try, or a second one on the repaired file where that is allowed and comes out better."""
    signed = guards.looks_signed(source)
    if first.code in FINAL or (signed and first.refusal == "") or (first.proof is not None and first.proof.clean):
        return first, False
    if signed:
        return (_Try(code="signed_and_damaged") if first.code else first), False
    try:
        mended = repairing.repair(source)
    except Unreadable:
        return (_Try(code="unreadable") if first.code else first), False
    second = _tried(mended, wish, engine)
    if second.proof is None or (first.proof is not None and first.proof.rank >= second.proof.rank):
        return (second if first.code else first), False
    return second, True


def _tried(source: bytes, wish: Wish, engine: Engine) -> _Try:
    try:
        place, how = _place(source, wish)
        sealed = sealing.seal(
            source=source,
            placement=place,
            serial=wish.serial,
            verification_url=wish.address,
            reason_text=wish.reason,
            engine=engine,
            at=wish.at,
        ).data
    except Refused as refused:
        return _Try(code=refused.code)
    except (SealingError, MemoryError):
        raise
    except Exception:  # whatever a library makes of an odd file
        return _Try(code="unreadable")
    field = sealing.field_name(wish.serial)
    proof = proofreading.proofread(source=source, sealed=sealed, field=field, place=place)
    return _Try(place=place, how=how, sealed=sealed, proof=proof)


def _place(source: bytes, wish: Wish) -> tuple[geometry.Placement, str]:
    if wish.place is not None:
        return wish.place, "asked"
    suggestion = suggesting.suggest(source)
    return suggestion.placement, suggestion.how
