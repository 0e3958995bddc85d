"""A bank statement as CSV: from its lines to what came in. Plain Python, read forwards, one line at a time.

Banks put lines before the heading and sums behind the rows; they write dates without a year, amounts in two number
formats, and the side (credit or debit) as a column, as two columns, as a word or as a sign. See README.md.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO

from orders.payments.transfer.columns import LAYOUTS, Layout, Roles, amount_of, date_of, is_credit, last_year

LONGEST_LINE = 4096  # bytes
# So many lines may stand before the heading: name, account, period.
MOST_PREAMBLE = 40
DELIMITERS = (",", ";", "\t", "|")
_FOOTER = re.compile(r"(saldo|mutasi|total|opening|closing|beginning|ending|ledger)\b", re.IGNORECASE)
LONGEST_DESCRIPTION = 500
LONGEST_REFERENCE = 80


class Unreadable(Exception):
    """The file as a whole is no statement; `code` says why: heading, line (too long), quotes."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Credit:
    """Money that came in."""

    line: int
    date: date
    amount: int
    """Rupiah, more than zero."""
    description: str
    reference: str


@dataclass(frozen=True, kw_only=True)
class Debit:
    """Money that went out; of no interest here."""

    line: int


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A line between the heading and the sums that is not understood.

    Codes: columns, date, pending (not booked yet), future, amount, sen (not whole rupiah), side (credit or debit?).
    """

    line: int
    code: str


Row = Credit | Debit | Refused


class _NotUnderstood(Exception):
    """Carries the code of a Refused."""


@dataclass
class Statement:
    """An open statement. `layout` is the name of the layout its heading has."""

    layout: str
    _reader: Iterator[list[str]]
    _roles: Roles
    _before: int
    _last_day: date = field(repr=False)
    _today: date = field(repr=False)

    def rows(self) -> Iterator[Row]:
        """Every row, once. Raises Unreadable when the file goes wrong further down."""
        start = self._before
        try:
            for cells in self._reader:
                # A quoted cell may go over several lines: the row's number is that of its first line.
                line, start = start + 1, self._before + self._reader.line_num  # type: ignore[attr-defined]
                if not any(cell.strip() for cell in cells):
                    continue
                row = self._row(line, cells)
                # Sums stand behind the rows and are no row; a true row is never taken for one.
                if isinstance(row, Refused) and _FOOTER.match(cells[0].strip(" '\"")):
                    continue
                yield row
        except csv.Error:
            raise Unreadable("quotes") from None

    def _row(self, line: int, cells: list[str]) -> Row:
        try:
            came, amount = self._money(cells)
            if not came:
                return Debit(line=line)
            day = self._day(_cell(cells, self._roles.date))
        except _NotUnderstood as trouble:
            return Refused(line=line, code=str(trouble))
        words = " ".join(_cell(cells, place) for place in self._roles.description)
        return Credit(
            line=line,
            date=day,
            amount=amount,
            description=tidy(words)[:LONGEST_DESCRIPTION],
            reference=tidy(_cell(cells, self._roles.reference))[:LONGEST_REFERENCE],
        )

    def _money(self, cells: list[str]) -> tuple[bool, int]:
        """Whether it came in, and how much."""
        roles = self._roles
        if roles.credit is not None:
            return _two_columns(_cell(cells, roles.credit), _cell(cells, roles.debit))
        written = _cell(cells, roles.amount)
        amount = _amount(written)
        came = is_credit(_cell(cells, roles.side), written)
        if came is None:
            raise _NotUnderstood("side")
        return came, abs(amount)

    def _day(self, written: str) -> date:
        if written.strip(" '").upper().startswith("PEND"):
            raise _NotUnderstood("pending")
        day = date_of(written, last_day=self._last_day)
        if day is None:
            raise _NotUnderstood("date")
        if day > self._today:
            raise _NotUnderstood("future")
        return day


def open_statement(file: BinaryIO, *, today: date) -> Statement:
    """Read up to the heading; `today` in the bank's time zone. Raises Unreadable when there is none."""
    lines = _lines(file)
    last_day, number = today, 0
    for number, text in enumerate(lines, start=1):
        if number > MOST_PREAMBLE:
            break
        if found := _heading(text):
            delimiter, layout, roles = found
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            return Statement(layout.name, reader, roles, number, last_day, today)
        # "Periode : 01/11/2026 - 24/11/2026": rows that give no year belong to it.
        last_day = min(last_year(text) or last_day, today)
    raise Unreadable("heading")


def tidy(text: str) -> str:
    """Without the doubled spaces with which banks fill their columns, and without control characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split()).strip("' ")


def _heading(text: str) -> tuple[str, Layout, Roles] | None:
    for delimiter in DELIMITERS:
        try:
            cells = next(csv.reader([text], delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
        for layout in LAYOUTS:
            if roles := layout.roles(cells):
                return delimiter, layout, roles
    return None


def _lines(file: BinaryIO) -> Iterator[str]:
    """Text lines of bounded length; bytes that are no UTF-8 become a replacement mark."""
    mark = "\ufeff"  # the byte order mark that spreadsheets put first
    while raw := file.readline(LONGEST_LINE):
        if len(raw) == LONGEST_LINE:
            raise Unreadable("line")
        yield raw.decode("utf-8", "replace").removeprefix(mark).replace("\x00", "")
        mark = ""


def _cell(cells: list[str], place: int | None) -> str:
    """The cell at `place`; empty where the layout has no such column."""
    if place is None:
        return ""
    if place >= len(cells):
        raise _NotUnderstood("columns")
    return cells[place]


def _two_columns(credit: str, debit: str) -> tuple[bool, int]:
    came, went = _amount(credit, empty=0), _amount(debit, empty=0)
    if bool(came) == bool(went) or came < 0:
        raise _NotUnderstood("amount")
    return bool(came), came


def _amount(written: str, *, empty: int | None = None) -> int:
    if not written.strip() and empty is not None:
        return empty
    try:
        amount = amount_of(written)
    except ValueError as error:
        raise _NotUnderstood(str(error)) from None
    if amount == 0 and empty is None:
        raise _NotUnderstood("amount")
    return amount
