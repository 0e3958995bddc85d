"""Stated: the stock at one moment, for the auditor, as a sealed PDF with a CSV beside it."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.utils import timezone
from django.utils.translation import override

from meterai import statement

from . import authorities, statement_pages
from .pdf import signing

REASON = "Laporan stok"


class AlreadyStated(Exception):
    """There is a statement of that day in the folder; it is evidence, and nothing replaces it."""


@dataclass(frozen=True)
class Stated:
    """The two files, and whether what they say is as it should be."""

    pdf: Path
    csv: Path
    is_sound: bool


def state(*, folder: Path, by: str, language: str, at: datetime) -> Stated:
    """Write stock-YYYY-MM-DD.pdf and .csv into `folder`, both whole or neither. `at` is now, and not another time.

    The PDF names the SHA-256 of the CSV, so that its seal holds for both. Raises AlreadyStated, SealingError, OSError.
    """
    name = f"stock-{timezone.localdate(at):%Y-%m-%d}"
    pdf, csv = folder / f"{name}.pdf", folder / f"{name}.csv"
    if pdf.exists() or csv.exists():
        raise AlreadyStated(name)
    with _beside(csv) as half_csv, _beside(pdf) as half_pdf:
        taken = statement.take(at=at, by=by)
        with half_csv.open("w", encoding="utf-8", newline="") as file:
            statement.write_csv(taken, file)
        with override(language):
            drawn = statement_pages.draw(taken, csv=csv.name, csv_sha256=_sha256(half_csv))
        half_pdf.write_bytes(signing.sign(source=drawn, reason=REASON, engine=authorities.engine(), at=at))
        half_csv.rename(csv)
        half_pdf.rename(pdf)
    return Stated(pdf, csv, taken.is_sound)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A file to be filled and then moved to `path`; gone in the end if it was not moved."""
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
