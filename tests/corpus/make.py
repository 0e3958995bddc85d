"""Makes the corpus: `python -m tests.corpus.make FOLDER`. The same each time, but for keys, times and identifiers."""

import sys
from collections.abc import Iterable
from pathlib import Path

from tests.corpus import content_cases, damage_cases, page_cases, signature_cases, structure_cases
from tests.corpus.cases import CASES, Case

__all__ = ["CASES", "fill", "sample"]
KINDS = (page_cases, structure_cases, damage_cases, signature_cases, content_cases)
SLOW = {
    *content_cases.OFFICE,
    "pages-1001.pdf",
    "pages-200.pdf",
    "signed-ten-times.pdf",
    "updates-100.pdf",
    "picture-huge.pdf",
}


def fill(folder: Path, cases: Iterable[Case]) -> None:
    """Write each case's file."""
    folder.mkdir(parents=True, exist_ok=True)
    for case in cases:
        (folder / case.name).write_bytes(case.make())


def sample(every: int = 6) -> list[Case]:
    """Each sixth case, the slow ones and the bombs left out: what the test suite takes each time."""
    quick = [case for name, case in CASES.items() if name not in SLOW and not name.startswith("bomb-")]
    return quick[::every]


if __name__ == "__main__":
    fill(Path(sys.argv[1]), CASES.values())
    print(f"{len(CASES)} files")
