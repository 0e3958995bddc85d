"""The list beside a ZIP: which file gets its stamp where. A CSV as spreadsheets write it; knows no Django.

    file,page,x_mm,y_mm
    surat-1.pdf,auto,,          a free place is found
    surat-2.pdf,2,auto,auto     a free place on page 2
    surat-3.pdf,1,120,40        millimetres from the left and from the bottom to the stamp's lower left corner

Every wrong line is told, with its number and a code, and none of them ends the reading.
"""

import csv
import io
import math
from collections.abc import Collection
from dataclasses import dataclass

COLUMNS = ("file", "page", "x_mm", "y_mm")
AUTO = "auto"
POINTS = 72 / 25.4
"""Points a millimetre."""
MOST_LINES = 2000
LONGEST_CELL = 200
TEMPLATE = "file,page,x_mm,y_mm\r\nsurat-1.pdf,auto,,\r\nsurat-2.pdf,2,auto,auto\r\nsurat-3.pdf,1,120,40\r\n"


class ListUnusable(Exception):
    """Nothing of this list can be read: `list_not_text`, `list_no_header`, `list_too_long` or `list_empty`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Line:
    """What a line asks for. `page` from 1, None for any; `x`, `y` in points from the bottom left, both or neither."""

    number: int
    file: str
    page: int | None = None
    x: float | None = None
    y: float | None = None


@dataclass(frozen=True)
class Wrong:
    """A line that makes no sense; `given` is what is wrong with it, as it was typed."""

    number: int
    code: str
    given: str
    file: str = ""


@dataclass(frozen=True)
class PlaceList:
    """Every line of a list that is not blank, in its order, as right or as wrong."""

    lines: tuple[Line, ...]
    wrong: tuple[Wrong, ...]


class _Mistake(Exception):
    def __init__(self, code: str, given: str) -> None:
        super().__init__(code)
        self.code, self.given = code, given


def read(data: bytes) -> PlaceList:
    """Read a list. Raises ListUnusable. Commas, semicolons or tabs; decimals with a point or a comma."""
    rows = _rows(data)
    if not rows:
        raise ListUnusable("list_empty")
    if tuple(cell.strip().lower() for cell in rows[0][1][: len(COLUMNS)]) != COLUMNS:
        raise ListUnusable("list_no_header")
    if len(rows) > MOST_LINES + 1:
        raise ListUnusable("list_too_long")
    lines: list[Line] = []
    wrong: list[Wrong] = []
    seen: set[str] = set()
    for number, cells in rows[1:]:
        try:
            line = _line(number, [cell.strip() for cell in cells], seen)
        except _Mistake as mistake:
            named = cells[0].strip()[:LONGEST_CELL] if cells else ""
            wrong.append(Wrong(number, mistake.code, mistake.given[:LONGEST_CELL], named))
        else:
            lines.append(line)
    if not lines and not wrong:
        raise ListUnusable("list_empty")
    return PlaceList(tuple(lines), tuple(wrong))


def matched(lines: Collection[Line], names: Collection[str]) -> tuple[dict[str, Line], list[Wrong]]:
    """Each line with the file that it names, by its path in the ZIP or, where only one file has it, its bare name."""
    bare: dict[str, list[str]] = {}
    for name in names:
        bare.setdefault(name.rpartition("/")[2], []).append(name)
    found: dict[str, Line] = {}
    wrong: list[Wrong] = []
    for line in lines:
        meant = [line.file] if line.file in names else bare.get(line.file, [])
        code = "list_unknown_file" if not meant else "list_which_file" if len(meant) > 1 else ""
        if not code and meant[0] in found:
            code = "list_file_twice"
        if code:
            wrong.append(Wrong(line.number, code, line.file, line.file))
        else:
            found[meant[0]] = line
    return found, wrong


def _rows(data: bytes) -> list[tuple[int, list[str]]]:
    """(line number as an editor counts, cells) of each row that is not blank."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ListUnusable("list_not_text") from None
    if "\0" in text:
        raise ListUnusable("list_not_text")
    head = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    rows, before = [], 0
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((before + 1, cells))
            before = reader.line_num
    except csv.Error:
        raise ListUnusable("list_not_text") from None
    return rows


def _line(number: int, cells: list[str], seen: set[str]) -> Line:
    if len(cells) > len(COLUMNS) and any(cells[len(COLUMNS) :]):
        raise _Mistake("list_columns", cells[len(COLUMNS)])
    file, page, x, y = (cells + [""] * len(COLUMNS))[: len(COLUMNS)]
    file = file.replace("\\", "/").removeprefix("./")
    if not file:
        raise _Mistake("list_no_file", "")
    if file in seen:
        raise _Mistake("list_file_twice", file)
    seen.add(file)
    number_of_page = _page(page)
    across, up = _points(x), _points(y)
    if (across is None) != (up is None):
        raise _Mistake("list_half_a_place", x or y)
    if across is not None and number_of_page is None:
        raise _Mistake("list_place_needs_page", page)
    return Line(number, file, number_of_page, across, up)


def _is_auto(cell: str) -> bool:
    return cell.lower() in ("", AUTO)


def _page(cell: str) -> int | None:
    if _is_auto(cell):
        return None
    if not (cell.isascii() and cell.isdigit() and 1 <= int(cell[:9]) <= 9999):
        raise _Mistake("list_page", cell)
    return int(cell)


def _points(cell: str) -> float | None:
    """Points of a number of millimetres."""
    if _is_auto(cell):
        return None
    try:
        value = float(cell.replace(",", "."))
    except ValueError:
        raise _Mistake("list_number", cell) from None
    if not math.isfinite(value) or not 0 <= value <= 5000:
        raise _Mistake("list_number", cell)
    return round(value * POINTS, 2)
