"""A stranger's ZIP, read entry by entry: nothing of it is ever written under a name that it chose.

What can be told from the list of contents is told there; the rest when an entry is read. An entry's bytes are counted
while they are unpacked, since a ZIP may lie about every length in it. Knows no Django.
"""

import stat
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import TracebackType
from typing import IO, cast

PIECE = 64 * 1024
LONGEST_NAME = 200
LIST_ENDING = ".csv"
ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".jar")
ARCHIVE_STARTS = (b"PK\x03\x04", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b")
_ENCRYPTED = 0x1 | 0x40
_UTF8 = 0x800


class Unusable(Exception):
    """The archive as a whole is not taken: `not_zip`, `zip_damaged`, `too_many_files`, `too_much`, `several_lists` or
    `no_files`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Unfit(Exception):
    """This entry is not taken: `too_large`, `zip_bomb`, `zip_damaged`, `nested_archive` or `empty_file`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Limits:
    """What one archive may hold. `directory_bytes`: its list of contents, the one thing that is read at once."""

    file_bytes: int
    entries: int = 1000
    total_bytes: int = 500_000_000
    directory_bytes: int = 1_000_000
    ratio: int = 150
    ratio_from: int = 1_000_000
    """Entries that unpack to fewer bytes may be packed as tightly as they like."""
    list_bytes: int = 500_000


@dataclass(frozen=True)
class Found:
    """One entry. `position` in the archive; `code` says why it is not taken, and is empty when it may be read."""

    name: str
    position: int
    code: str = ""


class Archive:
    """An open ZIP. `files` has a row for all that a person put in; `list_at` is the position of its CSV, or None."""

    def __init__(self, file: IO[bytes], *, limits: Limits) -> None:
        """`file` can be sought. Raises Unusable."""
        self._limits = limits
        try:
            self._zip = zipfile.ZipFile(cast("IO[bytes]", _Bounded(file, most=limits.directory_bytes)))
        except _TooLong:
            raise Unusable("too_many_files") from None
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
            raise Unusable("not_zip") from None
        self._entries = self._zip.infolist()
        self._unpacked = 0
        self.list_at: int | None = None
        self.files = self._found()

    def __enter__(self) -> "Archive":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def read(self, position: int) -> bytes:
        """The bytes of an entry that may be read. Raises Unfit, and Unusable(`too_much`) when all entries read so far
        are more than one archive may hold."""
        entry = self._entries[position]
        data = self._unpack(entry, self._limits.file_bytes)
        if not data:
            raise Unfit("empty_file")
        if data.startswith(ARCHIVE_STARTS):
            raise Unfit("nested_archive")
        return data

    def read_list(self) -> bytes:
        """The bytes of the CSV inside; empty without one. Raises Unfit."""
        if self.list_at is None:
            return b""
        return self._unpack(self._entries[self.list_at], self._limits.list_bytes)

    def _found(self) -> list[Found]:
        named = [(position, entry, _name(entry)) for position, entry in enumerate(self._entries)]
        kept = [(position, entry) for position, entry, name in named if not (name.endswith("/") or _is_litter(name))]
        if len(kept) > self._limits.entries:
            raise Unusable("too_many_files")
        if sum(entry.file_size for _position, entry in kept) > self._limits.total_bytes:
            raise Unusable("too_much")
        lists = [position for position, entry in kept if _name(entry).lower().endswith(LIST_ENDING)]
        if len(lists) > 1:
            raise Unusable("several_lists")
        self.list_at = lists[0] if lists else None
        seen: set[str] = set()
        files = [self._row(position, entry, seen) for position, entry in kept if position != self.list_at]
        if not files:
            raise Unusable("no_files")
        return files

    def _row(self, position: int, entry: zipfile.ZipInfo, seen: set[str]) -> Found:
        given = _name(entry)
        shown = _shown(given)
        if shown in seen:
            return Found(_numbered(shown, seen), position, "name_twice")
        seen.add(shown)
        return Found(shown, position, self._refusal(entry, given))

    def _refusal(self, entry: zipfile.ZipInfo, name: str) -> str:
        refusals = {
            "bad_name": not _is_plain(name),
            "not_a_file": stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG),
            "entry_encrypted": bool(entry.flag_bits & _ENCRYPTED),
            "odd_compression": entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED),
            "nested_archive": name.lower().endswith(ARCHIVES),
            "zip_bomb": entry.file_size >= self._limits.ratio_from and self._is_bomb(entry),
            "too_large": entry.file_size > self._limits.file_bytes,
        }
        return next((code for code, applies in refusals.items() if applies), "")

    def _is_bomb(self, entry: zipfile.ZipInfo) -> bool:
        return entry.file_size > self._limits.ratio * max(entry.compress_size, 1)

    def _unpack(self, entry: zipfile.ZipInfo, most: int) -> bytes:
        pieces, length = [], 0
        try:
            with self._zip.open(entry) as file:
                while piece := file.read(PIECE):
                    pieces.append(piece)
                    length += len(piece)
                    self._count(len(piece))
                    if length > most:
                        raise Unfit("too_large")
        except _DAMAGE:
            raise Unfit("zip_damaged") from None
        return b"".join(pieces)

    def _count(self, length: int) -> None:
        self._unpacked += length
        if self._unpacked > self._limits.total_bytes:
            raise Unusable("too_much")


_DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, NotImplementedError)


class _TooLong(Exception):
    """Somebody wants more at once than is allowed."""


class _Bounded:
    """A file of which nobody reads much at once: zipfile takes the whole list of contents in one read, however long the
    archive says that it is, and makes half a kilobyte of objects of each 46 bytes."""

    def __init__(self, file: IO[bytes], *, most: int) -> None:
        self._file, self._most = file, most

    def read(self, size: int = -1) -> bytes:
        if size > self._most:
            raise _TooLong
        data = self._file.read(size if size >= 0 else self._most + 1)
        if len(data) > self._most:
            raise _TooLong
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        """The file is its owner's."""


def _name(entry: zipfile.ZipInfo) -> str:
    """The name as it was meant: macOS and Info-ZIP write UTF-8 without saying so, and zipfile then reads cp437."""
    name = entry.orig_filename
    if not entry.flag_bits & _UTF8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _is_plain(name: str) -> bool:
    """A path that stays where it is put, on any system, and that a person can read."""
    parts = name.split("/")
    return (
        name.isprintable()
        and len(name) <= LONGEST_NAME
        and not name.startswith("/")
        and ":" not in name
        and all(part not in ("", ".", "..") for part in parts)
    )


def _is_litter(name: str) -> bool:
    """What systems leave in a ZIP without anybody asking for it."""
    path = PurePosixPath(name)
    return "__MACOSX" in path.parts or path.name.startswith("._") or path.name in (".DS_Store", "Thumbs.db")


def _shown(name: str) -> str:
    """A name fit for a page and for a column of the database."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in name)[:LONGEST_NAME] or "\ufffd"


def _numbered(name: str, seen: set[str]) -> str:
    number = 2
    while (tried := f"{name[: LONGEST_NAME - 8]} ({number})") in seen:
        number += 1
    seen.add(tried)
    return tried
