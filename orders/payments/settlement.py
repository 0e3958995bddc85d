"""What a gateway's settlement report says, line by line, and how its CSV is read. Plain Python: no Django, no network.

A report is a text file from a company: its headings, separators and ways to write money and time differ, and may
change. So a reader names the headings it knows; whatever it cannot make out is refused with its line, never guessed.
Money is whole rupiah; every datetime carries a zone.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Literal
from zoneinfo import ZoneInfo

WIB = ZoneInfo("Asia/Jakarta")
Kind = Literal["payment", "refund", "reversal"]
Columns = Mapping[str, Sequence[str]]
"""Our name of a field -> the headings it may stand under. Case, spaces, `_`, `-`, `.` and brackets do not matter."""

LONGEST_LINE = 20_000  # characters
LONGEST_REFERENCE = 80
LARGEST = 2**31 - 1  # rupiah, as a payment is stored
HEADING_WITHIN = 30  # lines: some reports begin with a title and the merchant's name
_CHUNK = 64 * 1024


class Unreadable(ValueError):
    """The report cannot be read: which line (from 1; 0 for the file as a whole), and why.

    `reason` is one of REASONS; `column` is our name of the field, where one is to blame. The value is never repeated.
    """

    def __init__(self, line: int, reason: str, column: str = "") -> None:
        super().__init__(f"line {line}: {reason}{f' ({column})' if column else ''}")
        self.line, self.reason, self.column = line, reason, column


REASONS = {
    "not_text": "The file is no text in UTF-8 or UTF-16.",
    "no_heading": "No line has the headings that this report is known by.",
    "short": "The line has fewer fields than the headings.",
    "too_long": "The line or a reference in it is too long.",
    "reference": "The gateway's reference is missing.",
    "amount": "The amount is missing, negative, too large, or not a whole number of rupiah.",
    "currency": "The amount is not in rupiah.",
    "time": "The time cannot be read.",
    "kind": "What the line is about is in no known word.",
}


@dataclass(frozen=True, kw_only=True)
class Settled:
    """One line of a report: money that came for a payment, was sent back for it, or was taken back by a bank."""

    gateway_reference: str
    """The gateway's id of the payment: what `Payment.gateway_reference` holds."""
    reference: str
    """Our payment's id as the report repeats it; empty where it does not."""
    kind: Kind
    gross: int
    """Rupiah, before the gateway's fee. Never negative: `kind` says which way it went."""
    fee: int
    """Rupiah that the gateway keeps; never negative."""
    at: datetime | None
    """When it happened, with a zone; None where the report does not say."""
    line: int
    """From 1, as an editor counts."""

    def __post_init__(self) -> None:
        if not self.gateway_reference:
            raise Unreadable(self.line, "reference", "gateway_reference")
        if max(len(self.gateway_reference), len(self.reference)) > LONGEST_REFERENCE:
            raise Unreadable(self.line, "too_long", "gateway_reference")
        if not 0 <= self.gross <= LARGEST:
            raise Unreadable(self.line, "amount", "gross")
        if not 0 <= self.fee <= LARGEST:
            raise Unreadable(self.line, "amount", "fee")
        if self.at is not None and self.at.tzinfo is None:
            raise Unreadable(self.line, "time", "at")


Reader = Callable[[Iterable[str]], Iterator[Settled]]
"""What a gateway's own settlement.py offers as `rows`: lines in, each as from a text file; raises Unreadable."""


def text_lines(file: IO[bytes]) -> Iterator[str]:
    """The file's lines, decoded as they are read: UTF-8 with or without BOM, or UTF-16 with one. Raises Unreadable."""
    first = file.read(_CHUNK)
    utf16 = first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    decoder = codecs.getincrementaldecoder("utf-16" if utf16 else "utf-8-sig")()
    rest, number, chunk = "", 0, first
    while True:
        try:
            rest += decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError:
            raise Unreadable(number + rest.count("\n") + 1, "not_text") from None
        *whole, rest = rest.split("\n")
        for line in whole:
            number += 1
            yield _checked(line, number) + "\n"
        _checked(rest, number + 1)
        if not chunk:
            break
        chunk = file.read(_CHUNK)
    if rest:
        yield rest + "\n"


def _checked(line: str, number: int) -> str:
    if len(line) > LONGEST_LINE:
        raise Unreadable(number, "too_long")
    if "\x00" in line:
        raise Unreadable(number, "not_text")
    return line


def records(
    lines: Iterable[str], columns: Columns, *, required: Collection[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, fields by our names) of each line below the heading; fields are trimmed, a missing one is "".

    The heading is the first line that has all `required` columns, with whichever of , ; tab | finds them. Empty lines
    are skipped. A record that spans lines counts as the last of them. Raises Unreadable.
    """
    source = iter(lines)
    delimiter, places, above = _heading(source, columns, required)
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    needed = max(places[name] for name in required)
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise Unreadable(above + reader.line_num, "short") from None
        line = above + reader.line_num
        if not any(value.strip() for value in values):
            continue
        if len(values) <= needed:
            raise Unreadable(line, "short")
        yield line, {name: _at(values, places.get(name)) for name in columns}


def _heading(source: Iterator[str], columns: Columns, required: Collection[str]) -> tuple[str, dict[str, int], int]:
    """The delimiter, the place of each column, and how many lines are used up."""
    number = 0
    for number, line in enumerate(source, start=1):
        for delimiter in (",", ";", "\t", "|"):
            places = _places(line, delimiter, columns)
            if all(name in places for name in required):
                return delimiter, places, number
        if number == HEADING_WITHIN:
            break
    raise Unreadable(number, "no_heading")


def _places(line: str, delimiter: str, columns: Columns) -> dict[str, int]:
    values = next(csv.reader([line.removeprefix("\ufeff")], delimiter=delimiter), [])
    headings = [_plain(value) for value in values]
    found = {}
    for name, known in columns.items():
        place = next((headings.index(_plain(one)) for one in known if _plain(one) in headings), None)
        if place is not None:
            found[name] = place
    return found


def _plain(heading: str) -> str:
    return re.sub(r"[\s_.\-()\[\]]+", "", heading).casefold()


def _at(values: list[str], place: int | None) -> str:
    """A formula guard that some exporters put before digits is no part of the value."""
    return values[place].strip().lstrip("'") if place is not None and place < len(values) else ""


_MONEY = re.compile(
    r"(?P<minus>-|\()?\s*(?:(?:rp|idr)\.?\s*)?(?P<minus2>-)?(?P<digits>[0-9][0-9.,]*)\s*\)?", re.IGNORECASE
)
_GROUPED = {mark: re.compile(rf"[0-9]{{1,3}}(\{mark}[0-9]{{3}})+|[0-9]+") for mark in (".", ",")}


def rupiah(text: str, *, line: int, column: str = "gross", whole: bool = True) -> int:
    """The amount as either side of the Java Sea writes it: 20000, 20.000, 20,000, 20.000,00, 20,000.00, Rp 20.000.

    Negative with a minus or in brackets. Cents that are not zero are refused when `whole`, else rounded half up (fees
    have some). Raises Unreadable "amount".
    """
    matched = _MONEY.fullmatch(text.strip())
    if matched is None:
        raise Unreadable(line, "amount", column)
    whole_part, cents = _split(matched["digits"])
    if whole_part is None or (whole and cents.strip("0")):
        raise Unreadable(line, "amount", column)
    amount = whole_part + (1 if cents[:1] >= "5" and not whole else 0)
    return -amount if matched["minus"] or matched["minus2"] else amount


def _split(digits: str) -> tuple[int | None, str]:
    """Whole rupiah and the digits behind the decimal mark. Three digits behind a lone mark are thousands."""
    for decimal, group in ((",", "."), (".", ",")):
        head, mark, cents = digits.rpartition(decimal)
        if mark and len(cents) in (1, 2, 4) and _GROUPED[group].fullmatch(head):
            return int(head.replace(group, "")), cents
    for group in (".", ","):
        if _GROUPED[group].fullmatch(digits):
            return int(digits.replace(group, "")), ""
    return None, ""


_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan januari january",
            "feb februari february peb pebruari",
            "mar maret march",
            "apr april",
            "mei may",
            "jun juni june",
            "jul juli july",
            "agu ags agt agustus aug august",
            "sep september sept",
            "okt oktober oct october",
            "nov november nop nopember",
            "des desember dec december",
        ),
        start=1,
    )
    for name in names.split()
}
_DAY_FIRST = re.compile(
    r"(?P<day>\d{1,2})[\s/.-](?P<month>\d{1,2}|[a-z]+)[\s/.-](?P<year>\d{4}),?"
    r"(?:\s+(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2}))?)?(?:\s*(?:wib|\+0?7(?::?00)?))?",
    re.IGNORECASE,
)


def moment(text: str, *, line: int, column: str = "at", zone: ZoneInfo = WIB) -> datetime | None:
    """ISO 8601, or day first as Indonesia writes it: 24/11/2026 10:05, 24 Nov 2026, 24 Nopember 2026 10.05.59 WIB.

    `zone` is meant where none is written. None for empty text. Raises Unreadable "time".
    """
    text = text.strip()
    if not text or text == "-":
        return None
    try:
        found = datetime.fromisoformat(re.sub(r"\s*WIB$", "", text))
    except ValueError:
        found = _day_first(text, line, column)
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _day_first(text: str, line: int, column: str) -> datetime:
    matched = _DAY_FIRST.fullmatch(text)
    try:
        if matched is None:
            raise ValueError
        month = matched["month"]
        return datetime(  # noqa: DTZ001  # the caller gives it a zone
            int(matched["year"]),
            int(month) if month.isdigit() else _MONTHS[month.casefold()],
            int(matched["day"]),
            int(matched["hour"] or 0),
            int(matched["minute"] or 0),
            int(matched["second"] or 0),
        )
    except (ValueError, KeyError):
        raise Unreadable(line, "time", column) from None
