"""What can be mended, what was done, and what was lost: plain data, without the libraries that do it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from stamping.pdf.preflight import Preflight, Severity

COMPARED = 40
"""Pages compared at most."""
PART = (0.22, 0.12)
"""Width and height of the part of a page that is shown enlarged, as fractions of the page."""


@dataclass(frozen=True)
class Loss:
    """`decibels`: peak signal to noise of the worst page, None where no pixel differs; `largest`: of 255.

    `page` is the worst one (from 1); `left` and `top` are where its worst part begins, as fractions of the page.
    `partial`: there are so many pages that only the first COMPARED were looked at.
    """

    decibels: float | None = None
    largest: int = 0
    page: int = 1
    left: float = 0.0
    top: float = 0.0
    partial: bool = False


class Kind(StrEnum):
    """What can be mended, in the order in which it should be."""

    STRUCTURE = "structure"
    SIZE = "size"
    PAGE_SIZE = "page_size"
    VERSION = "version"


CURES = {
    "damaged_structure": Kind.STRUCTURE,
    "over_limit": Kind.SIZE,
    "near_limit": Kind.SIZE,
    "not_a4": Kind.PAGE_SIZE,
    "old_version": Kind.VERSION,
    "new_version": Kind.VERSION,
}
"""Which findings a repair may take away."""


@dataclass(frozen=True)
class Wanted:
    """What the copy should be: at most so many bytes with the stamp on it, of a version in this range."""

    max_bytes: int
    versions: tuple[str, str]


@dataclass(frozen=True)
class Measures:
    """What was done. `page` (from 1) shows it best.

    `loss` is None where pictures cannot be compared: the original cannot be drawn, or pages changed their size.
    `quality` and `dpi`: of the pictures, 0 where none was touched. `scale`: of the first page that was resized.
    """

    page: int = 1
    loss: Loss | None = None
    drawable: bool = True
    quality: int = 0
    dpi: int = 0
    scale: float = 1.0
    version: str = ""
    encrypted: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "Measures":
        return cls(**{**facts, "loss": Loss(**facts["loss"]) if facts["loss"] else None})


def needed(facts: Preflight) -> tuple[Kind, ...]:
    """The repairs without which the file can take no stamp."""
    return _kinds(finding.code for finding in facts.findings if finding.severity is Severity.REPAIR)


def possible(facts: Preflight) -> tuple[Kind, ...]:
    """The repairs worth offering; none for a file with signatures. A broken structure comes first, alone."""
    if facts.signatures or facts.refused:
        return ()
    kinds = _kinds(finding.code for finding in facts.findings)
    return (Kind.STRUCTURE,) if Kind.STRUCTURE in kinds else kinds


def _kinds(codes: Iterable[str]) -> tuple[Kind, ...]:
    found = {CURES[code] for code in codes if code in CURES}
    return tuple(kind for kind in Kind if kind in found)
