"""What is known of the signatures in a file. Plain data, without the libraries that find it out."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from stamping.verdict import Changes


@dataclass(frozen=True)
class SignatureFacts:
    """One signature, seal or not.

    `intact`: digest right, signature value right, and it covers its whole revision. `revision_end`: length in
    bytes of the file as it was signed; `prefix_sha256`: of exactly those bytes, in hexadecimal, to compare
    with what was committed when it was sealed. `signed_at` is what the signer claims. An unreadable signature
    has `problem` set.
    """

    field: str
    reason: str = ""
    intact: bool = False
    cryptographically_valid: bool = False
    certificate_trusted: bool | None = None
    signed_at: datetime | None = None
    revision_end: int = 0
    prefix_sha256: str = ""
    changes: Changes = Changes.UNKNOWN
    problem: str = ""


@dataclass(frozen=True)
class SealFacts(SignatureFacts):
    """A signature whose reason starts with "[SERIAL]"."""

    serial: str = ""


@dataclass(frozen=True)
class Inspection:
    """`problem` is empty, or why the file could not be read: `password_needed`, `unreadable`, `hostile`."""

    seals: tuple[SealFacts, ...] = ()
    signature_count: int = 0
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain lists and dictionaries, for `from_json`."""
        facts = asdict(self)
        for seal in facts["seals"]:
            seal["signed_at"] = seal["signed_at"].isoformat() if seal["signed_at"] else None
        return facts

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "Inspection":
        return cls(**{**facts, "seals": tuple(_seal(one) for one in facts["seals"])})


def _seal(facts: dict[str, Any]) -> SealFacts:
    signed_at = datetime.fromisoformat(facts["signed_at"]) if facts["signed_at"] else None
    return SealFacts(**{**facts, "signed_at": signed_at, "changes": Changes(facts["changes"])})
