"""A stranger's ZIP is read within limits, and nothing of it is written where it says. No database."""

import io
import stat
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from stamping.unpacking import Archive, Limits, Unfit, Unusable
from tests.stamping import zips

LIMITS = Limits(file_bytes=800_000)


def archive(data: bytes, limits: Limits = LIMITS) -> Archive:
    return Archive(io.BytesIO(data), limits=limits)


def codes(data: bytes, limits: Limits = LIMITS) -> dict[str, str]:
    return {one.name: one.code for one in archive(data, limits).files}


def special(name: str, data: bytes, *, mode: int = 0, flags: int = 0) -> bytes:
    """A ZIP of one entry with such a mode or flags."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        entry = zipfile.ZipInfo(name)
        entry.create_system, entry.external_attr = 3, mode << 16
        made.writestr(entry, data)
    raw = bytearray(out.getvalue())
    if flags:
        for start, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            at = raw.index(start) + place
            raw[at : at + 2] = struct.pack("<H", flags)
    return bytes(raw)


def test_an_honest_zip_gives_every_file_back() -> None:
    given = {"surat.pdf": zips.pdf(), "map/dalam/scan.pdf": zips.pdf("scan")}
    found = archive(zips.packed(given))
    assert {one.name: found.read(one.position) for one in found.files} == given


@pytest.mark.parametrize("data", [b"", b"PK", b"%PDF-1.7", zips.packed({"a.pdf": b"x"})[:-30]])
def test_what_is_no_zip_is_called_so(data: bytes) -> None:
    with pytest.raises(Unusable) as refused:
        archive(data)
    assert refused.value.code == "not_zip"


@pytest.mark.parametrize(
    "name",
    ["../surat.pdf", "a/../../surat.pdf", "/etc/surat.pdf", "..\\..\\surat.pdf", "C:\\surat.pdf", "a//b.pdf",
     "su\x07rat.pdf", "\u202efdp.tarus", "x" * 250 + ".pdf"],
)  # fmt: skip
def test_a_name_that_leads_anywhere_is_refused(name: str) -> None:
    assert list(codes(zips.packed({name: zips.pdf()})).values()) == ["bad_name"]


def test_nothing_is_written_wherever_a_name_leads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "di" / "dalam").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "di" / "dalam")
    found = archive(zips.packed({"../jahat.pdf": zips.pdf(), "baik.pdf": zips.pdf()}))
    for one in found.files:
        found.read(one.position)
    assert list(tmp_path.rglob("*.pdf")) == []


def test_links_devices_and_locked_entries_are_refused() -> None:
    assert codes(special("surat.pdf", b"/etc/passwd", mode=stat.S_IFLNK | 0o777)) == {"surat.pdf": "not_a_file"}
    assert codes(special("surat.pdf", b"", mode=stat.S_IFCHR | 0o600)) == {"surat.pdf": "not_a_file"}
    assert codes(special("surat.pdf", zips.pdf(), flags=1)) == {"surat.pdf": "entry_encrypted"}


def test_a_zip_in_a_zip_is_refused_whatever_it_is_called() -> None:
    inner = zips.packed({"surat.pdf": zips.pdf()})
    found = archive(zips.packed({"isi.zip": inner, "surat.pdf": inner}))
    assert [one.code for one in found.files] == ["nested_archive", ""]
    with pytest.raises(Unfit, match="nested_archive"):
        found.read(found.files[1].position)


def test_only_usual_ways_of_packing_are_opened() -> None:
    assert codes(zips.packed({"surat.pdf": zips.pdf()}, method=zipfile.ZIP_LZMA)) == {"surat.pdf": "odd_compression"}


def test_a_file_that_swells_is_not_opened() -> None:
    assert codes(zips.packed({"bom.pdf": bytes(50_000_000)})) == {"bom.pdf": "zip_bomb"}
    assert codes(zips.packed({"besar.pdf": zips.pdf() * 100}, method=zipfile.ZIP_STORED)) == {"besar.pdf": "too_large"}


def test_a_length_that_lies_does_not_get_more_through() -> None:
    raw = bytearray(zips.packed({"bom.pdf": bytes(900_000)}))
    for start, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = raw.index(start) + place
        raw[at : at + 4] = struct.pack("<I", 100)
    found = archive(bytes(raw))
    with pytest.raises(Unfit, match="zip_damaged"):
        found.read(0)


def test_bytes_that_rotted_are_told_and_the_next_file_is_read() -> None:
    raw = bytearray(zips.packed({"a.pdf": zips.pdf(), "b.pdf": zips.pdf("scan")}, method=zipfile.ZIP_STORED))
    at = raw.index(b"%PDF-")
    raw[at + 40] ^= 0xFF
    found = archive(bytes(raw))
    with pytest.raises(Unfit, match="zip_damaged"):
        found.read(0)
    assert found.read(1) == zips.pdf("scan")


@pytest.mark.parametrize(
    ("files", "limits", "code"),
    [
        ({f"{number}.pdf": b"x" for number in range(6)}, Limits(file_bytes=10, entries=5), "too_many_files"),
        ({f"{number}.pdf": b"x" * 40 for number in range(6)}, Limits(file_bytes=50, total_bytes=200), "too_much"),
        ({}, LIMITS, "no_files"),
        ({"daftar.csv": b"file"}, LIMITS, "no_files"),
        ({"a.csv": b"", "b.csv": b"", "a.pdf": b"x"}, LIMITS, "several_lists"),
    ],
)
def test_a_zip_beyond_a_limit_is_refused_as_a_whole(files: dict[str, bytes], limits: Limits, code: str) -> None:
    with pytest.raises(Unusable) as refused:
        archive(zips.packed(files), limits)
    assert refused.value.code == code


def test_a_million_names_are_refused_before_they_are_read() -> None:
    entries = {f"{number:06}.pdf": b"" for number in range(25_000)}
    data = zips.packed(entries, method=zipfile.ZIP_STORED)
    tracemalloc.start()
    with pytest.raises(Unusable, match="too_many_files"):
        archive(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000


def test_memory_does_not_grow_with_the_archive() -> None:
    def most(count: int) -> int:
        block = bytes(range(256)) * 2000
        data = io.BytesIO(zips.packed({f"{n}.pdf": block for n in range(count)}, method=zipfile.ZIP_STORED))
        tracemalloc.start()
        with Archive(data, limits=LIMITS) as found:
            for one in found.files:
                found.read(one.position)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert most(40) < most(4) * 1.2


def test_what_a_system_leaves_behind_is_no_file_of_the_person() -> None:
    given = {"map/": b"", "__MACOSX/._surat.pdf": b"x", "._a.pdf": b"x", ".DS_Store": b"x", "Thumbs.db": b"x"}
    assert codes(zips.packed({**given, "surat.pdf": zips.pdf()})) == {"surat.pdf": ""}


def test_a_name_in_utf_8_that_does_not_say_so_is_read_as_it_was_meant() -> None:
    raw = bytearray(zips.packed({"surat-café.pdf": zips.pdf()}))
    for start, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = raw.index(start) + place
        raw[at : at + 2] = b"\0\0"
    assert list(codes(bytes(raw))) == ["surat-café.pdf"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_comes_twice_has_two_rows_and_one_file() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("a.pdf", zips.pdf())
        made.writestr("a.pdf", zips.pdf("scan"))
    assert codes(out.getvalue()) == {"a.pdf": "", "a.pdf (2)": "name_twice"}
