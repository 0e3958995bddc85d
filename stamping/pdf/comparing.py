"""How much two files differ to the eye: every page of both drawn, and the difference measured."""

import math
from dataclasses import replace
from io import BytesIO

from PIL import Image, ImageChops

from stamping.pdf import pictures
from stamping.pdf.mendable import COMPARED, PART, Loss

LOOKED_AT = 900
"""Pixels: width of the pictures compared, about 110 to the inch on A4; finer than most screens show a page."""
CELL = 24
"""Pixels: side of the squares in which the place of the largest difference is looked for."""
DETAIL_WIDTH = 1_600
COARSE = 600
"""Pixels: width of pictures in which only the place of the ink matters."""


def compare(before: bytes, after: bytes, *, count: int) -> Loss:
    """What was lost on the first pages of `count`. Raises Unreadable, ValueError: one of them cannot be drawn.

    Parses strangers' files in this process.
    """
    found = [_page(before, after, number) for number in range(1, min(count, COMPARED) + 1)]
    seen = [one for one in found if one.decibels is not None]
    worst = min(seen, key=lambda one: one.decibels or 0.0, default=Loss())
    return replace(worst, partial=count > COMPARED)


def detail(source: bytes, *, page: int, left: float, top: float) -> bytes:
    """The part of a page that begins at these fractions of it, enlarged, as PNG. Raises as `pictures.draw` does."""
    picture = pictures.render(source, page=page, width=DETAIL_WIDTH)
    wide, high = picture.size
    x, y = round(left * wide), round(top * high)
    out = BytesIO()
    picture.crop((x, y, min(wide, x + round(PART[0] * wide)), min(high, y + round(PART[1] * high)))).save(out, "PNG")
    return out.getvalue()


def drift(before: bytes, after: bytes, *, count: int) -> float:
    """How far the ink of pages that were scaled is from where it should be: 0 for nowhere, 1 for all of it gone.

    The largest of the pages'. Each page of `before` is expected in the middle of the same page of `after`, as large as
    it goes there. Raises as `compare` does.
    """
    return max(_drift(before, after, number) for number in range(1, min(count, COMPARED) + 1))


def _drift(before: bytes, after: bytes, number: int) -> float:
    found = pictures.render(after, page=number, width=COARSE).convert("L")
    given = pictures.render(before, page=number, width=COARSE).convert("L")
    scale = min(found.width / given.width, found.height / given.height)
    wide, high = max(1, round(given.width * scale)), max(1, round(given.height * scale))
    wanted = Image.new("L", found.size, 255)
    wanted.paste(given.resize((wide, high)), ((found.width - wide) // 2, (found.height - high) // 2))
    wanted, found = (picture.reduce(CELL // 2) for picture in (wanted, found))
    ink = sum(255 - level for level in wanted.tobytes())
    away = sum(ImageChops.difference(wanted, found).tobytes())
    return away / max(ink, len(wanted.tobytes()))


def _page(before: bytes, after: bytes, number: int) -> Loss:
    first = pictures.render(before, page=number, width=LOOKED_AT)
    second = pictures.render(after, page=number, width=LOOKED_AT)
    if first.size != second.size:
        second = second.resize(first.size)
    difference = ImageChops.difference(first, second)
    counts = difference.histogram()
    squares = sum(count * (level % 256) ** 2 for level, count in enumerate(counts))
    if not squares:
        return Loss(page=number)
    mean = squares / (3 * first.width * first.height)
    largest = max(int(high) for _low, high in difference.getextrema())  # type: ignore[misc]
    left, top = _worst_part(difference)
    decibels = round(10 * math.log10(255**2 / mean), 1)
    return Loss(decibels=decibels, largest=largest, page=number, left=left, top=top)


def _worst_part(difference: Image.Image) -> tuple[float, float]:
    """Where to begin showing, so that the square with the largest mean difference is in the middle."""
    cells = difference.convert("L").point([min(255, 8 * level) for level in range(256)]).reduce(CELL)
    levels = list(cells.tobytes())
    row, column = divmod(levels.index(max(levels)), cells.width)
    middle = (column + 0.5) * CELL / difference.width, (row + 0.5) * CELL / difference.height
    left, top = (min(max(0.0, at - part / 2), 1 - part) for at, part in zip(middle, PART, strict=True))
    return round(left, 4), round(top, 4)
