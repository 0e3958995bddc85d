"""Verified: what a file, a serial or a QR address proves. Nothing is kept."""

from dataclasses import dataclass
from datetime import datetime

from meterai import recalling
from meterai.models import Serial, Stamp

from . import authorities
from .models import Document
from .pdf import child
from .pdf.facts import SealFacts
from .verdict import Conclusion, Verdict, worst


@dataclass(frozen=True)
class Checked:
    """One serial's verdict, with the times a person wants to see. `serial` is empty where the file has no seal."""

    serial: str
    verdict: Verdict
    sealed_at: datetime | None = None


@dataclass(frozen=True)
class Report:
    """All seals of a file. `problem`: empty, or why it could not be read (password_needed, unreadable, hostile)."""

    checked: tuple[Checked, ...]
    problem: str = ""

    @property
    def conclusion(self) -> Conclusion:
        """A file is as good as its worst seal."""
        return worst(one.verdict for one in self.checked)


def verify_file(*, source: bytes, at: datetime) -> Report:
    """The verdict on every seal of ours in a PDF, read in a limited process. Never raises for what is in the file."""
    inspection = child.inspect(source=source, roots=authorities.roots(), at=at)
    if inspection.problem:
        return Report((), problem=inspection.problem)
    if not inspection.seals:
        return Report((Checked("", Verdict(seal_found=False)),))
    states = _states([seal.serial for seal in inspection.seals])
    committed = _committed([seal.prefix_sha256 for seal in inspection.seals], list(states))
    return Report(tuple(_checked(seal, states, committed) for seal in inspection.seals))


def verify_serial(*, serial: str) -> Checked:
    """What the books say about a serial alone; without its document nothing is ever called valid."""
    state = _states([serial]).get(serial)
    known = state is not None or Serial.objects.filter(pk=serial).exists()
    document = Document.objects.filter(stamp_id=serial, sealed_at__isnull=False).first() if state else None
    verdict = Verdict(serial_known=known, serial_state=state)
    return Checked(serial, verdict, document.sealed_at if document else None)


def serials_in(*, source: bytes, at: datetime) -> tuple[str, ...]:
    """The serials of intact seals in a PDF: evidence for a complaint."""
    inspection = child.inspect(source=source, roots=authorities.roots(), at=at)
    return tuple(seal.serial for seal in inspection.seals if seal.intact and seal.certificate_trusted)


def _checked(seal: SealFacts, states: dict[str, str], committed: dict[str, set[str]]) -> Checked:
    state = states.get(seal.serial)
    hashes = committed.get(seal.serial)
    verdict = Verdict(
        seal_found=True,
        seal_intact=seal.intact,
        certificate_trusted=seal.certificate_trusted,
        serial_known=state is not None,
        serial_state=state,
        hash_matches=None if hashes is None else seal.prefix_sha256 in hashes,
        changes_after=seal.changes,
    )
    return Checked(seal.serial, verdict, seal.signed_at)


def _states(serials: list[str]) -> dict[str, str]:
    """The state of each serial that anybody ever held, or that was recalled before anybody could."""
    held = {serial: state.upper() for serial, state in Stamp.objects.filter(pk__in=serials).values_list("pk", "state")}
    return dict.fromkeys(recalling.withdrawn(set(serials) - set(held)), Stamp.State.VOID.upper()) | held


def _committed(hashes: list[str], serials: list[str]) -> dict[str, set[str]]:
    """For each serial, the digests of the sealed files our books committed."""
    found: dict[str, set[str]] = {}
    rows = Document.objects.filter(stamp_id__in=serials).exclude(output_sha256="")
    for serial, digest in rows.values_list("stamp_id", "output_sha256"):
        found.setdefault(serial, set()).add(digest)
    return found
