"""What our books say about serials: known or not, their state, and the files that were committed for them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from meterai import recalling
from meterai.models import Serial, Stamp

from .models import Document


@dataclass(frozen=True)
class Committed:
    """A sealed file as it was handed out: SHA-256 in hexadecimal, length in bytes. What remains after erasure, too."""

    sha256: str
    length: int


@dataclass(frozen=True)
class Entry:
    """One serial. `state` is the stamp's, in capitals; None where nobody ever had it, or where it is not known."""

    known: bool = False
    state: str | None = None
    committed: tuple[Committed, ...] = ()
    sealed_at: datetime | None = None


def look_up(serials: Collection[str]) -> dict[str, Entry]:
    """An entry for each of these serials, in four queries however many they are."""
    wanted = set(serials)
    if not wanted:
        return {}
    states = _states(wanted)
    known = set(states) | set(Serial.objects.filter(pk__in=wanted - set(states)).values_list("pk", flat=True))
    committed, times = _committed(set(states))
    return {
        serial: Entry(serial in known, states.get(serial), tuple(committed.get(serial, ())), times.get(serial))
        for serial in wanted
    }


def _states(serials: set[str]) -> dict[str, str]:
    """The state of each serial that anybody ever held, or that was recalled before anybody could."""
    held = {serial: state.upper() for serial, state in Stamp.objects.filter(pk__in=serials).values_list("pk", "state")}
    return dict.fromkeys(recalling.withdrawn(serials - set(held)), Stamp.State.VOID.upper()) | held


def _committed(serials: set[str]) -> tuple[dict[str, list[Committed]], dict[str, datetime]]:
    found: dict[str, list[Committed]] = {}
    times: dict[str, datetime] = {}
    rows = Document.objects.filter(stamp_id__in=serials).exclude(output_sha256="")
    for serial, digest, length, sealed_at in rows.values_list("stamp_id", "output_sha256", "output_bytes", "sealed_at"):
        found.setdefault(str(serial), []).append(Committed(digest, length))
        if sealed_at:
            times[str(serial)] = sealed_at
    return found, times
