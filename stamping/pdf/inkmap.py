"""Where a page is free: its ink at 36 dpi, and a summed-area table that counts the ink in any square at once."""

from collections.abc import Iterable
from itertools import accumulate

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
