"""How a gateway's CSV is read: whatever separators, numbers and dates a company likes, and never a guess."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.payments import settlement
from orders.payments.settlement import WIB, Settled, Unreadable, moment, records, rupiah, text_lines

COLUMNS = {"gateway_reference": ("Transaction ID", "trx_id"), "gross": ("Amount", "Jumlah"), "fee": ("MDR",)}
REQUIRED = ("gateway_reference", "gross")


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("20000", 20_000),
        ("20.000", 20_000),
        ("20,000", 20_000),
        ("20.000,00", 20_000),
        ("20,000.00", 20_000),
        ("20000.0", 20_000),
        ("1.234.567", 1_234_567),
        ("1,234,567.00", 1_234_567),
        ("Rp 20.000", 20_000),
        ("Rp20.000,00", 20_000),
        ("IDR 20,000.00", 20_000),
        (" -20.000 ", -20_000),
        ("(20.000,00)", -20_000),
        ("Rp -5.000", -5_000),
        ("0", 0),
    ],
)
def test_an_amount_is_read_as_either_language_writes_it(written: str, amount: int) -> None:
    assert rupiah(written, line=1) == amount


@pytest.mark.parametrize("written", ["", "x", "1.5", "20.00.0", "2,0000,000", "20.000,5", "1e4", "$20", "२०", "20 000"])
def test_an_amount_that_could_mean_two_things_or_none_is_refused(written: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        rupiah(written, line=7)
    assert (refusal.value.line, refusal.value.reason) == (7, "amount")
    assert written not in str(refusal.value) or not written


def test_a_fee_may_have_cents_which_are_rounded() -> None:
    assert [rupiah(text, line=1, whole=False) for text in ("140.4", "140,50", "140.49", "1.234,5")] == [
        140,
        141,
        140,
        1_235,
    ]


@given(st.integers(min_value=0, max_value=settlement.LARGEST), st.sampled_from(".,"), st.booleans())
def test_any_amount_written_with_either_mark_is_read_back(amount: int, mark: str, cents: bool) -> None:
    other = {",": ".", ".": ","}[mark]
    written = f"{amount:,}".replace(",", mark) + (f"{other}00" if cents else "")
    assert rupiah(written, line=1) == amount


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-24", datetime(2026, 11, 24, tzinfo=WIB)),
        ("2026-11-24 10:05:59", datetime(2026, 11, 24, 10, 5, 59, tzinfo=WIB)),
        ("2026-11-24T03:05:59Z", datetime(2026, 11, 24, 3, 5, 59, tzinfo=UTC)),
        ("24/11/2026 10:05", datetime(2026, 11, 24, 10, 5, tzinfo=WIB)),
        ("24-11-2026", datetime(2026, 11, 24, tzinfo=WIB)),
        ("24 Nov 2026, 10:05", datetime(2026, 11, 24, 10, 5, tzinfo=WIB)),
        ("24 Nopember 2026 10.05.59 WIB", datetime(2026, 11, 24, 10, 5, 59, tzinfo=WIB)),
        ("1 Agustus 2026", datetime(2026, 8, 1, tzinfo=WIB)),
        ("", None),
        ("-", None),
    ],
)
def test_a_time_is_read_and_always_has_a_zone(written: str, meant: datetime | None) -> None:
    assert moment(written, line=1) == meant


@pytest.mark.parametrize("written", ["kemarin", "11/24/2026", "32/01/2026", "24 Foo 2026", "24/11/26"])
def test_a_time_that_cannot_be_read_is_refused(written: str) -> None:
    with pytest.raises(Unreadable, match="time"):
        moment(written, line=1)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_separator_is_found_by_the_headings_below_any_preamble(delimiter: str) -> None:
    lines = [
        "\ufeffLaporan, penyelesaian; PT Contoh\n",
        "\n",
        delimiter.join(["No.", "TRANSACTION_ID", "amount", "MDR"]) + "\n",
        delimiter.join(["1", "A-1", '"20.000"', "140"]) + "\n",
        "\n",
        delimiter.join(["2", " A-2 ", "'30000"]) + "\n",
    ]
    assert list(records(lines, COLUMNS, required=REQUIRED)) == [
        (4, {"gateway_reference": "A-1", "gross": "20.000", "fee": "140"}),
        (6, {"gateway_reference": "A-2", "gross": "30000", "fee": ""}),
    ]


@pytest.mark.parametrize(
    ("lines", "line", "reason"),
    [
        ([], 0, "no_heading"),
        (["a,b\n"], 1, "no_heading"),
        (["trx_id,MDR\n"], 1, "no_heading"),
        (["x\n"] * 40, 30, "no_heading"),
        (["trx_id,Amount\n", "A-1\n"], 2, "short"),
        (["trx_id,Amount\n", "A-1,1\n", 'A-2,"1\n'], 3, "short"),
    ],
)
def test_a_file_of_another_shape_is_refused_by_its_line(lines: list[str], line: int, reason: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        list(records(lines, COLUMNS, required=REQUIRED))
    assert (refusal.value.line, refusal.value.reason) == (line, reason)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_decoded_as_spreadsheets_save_it(encoding: str) -> None:
    text = "satu,é\r\ndua\ntiga"
    assert list(text_lines(io.BytesIO(text.encode(encoding)))) == ["satu,é\r\n", "dua\n", "tiga\n"]


class Dripping(io.BytesIO):
    """Hands out a few bytes at a time, so that a letter and a line are cut apart."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(3)


def test_a_letter_cut_apart_by_reading_is_put_together_again() -> None:
    text = "é" * 10 + "\n" + "ü\n"
    assert "".join(text_lines(Dripping(text.encode()))) == text


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"a\nb\n\xff\xfe\xfa\n", 1, "not_text"),
        (b"a\nb\x00\n", 2, "not_text"),
        (b"a\n" + b"b" * 20_001, 2, "too_long"),
        (b"PK\x03\x04\x00\x00", 1, "not_text"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, line: int, reason: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        list(text_lines(io.BytesIO(content)))
    assert (refusal.value.line, refusal.value.reason) == (line, reason)


def test_a_file_is_read_as_a_stream_and_not_all_at_once() -> None:
    class Endless(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return b"x,y\n" * ((size or 4) // 4)

    lines: Iterator[str] = text_lines(Endless())
    assert [next(lines) for _ in range(20_000)][-1] == "x,y\n"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"gateway_reference": ""}, "reference"),
        ({"gateway_reference": "x" * 81}, "too_long"),
        ({"reference": "x" * 81}, "too_long"),
        ({"gross": -1}, "amount"),
        ({"gross": 2**31}, "amount"),
        ({"fee": -1}, "amount"),
        ({"at": datetime(2026, 1, 1)}, "time"),
    ],
)
def test_a_line_that_could_not_be_stored_is_refused_before(more: dict[str, Any], reason: str) -> None:
    good = {"gateway_reference": "A", "reference": "", "kind": "payment", "gross": 1, "fee": 0, "at": None, "line": 3}
    with pytest.raises(Unreadable) as refusal:
        Settled(**(good | more))
    assert (refusal.value.line, refusal.value.reason) == (3, reason)


def test_every_reason_has_its_sentence() -> None:
    assert set(settlement.REASONS) >= {"not_text", "no_heading", "short", "too_long", "reference", "amount", "time"}
