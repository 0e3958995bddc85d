"""What was read of the seals in a file. Plain data, without the libraries that find it out."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from stamping.verdict import Changes


@dataclass(frozen=True)
class SignatureRead:
    """One signature. With a serial it is a seal; without, somebody's own signature.

    intact         digest and signature value are right, by sound algorithms, and cover the whole revision but for
                   the signature itself
    trusted        its certificate leads to a trusted root and may sign documents; None: no root to compare with
    signed_at      what the signer claims; aware, or None
    revision_end   length in bytes of the file as it was signed; `prefix_sha256` is of exactly those bytes, in
                   hexadecimal
    changes        what came after it, and `after` in codes: see `aftermath`
    faults         why it is not intact or not trusted: unreadable, range_odd, digest_wrong, value_wrong,
                   weak_algorithm, padding_used, revision_not_covered, expired, not_yet_valid, wrong_usage,
                   revoked, issuer_unknown
    """

    field: str
    reason: str = ""
    serial: str = ""
    intact: bool = False
    trusted: bool | None = None
    signed_at: datetime | None = None
    revision_end: int = 0
    prefix_sha256: str = ""
    changes: Changes = Changes.UNKNOWN
    after: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trace:
    """A serial that the file shows where no signature stands for it.

    `mac` is the short MAC of the verification address when a QR symbol or a link was read, else empty. `how`: `qr`
    (a symbol that can be scanned), `widget` (the stamp's own field, its signature gone) or `text`.
    """

    serial: str
    how: str
    mac: str = ""


@dataclass(frozen=True)
class Reading:
    """Every signature of a file, oldest first, and the serials that it only shows.

    `problem` is empty, or why the file could not be read: `password_needed`, `unreadable`, `hostile`.
    """

    signatures: tuple[SignatureRead, ...] = ()
    traces: tuple[Trace, ...] = ()
    problem: str = ""

    @property
    def seals(self) -> tuple[SignatureRead, ...]:
        return tuple(one for one in self.signatures if one.serial)

    def as_json(self) -> dict[str, Any]:
        """Plain lists and dictionaries, for `from_json`."""
        facts = asdict(self)
        for one in facts["signatures"]:
            one["signed_at"] = one["signed_at"].isoformat() if one["signed_at"] else None
        return facts

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "Reading":
        return cls(
            signatures=tuple(_signature(one) for one in facts["signatures"]),
            traces=tuple(Trace(**one) for one in facts["traces"]),
            problem=facts["problem"],
        )


def _signature(facts: dict[str, Any]) -> SignatureRead:
    signed_at = datetime.fromisoformat(facts["signed_at"]) if facts["signed_at"] else None
    lists = {name: tuple(facts[name]) for name in ("after", "faults")}
    return SignatureRead(**{**facts, **lists, "signed_at": signed_at, "changes": Changes(facts["changes"])})
