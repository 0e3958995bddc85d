"""Where a page is free: its ink at 36 dpi, and a summed-area table that counts the ink in any square at once.

`Grid` is the same ink, coarser and small enough to be kept with a document and sent to a phone.
"""

import math
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any
from zlib import compress, decompress

from PIL import Image, ImageDraw

from stamping.pdf.geometry import Box, PageFrame

SCALE = 0.5
"""Pixels a point: 36 dpi."""
LONGEST_SIDE = 900
"""Pixels; larger pages (A0) are looked at more coarsely."""
FAINTEST = 20
"""Levels of grey, of 256, that part ink from paper: a pale letter does, the noise of a scan does not."""
TAKEN = 40
"""How much worse than ink it is to cover a field or another's signature."""
CELL, MOST_CELLS = 4.0, 400
"""Points a side of a grid's cell, and cells along a page at most."""
SPECKS = 0.004
"""The part of a square that may be specks of dust on a scan and still counts as free."""


class InkMap:
    """The ink of one displayed page, `taken` boxes counted as much worse ink and `kept_free` ones as ink."""

    def __init__(
        self, picture: Image.Image, frame: PageFrame, *, taken: Iterable[Box], kept_free: Iterable[Box] = ()
    ) -> None:
        self.frame = frame
        self._x, self._y = picture.width / frame.width, picture.height / frame.height
        self._width, self._height = picture.size
        mask = _ink(picture)
        pen = ImageDraw.Draw(mask)
        for boxes, weight in ((kept_free, 1), (taken, TAKEN)):
            for box in boxes:
                pen.rectangle(self._pixels(box), fill=weight)
        self._sums = _summed(mask)

    def ink(self, x: float, y: float, size: float, *, around: float = 0.0) -> int:
        """The weight of what a stamp at (x, y), points from the bottom left, would cover, `around` it included."""
        left, top, right, bottom = self._pixels(Box(x - around, y - around, x + size + around, y + size + around))
        left, top = max(left, 0), max(top, 0)
        right, bottom = min(right + 1, self._width), min(bottom + 1, self._height)
        if right <= left or bottom <= top:
            return 0
        upper, lower = self._sums[top], self._sums[bottom]
        return lower[right] - lower[left] - upper[right] + upper[left]

    def _pixels(self, box: Box) -> tuple[int, int, int, int]:
        high = self.frame.height
        left, right = (_within(value * self._x, self._width) for value in (box.llx, box.urx))
        top, bottom = (_within((high - value) * self._y, self._height) for value in (box.ury, box.lly))
        return left, top, right, bottom


@dataclass(frozen=True)
class Grid:
    """Which cells of a displayed page hold ink: rows from the bottom, a bit a cell, each row filled up to whole bytes.

    `cell` is a cell's side in points; `high` and `wide` count cells.
    """

    cell: float
    wide: int
    high: int
    bits: bytes

    @classmethod
    def of(cls, picture: Image.Image, frame: PageFrame) -> "Grid":
        """The grid of a page's picture."""
        cell = max(CELL, max(frame.width, frame.height) / MOST_CELLS)
        wide, high = max(1, round(frame.width / cell)), max(1, round(frame.height / cell))
        shares = _ink(picture).point([0, *[255] * 255]).resize((wide, high), Image.Resampling.BOX)
        # A cell counts from a tenth of it on: less is the blurred edge of its neighbour's ink.
        mask = shares.point([255 * (level > 25) for level in range(256)]).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        return cls(cell=cell, wide=wide, high=high, bits=mask.convert("1", dither=Image.Dither.NONE).tobytes())

    @property
    def inset(self) -> float:
        """Points inside the stamp's edge that do not count on a coarse grid: its cells also hold what is beside."""
        return max(0.0, self.cell / 2 - 2)

    def covered(self, x: float, y: float, size: float) -> bool:
        """Whether a stamp at (x, y), points from the bottom left, would cover ink. placing.js reckons the same."""
        columns, rows = (self._span(start + self.inset, start + size - self.inset) for start in (x, y))
        found = sum(self._is_ink(column, row) for row in rows for column in columns)
        return found > max(1.0, SPECKS * len(columns) * len(rows))

    def as_json(self) -> dict[str, Any]:
        """Small enough for a database row."""
        return {
            "cell": self.cell,
            "wide": self.wide,
            "high": self.high,
            "bits": b64encode(compress(self.bits, 9)).decode(),
        }

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "Grid":
        return cls(**{**facts, "bits": decompress(b64decode(facts["bits"]))})

    def _span(self, start: float, end: float) -> range:
        """The columns or rows whose middle lies between two distances in points."""
        return range(max(0, math.ceil(start / self.cell - 0.5)), max(0, math.ceil(end / self.cell - 0.5)))

    def _is_ink(self, column: int, row: int) -> bool:
        if column >= self.wide or row >= self.high:
            return False
        byte = self.bits[row * ((self.wide + 7) // 8) + column // 8]
        return bool(byte >> (7 - column % 8) & 1)


def _within(pixel: float, size: int) -> int:
    return int(min(max(pixel, -1.0), size + 1.0))


def scale(width: float, height: float) -> float:
    """Pixels a unit at which to draw a page of this size."""
    return min(SCALE, LONGEST_SIDE / max(width, height))


def _ink(picture: Image.Image) -> Image.Image:
    """1 where the picture is no paper, 0 where it is. Paper is the grey that most of the page has."""
    grey = picture.convert("L")
    counts = grey.histogram()
    paper = max(range(256), key=lambda level: counts[level])
    return grey.point([int(abs(level - paper) > FAINTEST) for level in range(256)])


def _summed(mask: Image.Image) -> list[list[int]]:
    data, width = mask.tobytes(), mask.width
    row = [0] * (width + 1)
    rows = [row]
    for start in range(0, len(data), width):
        line = accumulate(data[start : start + width], initial=0)
        row = [above + here for above, here in zip(row, line, strict=True)]
        rows.append(row)
    return rows
