"""What lies in a delivery of the issuer: lines of text, plain, gzipped or zipped, and what the issuer announced.

Plain Python. Reads forwards and in constant memory, however large the file and however small it was packed.
"""

import gzip
import hashlib
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, BinaryIO, Protocol

# A serial has 22 letters; the columns that an issuer adds (value, date, box) fit many times over. What is longer is
# no line of a delivery, and is never held whole.
LONGEST_LINE = 4096
# A hundred million lines of forty letters. A packed file can swell a thousandfold: this is where we stop believing it.
MOST_TEXT = 4_000_000_000
MOST_MANIFEST = 65_536
# What is kept of a first column that is no serial: enough to recognise it in a report.
MOST_SHOWN = 100
MANIFEST = "manifest.json"

_HEADINGS = {"serial", "serial_number", "serial number", "sn", "nomor_seri", "nomor seri", "no_seri", "code"}
# Spreadsheets in Indonesia part columns by semicolons, since the comma is their decimal point.
_SEPARATOR = re.compile(rb"[,;\t]")
_SERIAL_ALONE = re.compile(rb"[A-Z0-9]{22}\r?\n")
_NOTHING = b' \t\r\n,;"'
_PACKED_BY = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    gzip.BadGzipFile,
    EOFError,
    struct.error,
    NotImplementedError,
    ValueError,
)


class Unreadable(Exception):
    """The file is no delivery; `code` says why.

    archive: damaged; encrypted; contents: not exactly one .csv or .txt inside; too_large: more text than MOST_TEXT;
    manifest: not as documented; disagree: two announcements say different things.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Reader(Protocol):
    """Anything that gives lines of bounded length."""

    def readline(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Announcement:
    """What the issuer says about a file: how many serials, its SHA-256 (64 hexadecimal digits), its own number."""

    count: int | None = None
    sha256: str = ""
    reference: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether there is a count and a checksum to compare the file with."""
        return self.count is not None and bool(self.sha256)


def read_manifest(raw: bytes) -> Announcement:
    """The announcement in a manifest: JSON {"count": 1000, "sha256": "…", "reference": "…"}, the last one optional.

    Raises Unreadable("manifest").
    """
    try:
        told = json.loads(raw)
        count, sha256, reference = told["count"], told["sha256"], told.get("reference", "")
        is_whole = type(count) is int and 0 < count < 2**31
        if is_whole and re.fullmatch("[0-9a-fA-F]{64}", sha256) and isinstance(reference, str) and len(reference) <= 60:
            return Announcement(count=count, sha256=sha256.lower(), reference=reference.strip())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise Unreadable("manifest")


def agree(*told: Announcement) -> Announcement:
    """One announcement out of several, of which each may say a part. Raises Unreadable("disagree")."""
    agreed: dict[str, Any] = {}
    for field in fields(Announcement):
        said = {value for one in told if (value := getattr(one, field.name))}
        if len(said) > 1:
            raise Unreadable("disagree")
        agreed[field.name] = said.pop() if said else field.default
    return Announcement(**agreed)


class DeliveryFile:
    """One reading of a delivery, from its beginning. The stream must be seekable; it is left open.

    Raises Unreadable here and while it is read.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self._text_bytes = 0
        self.lines_read = 0
        self.manifest = Announcement()
        stream.seek(0, io.SEEK_END)
        self.size = stream.tell()
        stream.seek(0)
        magic = stream.read(4)
        stream.seek(0)
        self.is_packed = True
        if magic[:2] == b"\x1f\x8b":
            self._text: Reader = gzip.GzipFile(fileobj=stream)
        elif magic in (b"PK\x03\x04", b"PK\x05\x06"):
            self._text = self._unzipped()
        else:
            self._text, self.is_packed = stream, False

    @property
    def bytes_read(self) -> int:
        """How far the reading is in the file as it was delivered, of `size`."""
        return self._stream.tell()

    @property
    def text_sha256(self) -> str:
        """The digest of the text read so far."""
        return self._digest.hexdigest()

    def serials(self) -> Iterator[tuple[int, str]]:
        """Line number (from 1) and first column of every line from here on, but for a heading and empty lines.

        What is no serial comes as it stands, shortened to MOST_SHOWN letters.
        """
        while line := self._line():
            if _SERIAL_ALONE.fullmatch(line):
                yield self.lines_read, line[:22].decode()
            elif line.strip(_NOTHING):
                first = _first_column(line)
                if self.lines_read > 1 or first.lower() not in _HEADINGS:
                    yield self.lines_read, first

    def skip(self, *, to_line: int) -> None:
        """Read up to the end of that line, or of the file, for the digest alone."""
        while self.lines_read < to_line and self._line():
            pass

    def answers_to(self, sha256: str) -> bool:
        """Whether this is the digest of the text, all of it read, or of the file as delivered."""
        wanted = sha256.lower()
        return wanted == self.text_sha256 or (self.is_packed and wanted == self._delivered_sha256())

    def _delivered_sha256(self) -> str:
        self._stream.seek(0)
        digest = hashlib.sha256()
        while block := self._stream.read(1 << 20):
            digest.update(block)
        return digest.hexdigest()

    def _line(self) -> bytes:
        """The next line; of one that is too long, its beginning with something that no serial has. Empty at the end."""
        line = self._piece()
        if not line:
            return line
        self.lines_read += 1
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            while (more := self._piece()) and not more.endswith(b"\n"):
                pass
            return b"~" + line
        return line

    def _piece(self) -> bytes:
        try:
            piece = self._text.readline(LONGEST_LINE)
        except _DAMAGE:
            raise Unreadable("archive") from None
        self._digest.update(piece)
        self._text_bytes += len(piece)
        if self._text_bytes > MOST_TEXT:
            raise Unreadable("too_large")
        return piece

    def _unzipped(self) -> Reader:
        try:
            archive = zipfile.ZipFile(self._stream)
            inside = {one.filename: one for one in archive.infolist() if not _is_litter(one)}
            manifest = inside.pop(MANIFEST, None)
            if len(inside) != 1 or not next(iter(inside)).lower().endswith((".csv", ".txt")):
                raise Unreadable("contents")
            if manifest:
                with _opened(archive, manifest) as file:
                    self.manifest = read_manifest(file.read(MOST_MANIFEST))
            return io.BufferedReader(_opened(archive, *inside.values()), 1 << 16)  # type: ignore[arg-type]
        except _DAMAGE:
            raise Unreadable("archive") from None


def _opened(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    if member.flag_bits & 1:
        raise Unreadable("encrypted")
    # The other methods take as much memory as the file asks for.
    if member.compress_type not in _PACKED_BY or member.header_offset < 0:
        raise Unreadable("archive")
    return archive.open(member)


def _is_litter(member: zipfile.ZipInfo) -> bool:
    """Folders, and what file managers leave in archives."""
    name = member.filename
    return name.endswith("/") or name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1] in (".DS_Store", "Thumbs.db")


def _first_column(line: bytes) -> str:
    first = _SEPARATOR.split(line.removeprefix(b"\xef\xbb\xbf"), maxsplit=1)[0].strip().strip(b'"').strip()
    # PostgreSQL takes no NUL in text; any other rubbish is refused by the pattern, with its line number.
    return first.decode("utf-8", "replace").replace("\x00", "?")[:MOST_SHOWN]
