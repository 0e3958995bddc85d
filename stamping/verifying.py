"""Verified: what a file, a serial or a QR address proves. Nothing is kept."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.utils.crypto import constant_time_compare

from meterai import links

from . import authorities, books, turns
from .pdf import seal_child
from .pdf.seal_facts import Reading, SignatureRead, Trace
from .turns import Busy
from .verdict import Conclusion, Shown, Verdict, worst

__all__ = ["Busy", "Checked", "Other", "Report", "conclude", "serials_in", "verify_file", "verify_serial"]
TURN = "verifying"
LONG_WAIT = 10.0
"""Seconds that a complaint waits for its file to be read."""


@dataclass(frozen=True)
class Checked:
    """One serial's verdict, with what a person wants to see. `serial` is empty where the file has no seal.

    `sealed_at` is the books' time where they have it, else what the signer claims. `after` and `faults`: codes of
    what came after the seal, and of what is wrong with it (`SignatureRead`).
    """

    serial: str
    verdict: Verdict
    sealed_at: datetime | None = None
    after: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The facts, flat, with the conclusion and its reasons."""
        return {
            "serial": self.serial,
            "conclusion": self.verdict.conclusion.value,
            "reasons": list(self.verdict.reasons),
            **asdict(self.verdict),
            "sealed_at": self.sealed_at.isoformat() if self.sealed_at else None,
            "after": list(self.after),
            "faults": list(self.faults),
        }


@dataclass(frozen=True)
class Other:
    """Somebody's own signature in the file: not a seal, and no part of the conclusion. `before`: before every seal."""

    intact: bool
    before: bool


@dataclass(frozen=True)
class Report:
    """All seals of a file, then what it shows without a seal.

    `problem`: empty, or why it could not be read (password_needed, unreadable, hostile).
    """

    checked: tuple[Checked, ...]
    problem: str = ""
    others: tuple[Other, ...] = ()

    @property
    def conclusion(self) -> Conclusion:
        """A file is as good as its worst seal, and a pasted picture is worse than a seal."""
        return worst(one.verdict for one in self.checked)

    def as_json(self) -> dict[str, Any]:
        """Plain lists and dictionaries, for programs."""
        return {
            "conclusion": self.conclusion.value,
            "problem": self.problem,
            "seals": [one.as_json() for one in self.checked],
            "other_signatures": [asdict(one) for one in self.others],
        }


def verify_file(*, source: bytes, at: datetime, wait: float = turns.WAIT_SECONDS) -> Report:
    """The verdict on every seal in a PDF, read in a limited process. Never raises for what is in the file.

    Raises Busy when the machine still reads as many files as it can after `wait` seconds.
    """
    reading = _read(source, at, wait=wait)
    serials = [seal.serial for seal in reading.seals] + [trace.serial for trace in reading.traces]
    entries = books.look_up(serials)
    return conclude(source=source, reading=reading, entries=entries)


def conclude(*, source: bytes, reading: Reading, entries: Mapping[str, books.Entry]) -> Report:
    """What follows from what was read of a file and what the books say about each of its serials."""
    if reading.problem:
        return Report((), problem=reading.problem)
    checked = (*_sealed(source, reading, entries), *_shown(reading.traces, entries))
    return Report(checked or (Checked("", Verdict(seal_found=False)),), others=_others(reading))


def verify_serial(*, serial: str) -> Checked:
    """What the books say about a serial alone; without its document nothing is ever called valid."""
    entry = books.look_up([serial])[serial]
    return Checked(serial, Verdict(serial_known=entry.known, serial_state=entry.state), entry.sealed_at)


def serials_in(*, source: bytes, at: datetime) -> tuple[str, ...]:
    """The serials of intact seals in a PDF: evidence for a complaint. None while the machine stays too busy to look."""
    try:
        reading = _read(source, at, wait=LONG_WAIT)
    except Busy:
        return ()
    return tuple(seal.serial for seal in reading.seals if seal.intact and seal.trusted)


def _read(source: bytes, at: datetime, *, wait: float) -> Reading:
    with turns.turn(name=TURN, wait=wait) as held:
        return seal_child.read(source=source, roots=authorities.roots(), at=at, keep_open=held)


def _sealed(source: bytes, reading: Reading, entries: Mapping[str, books.Entry]) -> list[Checked]:
    uses = Counter(seal.serial for seal in reading.seals)
    return [_checked(source, seal, entries[seal.serial], again=uses[seal.serial] > 1) for seal in reading.seals]


def _checked(source: bytes, seal: SignatureRead, entry: books.Entry, *, again: bool) -> Checked:
    right = _matches(source, seal, entry.committed)
    verdict = Verdict(
        seal_found=True,
        seal_intact=seal.intact,
        certificate_trusted=seal.trusted,
        serial_known=entry.known,
        serial_state=entry.state,
        hash_matches=right,
        changes_after=seal.changes,
        repeated=again and not right,
    )
    return Checked(seal.serial, verdict, entry.sealed_at or seal.signed_at, seal.after, seal.faults)


def _matches(source: bytes, seal: SignatureRead, committed: Collection[books.Committed]) -> bool | None:
    """Whether the books committed the file as it was sealed, long-term data that we added to it included; None: the
    books hold nothing."""
    if not committed:
        return None
    if any(one.sha256 == seal.prefix_sha256 for one in committed):
        return True
    longer = [one for one in committed if 0 < seal.revision_end < one.length <= len(source)]
    return any(hashlib.sha256(memoryview(source)[: one.length]).hexdigest() == one.sha256 for one in longer)


def _shown(traces: tuple[Trace, ...], entries: Mapping[str, books.Entry]) -> list[Checked]:
    """A picture of one of our stamps is said to be one. A number that merely looks like a serial is passed over."""
    pictures = {trace.serial for trace in traces if _is_picture(trace)}
    found = []
    for serial in dict.fromkeys(trace.serial for trace in traces):
        entry = entries[serial]
        if entry.known or serial in pictures:
            shown = Shown.PICTURE if serial in pictures else Shown.TEXT
            verdict = Verdict(seal_found=False, serial_known=entry.known, serial_state=entry.state, shown=shown)
            found.append(Checked(serial, verdict, entry.sealed_at))
    return found


def _is_picture(trace: Trace) -> bool:
    """Only a symbol with our own MAC is a picture of our stamp; anybody can draw one with an address of his own."""
    signed = constant_time_compare(trace.mac, links.serial_mac(trace.serial))
    return trace.how == "widget" or (trace.how == "qr" and signed)


def _others(reading: Reading) -> tuple[Other, ...]:
    first = next((place for place, one in enumerate(reading.signatures) if one.serial), len(reading.signatures))
    return tuple(
        Other(intact=one.intact, before=place < first) for place, one in enumerate(reading.signatures) if not one.serial
    )
