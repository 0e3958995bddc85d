"""Bundled: everything of an order in one ZIP, written while it is sent, in memory that does not grow with it."""

import hashlib
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import IO, cast
from zoneinfo import ZoneInfo

from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from .models import Document

WIB = ZoneInfo("Asia/Jakarta")
PIECE = 64 * 1024
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u200e\u200f\u202a-\u202e\u2066-\u2069]')
# Names that Windows takes for devices, whatever follows the dot.
_DEVICES = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE)
LONGEST_STEM = 80


@dataclass(frozen=True)
class Entry:
    """A file of the bundle: bytes at hand (a receipt), or the name that a sealed document is stored under."""

    name: str
    at: datetime
    data: bytes = b""
    stored: str = ""
    serial: str = ""

    def pieces(self) -> Iterator[bytes]:
        """Its bytes, a piece at a time. Raises FileNotFoundError when it was erased meanwhile."""
        if not self.stored:
            yield self.data
            return
        with default_storage.open(self.stored) as file:
            yield from file.chunks(PIECE)


class _Gate:
    """Where zipfile writes to: keeps the bytes until they are taken. It cannot be sought, and says so."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._held.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is buffered below us."""

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._held)
        self._held.clear()
        return taken


def sealed_entries(documents: Iterable[Document]) -> list[Entry]:
    """The committed files of sealed documents, oldest first; what is erased or not sealed is left out."""
    ready = [one for one in documents if one.state == Document.State.SEALED and one.sealed_at]
    return [
        Entry(
            name=f"{one.name.removesuffix('.pdf')}-bermeterai.pdf",
            at=cast("datetime", one.sealed_at),
            stored=one.output,
            serial=str(one.stamp_id),
        )
        for one in sorted(ready, key=lambda one: cast("datetime", one.sealed_at))
    ]


def zipped(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The bytes of a ZIP of `entries`, a list of contents last. Touches no database: only storage, file by file."""
    # The language is the request's, and sending outlives it: the words are taken now.
    return _written(entries, listing=_("DAFTAR.txt"), gone=_("%(name)s: sudah dihapus dari peladen"))


def _written(entries: Iterable[Entry], *, listing: str, gone: str) -> Iterator[bytes]:
    gate = _Gate()
    used: set[str] = set()
    listed: list[str] = []
    last = datetime(1980, 1, 1, tzinfo=WIB)
    # Deflated, though little becomes smaller: readers that stream cannot tell where a stored file ends.
    with zipfile.ZipFile(cast("IO[bytes]", gate), "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bundle:
        for entry in entries:
            name = safe_name(entry.name, used)
            last = max(last, entry.at)
            try:
                yield from _add(bundle, gate, entry, name, listed)
            except FileNotFoundError:
                listed.append(gone % {"name": name})
        with bundle.open(_information(listing, last), "w") as target:
            target.write("".join(f"{line}\r\n" for line in listed).encode("utf-8-sig"))
    yield gate.take()


def safe_name(name: str, used: set[str]) -> str:
    """`name` as every system takes it: no path, control or direction mark, no device, no two that differ in case."""
    stem, dot, ending = _FORBIDDEN.sub("_", name).rpartition(".")
    stem, ending = (stem, ending) if dot else (ending, "")
    stem = stem.strip(". ")[:LONGEST_STEM].rstrip(". ") or "berkas"
    if _DEVICES.match(stem.partition(".")[0]):
        stem = f"_{stem}"
    for number in range(1, 10_000):
        tried = f"{stem}{f' ({number})' if number > 1 else ''}{f'.{ending}' if ending else ''}"
        if tried.casefold() not in used:
            break
    used.add(tried.casefold())
    return tried


def _add(bundle: zipfile.ZipFile, gate: _Gate, entry: Entry, name: str, listed: list[str]) -> Iterator[bytes]:
    """Raises FileNotFoundError, and nothing is added."""
    digest = hashlib.sha256()
    pieces = entry.pieces()
    first = next(pieces, b"")  # before anything of it is written: a file may be gone
    with bundle.open(_information(name, entry.at), "w") as target:
        for piece in chain((first,), pieces):
            digest.update(piece)
            target.write(piece)
            yield gate.take()
    serial = f"  {entry.serial}" if entry.serial else ""
    listed.append(f"{name}{serial}  SHA-256 {digest.hexdigest()}")


def _information(name: str, at: datetime) -> zipfile.ZipInfo:
    moment = at.astimezone(WIB)
    information = zipfile.ZipInfo(name, date_time=max(moment.timetuple()[:6], (1980, 1, 1, 0, 0, 0)))
    information.compress_type = zipfile.ZIP_DEFLATED
    information.external_attr = 0o600 << 16
    return information
