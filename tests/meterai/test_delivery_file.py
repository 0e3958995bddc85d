"""What lies in a delivery, however it was packed, is read in constant memory or refused in words."""

import gzip
import hashlib
import io
import json
import struct
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterai import delivery_file
from meterai.delivery_file import LONGEST_LINE, Announcement, DeliveryFile, Unreadable, agree, read_manifest
from meterai.refusing import SENTENCES

ONE, TWO, THREE = "A" * 22, "B" * 22, "3" * 22
TEXT = f"serial\n{ONE}\n{TWO}\n".encode()
SHA256 = hashlib.sha256(TEXT).hexdigest()


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def serials(content: bytes) -> list[tuple[int, str]]:
    return list(DeliveryFile(io.BytesIO(content)).serials())


def refusal(content: bytes) -> str:
    with pytest.raises(Unreadable) as refused:
        serials(content)
    assert refused.value.code in SENTENCES
    return refused.value.code


PACKED = {
    "plain": TEXT,
    "gzip": gzip.compress(TEXT),
    "two gzip members": gzip.compress(TEXT[:20]) + gzip.compress(TEXT[20:]),
    "zip": zipped({"kiriman.csv": TEXT}),
    "stored": zipped({"kiriman.TXT": TEXT}, zipfile.ZIP_STORED),
    "zip of a file manager": zipped({"a/": b"", "a/kiriman.csv": TEXT, "__MACOSX/._x": b"x", "a/.DS_Store": b"x"}),
}


@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED)
def test_a_file_is_known_by_its_first_bytes_and_read_the_same_however_packed(packed: bytes) -> None:
    file = DeliveryFile(io.BytesIO(packed))
    assert list(file.serials()) == [(2, ONE), (3, TWO)]
    assert (file.lines_read, file.text_sha256, file.size) == (3, SHA256, len(packed))
    assert file.answers_to(SHA256.upper()) and file.answers_to(hashlib.sha256(packed).hexdigest())
    assert not file.answers_to("0" * 64)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("form", ["{}", '"{}"', "{},10000,2026", "{};10000;2026", "{}\t1", "  {} ", '"{}";"1"'])
def test_the_first_column_is_read_however_a_spreadsheet_wrote_it(form: str, ending: str) -> None:
    text = f"\ufeffSerial{ending}{form.format(ONE)}{ending}{ending},,,{ending}{form.format(TWO)}"
    assert serials(text.encode()) == [(2, ONE), (5, TWO)]


def test_a_byte_order_mark_before_a_serial_is_no_part_of_it() -> None:
    assert serials(f"\ufeff{ONE}\n".encode()) == [(1, ONE)]


def test_a_heading_is_one_in_the_first_line_only() -> None:
    assert serials(b"SN\nSN\n") == [(2, "SN")]


def test_what_is_no_serial_comes_as_it_stands_and_shortened() -> None:
    lines = [b"x\x00y", b"\xff\xfe", b",10000", "é".encode() * 150, b"abc def"]
    assert serials(b"\n".join(lines)) == [(1, "x?y"), (2, "\ufffd\ufffd"), (3, ""), (4, "é" * 100), (5, "abc def")]


@pytest.mark.parametrize("length", [LONGEST_LINE - 1, LONGEST_LINE, LONGEST_LINE + 1, 3 * LONGEST_LINE, 10_000_000])
def test_a_line_longer_than_any_serial_line_is_one_refused_line(length: int) -> None:
    long = ONE.encode().ljust(length, b",")
    found = serials(long + b"\n" + TWO.encode())
    assert [number for number, _ in found] == [1, 2] and found[1][1] == TWO
    assert (found[0][1] == ONE) == (length < LONGEST_LINE) and len(found[0][1]) <= 100


def test_only_a_bounded_piece_of_a_line_is_ever_asked_for() -> None:
    class Watched(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None and 0 < size <= LONGEST_LINE
            return super().readline(size)

    assert len(list(DeliveryFile(Watched(b"A" * 1_000_000 + b"\n" + TEXT)).serials())) == 4


def test_a_reading_that_skips_has_the_digest_of_one_that_does_not() -> None:
    content = b"\n".join([b"serial", ONE.encode(), b"", b"bad", TWO.encode(), b"", THREE.encode()])
    whole = DeliveryFile(io.BytesIO(content))
    reached = {number: whole.text_sha256 for number, _ in whole.serials()}
    for line, digest in reached.items():
        file = DeliveryFile(io.BytesIO(content))
        file.skip(to_line=line)
        assert (file.lines_read, file.text_sha256) == (line, digest)
        assert [number for number, _ in file.serials()] == [number for number in reached if number > line]
        assert file.text_sha256 == whole.text_sha256


def test_skipping_past_the_end_stops_there() -> None:
    file = DeliveryFile(io.BytesIO(TEXT))
    file.skip(to_line=99)
    assert file.lines_read == 3


def test_how_far_it_is_counts_the_file_as_delivered() -> None:
    text = "".join(f"{hashlib.sha256(bytes([number % 256, number // 256])).hexdigest()}\n" for number in range(9000))
    for packed in (text.encode(), gzip.compress(text.encode()), zipped({"a.csv": text.encode()})):
        file = DeliveryFile(io.BytesIO(packed))
        reading = file.serials()
        next(reading)
        assert file.bytes_read < file.size / 2
        assert len(list(reading)) == 8999 and file.bytes_read > file.size * 0.99


def locked() -> bytes:
    content = bytearray(zipped({"a.csv": TEXT}))
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        struct.pack_into("<H", content, content.index(header) + flags, 1)
    return bytes(content)


def misplaced() -> bytes:
    """A zip whose directory names places before the beginning of the file."""
    content = bytearray(zipped({"a.csv": TEXT}))
    struct.pack_into("<L", content, content.index(b"PK\x05\x06") + 16, 10_000)
    return bytes(content)


UNREADABLE = {
    "cut gzip": (gzip.compress(TEXT)[:-9], "archive"),
    "gzip with a wrong sum": (gzip.compress(TEXT)[:-8] + b"\0" * 8, "archive"),
    "gzip and rubbish": (gzip.compress(TEXT) + b"rubbish", "archive"),
    "cut zip": (zipped({"a.csv": TEXT})[:-9], "archive"),
    "zip with a wrong sum": (zipped({"a.csv": TEXT}, zipfile.ZIP_STORED).replace(b"AAAA", b"AAAC", 1), "archive"),
    "zip by a method that takes memory": (zipped({"a.csv": TEXT}, zipfile.ZIP_LZMA), "archive"),
    "zip that points before its beginning": (misplaced(), "archive"),
    "locked zip": (locked(), "encrypted"),
    "empty zip": (zipped({}), "contents"),
    "two files": (zipped({"a.csv": TEXT, "b.csv": TEXT}), "contents"),
    "another kind of file": (zipped({"a.xlsx": TEXT}), "contents"),
    "a manifest alone": (zipped({"manifest.json": b"{}"}), "contents"),
    "a bad manifest": (zipped({"a.csv": TEXT, "manifest.json": b"{}"}), "manifest"),
}


@pytest.mark.parametrize(("content", "code"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_damaged_or_foreign_archive_is_refused_in_words(content: bytes, code: str) -> None:
    assert refusal(content) == code


@pytest.mark.parametrize("pack", [gzip.compress, lambda text: zipped({"a.csv": text})], ids=["gzip", "zip"])
def test_a_bomb_is_refused_before_it_swells(pack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_file, "MOST_TEXT", 100_000)
    assert serials(pack(b"\n" * 100_000)) == []
    assert refusal(pack(b"\n" * 100_001)) == "too_large"
    assert refusal(pack(b"A" * 1_000_000)) == "too_large"


def manifest(**changes: Any) -> bytes:
    return json.dumps({"count": 2, "sha256": SHA256.upper(), "reference": " K-1 "} | changes).encode()


def test_a_manifest_in_the_zip_is_the_announcement() -> None:
    file = DeliveryFile(io.BytesIO(zipped({"a.csv": TEXT, "manifest.json": manifest()})))
    assert file.manifest == Announcement(count=2, sha256=SHA256, reference="K-1")
    assert file.manifest.is_complete and not DeliveryFile(io.BytesIO(TEXT)).manifest.is_complete


def test_a_manifest_need_not_name_the_delivery() -> None:
    assert read_manifest(json.dumps({"count": 1, "sha256": SHA256, "box": 7}).encode()).reference == ""


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"[]",
        b"7",
        b"null",
        b"[" * 100_000,
        manifest(count=0),
        manifest(count=True),
        manifest(count="2"),
        manifest(count=2**31),
        manifest(sha256="x"),
        manifest(sha256=7),
        manifest(reference=7),
        manifest(reference="x" * 61),
        json.dumps({"count": 2}).encode(),
    ],
    ids=lambda raw: raw[:40].decode("latin-1"),
)
def test_a_manifest_that_is_not_as_documented_is_refused(raw: bytes) -> None:
    with pytest.raises(Unreadable, match="manifest"):
        read_manifest(raw)


def test_announcements_complete_each_other_and_may_not_differ() -> None:
    typed, written = Announcement(reference="K-1"), Announcement(count=2, sha256=SHA256)
    assert agree(typed, written, Announcement(count=2)) == Announcement(count=2, sha256=SHA256, reference="K-1")
    for other in (Announcement(count=3), Announcement(sha256="0" * 64), Announcement(reference="K-2")):
        with pytest.raises(Unreadable, match="disagree"):
            agree(typed, written, other)


@given(content=st.binary(max_size=300), packed=st.sampled_from(list(PACKED.values())), at=st.integers(0, 400))
def test_no_bytes_raise_anything_but_a_refusal_in_words(content: bytes, packed: bytes, at: int) -> None:
    for damaged in (content, packed[:at] + content + packed[at + len(content) :]):
        try:
            found = serials(damaged)
        except Unreadable as refused:
            assert refused.code in SENTENCES
        else:
            assert all(len(text) <= 100 and "\x00" not in text and "\n" not in text for _, text in found)
