"""Letters as outlines, so that a stamp brings no font along: a subset with its hinting weighs 17 kB, outlines
2 kB.

Reads the simple glyphs of a TrueType file (Apple's TrueType Reference Manual, chapter `glyf`); the letters
A-Z, 0-9 and the space of Bitstream Vera are all simple. Quadratic curves become cubic ones, the only kind PDF
has.
"""

import struct
from functools import cache
from pathlib import Path

import reportlab
from reportlab.pdfbase.ttfonts import TTFontFile

Point = tuple[float, float]
Step = tuple[str, tuple[int, ...]]
"""("m", (x, y)), ("l", (x, y)), ("c", (x1, y1, x2, y2, x3, y3)) or ("h", ()), as PDF's path operators."""
UNIT = 500
"""Units an em. Whole numbers, for short content streams; fine enough for a stamp at 1,200 dpi."""
ON_CURVE, X_SHORT, Y_SHORT, REPEAT, X_SAME, Y_SAME = 1, 2, 4, 8, 16, 32


def steps(text: str) -> list[Step]:
    """The outline of `text` from the origin on, in units."""
    found: list[Step] = []
    x = 0
    for letter in text:
        advance, outline = glyph(letter)
        for operator, numbers in outline:
            found.append((operator, tuple(n if place % 2 else n + x for place, n in enumerate(numbers))))
        x += advance
    return found


def width(text: str) -> int:
    """Width in units."""
    return sum(glyph(letter)[0] for letter in text)


@cache
def _face() -> TTFontFile:
    return TTFontFile(str(Path(reportlab.__file__).parent / "fonts" / "VeraBd.ttf"), charInfo=1)


@cache
def glyph(letter: str) -> tuple[int, tuple[Step, ...]]:
    """(advance, outline) of one letter in units. Raises KeyError for a letter the font lacks."""
    face = _face()
    index = face.charToGlyph[ord(letter)]
    start, end = _bounds(face, index)
    outline: list[Step] = []
    if end > start:
        glyf = face.get_table("glyf")
        for contour in _contours(glyf[start:end], UNIT / face.unitsPerEm):
            outline += _curves(contour)
    return round(face.charWidths[ord(letter)] * UNIT / 1000), tuple(outline)


def _bounds(face: TTFontFile, index: int) -> tuple[int, int]:
    """Where the glyph lies in the table `glyf`, by the table `loca`."""
    loca = face.get_table("loca")
    long_offsets = struct.unpack(">h", face.get_table("head")[50:52])[0]
    if long_offsets:
        start, end = struct.unpack(">LL", loca[index * 4 : index * 4 + 8])
        return start, end
    start, end = struct.unpack(">HH", loca[index * 2 : index * 2 + 4])
    return start * 2, end * 2


def _contours(data: bytes, scale: float) -> list[list[tuple[float, float, bool]]]:
    """The contours of a simple glyph: lists of (x, y, on the curve?)."""
    count = struct.unpack(">h", data[:2])[0]
    ends = struct.unpack(f">{count}H", data[10 : 10 + 2 * count])
    position = 10 + 2 * count
    position += 2 + struct.unpack(">H", data[position : position + 2])[0]
    flags: list[int] = []
    while len(flags) <= ends[-1]:
        flag = data[position]
        repeat = data[position + 1] if flag & REPEAT else 0
        position += 2 if flag & REPEAT else 1
        flags += [flag] * (repeat + 1)
    xs, position = _coordinates(data, position, flags, short=X_SHORT, same=X_SAME)
    ys, position = _coordinates(data, position, flags, short=Y_SHORT, same=Y_SAME)
    points = [(x * scale, y * scale, bool(flag & ON_CURVE)) for x, y, flag in zip(xs, ys, flags, strict=True)]
    return [points[first : last + 1] for first, last in zip([0, *(e + 1 for e in ends)], ends, strict=False)]


def _coordinates(data: bytes, position: int, flags: list[int], *, short: int, same: int) -> tuple[list[int], int]:
    """One axis: each value is a difference, in one byte, two bytes or none."""
    values, value = [], 0
    for flag in flags:
        if flag & short:
            value += data[position] if flag & same else -data[position]
            position += 1
        elif not flag & same:
            value += struct.unpack(">h", data[position : position + 2])[0]
            position += 2
        values.append(value)
    return values, position


def _curves(contour: list[tuple[float, float, bool]]) -> list[Step]:
    """One closed contour as path steps. Between two control points lies an implied point on the curve."""
    first = next(i for i, point in enumerate(contour) if point[2])
    points = [*contour[first:], *contour[:first], contour[first]]
    at: Point = points[0][:2]
    found: list[Step] = [("m", _whole(*at))]
    control: Point | None = None
    for x, y, on_curve in points[1:]:
        if control is None:
            if on_curve:
                found.append(("l", _whole(x, y)))
                at = (x, y)
            else:
                control = (x, y)
            continue
        end = (x, y) if on_curve else ((control[0] + x) / 2, (control[1] + y) / 2)
        found.append(("c", _whole(*_cubic(at, control, end))))
        at, control = end, None if on_curve else (x, y)
    return [*found, ("h", ())]


def _whole(*numbers: float) -> tuple[int, ...]:
    return tuple(round(number) for number in numbers)


def _cubic(start: Point, control: Point, end: Point) -> tuple[float, ...]:
    """A quadratic curve as a cubic one: both control points lie two thirds of the way to the old one."""
    first = [s + 2 / 3 * (c - s) for s, c in zip(start, control, strict=True)]
    second = [e + 2 / 3 * (c - e) for e, c in zip(end, control, strict=True)]
    return (*first, *second, *end)
