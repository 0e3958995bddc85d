"""Reading QR symbols off a drawn page, so that a pasted picture of a stamp is recognised by what it shows.

Reads what a renderer draws: flat, evenly lit, at any turn and size, from two pixels a module on. Nothing is
corrected: a symbol with a wrong bit is not read, and what a stamp's symbol says carries a MAC of its own. Layout and
tables: ISO/IEC 18004, from the encoder that also draws our symbols.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from math import hypot
from typing import Any

from PIL import Image
from segno import consts, encoder

DARK = 128
RUNS = re.compile(rb"\x01+|\x00+")
FINDER = (1, 1, 3, 1, 1)
STEP = 2
"""Every second row is looked at: the inner square of a finder is at least six pixels high."""
MOST_FINDERS, MOST_SYMBOLS = 24, 6
LEAST_MODULE, LARGEST_VERSION = 1.6, 20
BYTE_MODE = 4
FORMAT_PLACES = (*((8, column) for column in (0, 1, 2, 3, 4, 5, 7, 8)), *((row, 8) for row in (7, 5, 4, 3, 2, 1, 0)))
LEVELS = {0: consts.ERROR_LEVEL_M, 1: consts.ERROR_LEVEL_L, 2: consts.ERROR_LEVEL_H, 3: consts.ERROR_LEVEL_Q}
"""By the place in `consts.FORMAT_INFO`, eight masks each."""


@dataclass(frozen=True)
class _Finder:
    """One of a symbol's three corners: its centre and the width of a module, in pixels."""

    x: float
    y: float
    module: float


class _Pixels:
    """A page in black and white: 1 is dark."""

    def __init__(self, image: Image.Image) -> None:
        self.width, self.height = image.size
        self.bits = image.point([1 if grey < DARK else 0 for grey in range(256)]).tobytes()

    def row(self, y: int) -> bytes:
        return self.bits[y * self.width : (y + 1) * self.width]

    def column(self, x: int) -> bytes:
        return self.bits[x :: self.width]

    def at(self, x: float, y: float) -> int:
        column, row = int(x), int(y)
        inside = 0 <= column < self.width and 0 <= row < self.height
        return self.bits[row * self.width + column] if inside else 0


def read(image: Image.Image) -> list[str]:
    """The texts of the QR symbols in a grey image; none twice."""
    pixels = _Pixels(image)
    texts: list[str] = []
    for corners in combinations(_finders(pixels), 3):
        text = _text(pixels, corners) if len(texts) < MOST_SYMBOLS else None
        if text is not None and text not in texts:
            texts.append(text)
    return texts


def _finders(pixels: _Pixels) -> list[_Finder]:
    found: list[_Finder] = []
    for y in range(0, pixels.height, STEP):
        row = pixels.row(y)
        if 1 not in row:
            continue
        for x, wide in _crossings(row):
            up = _crossing_near(pixels.column(int(x)), y, wide)
            if up is None:
                continue
            one = _Finder(x, up[0], (wide + up[1]) / 2)
            if not any(hypot(one.x - other.x, one.y - other.y) < 3 * other.module for other in found):
                found.append(one)
        if len(found) > MOST_FINDERS:
            break
    return found[:MOST_FINDERS]


def _crossings(line: bytes) -> Iterator[tuple[float, float]]:
    """(centre, width of a module) wherever a line runs through a finder: dark and light as 1 : 1 : 3 : 1 : 1."""
    spans = [match.span() for match in RUNS.finditer(line)]
    for place in range(len(spans) - 4):
        start, end = spans[place][0], spans[place + 4][1]
        module = (end - start) / 7
        if module < LEAST_MODULE or line[start] != 1:
            continue
        lengths = [past - first for first, past in spans[place : place + 5]]
        slack = max(0.6 * module, 1.1)
        if all(abs(length - share * module) <= slack for length, share in zip(lengths, FINDER, strict=True)):
            yield (start + end) / 2, module


def _crossing_near(line: bytes, place: int, module: float) -> tuple[float, float] | None:
    """The finder that a line at right angles shows around `place`."""
    start = max(0, place - int(8 * module))
    for centre, other in _crossings(line[start : place + int(8 * module)]):
        if abs(start + centre - place) <= 2 * module and abs(other - module) <= 0.5 * module:
            return start + centre, other
    return None


def _text(pixels: _Pixels, corners: tuple[_Finder, ...]) -> str | None:
    """What the symbol between three corners says; None if there is none, or if it cannot be read."""
    placed = _placed(corners)
    if placed is None:
        return None
    origin, right, down, size = placed
    matrix = [bytearray(size) for _row in range(size)]
    span = size - 7
    for row in range(size):
        for column in range(size):
            across, along = (column - 3) / span, (row - 3) / span
            x = origin.x + across * (right.x - origin.x) + along * (down.x - origin.x)
            y = origin.y + across * (right.y - origin.y) + along * (down.y - origin.y)
            matrix[row][column] = pixels.at(x, y)
    try:
        return _decoded(matrix)
    except (ValueError, IndexError, KeyError):
        return None


def _placed(corners: tuple[_Finder, ...]) -> tuple[_Finder, _Finder, _Finder, int] | None:
    """Corner, right end, lower end and modules a side, if three finders stand at a right angle, equally far."""
    for origin in corners:
        one, other = (corner for corner in corners if corner is not origin)
        ax, ay, bx, by = one.x - origin.x, one.y - origin.y, other.x - origin.x, other.y - origin.y
        long, wide = hypot(ax, ay), hypot(bx, by)
        module = sum(corner.module for corner in corners) / 3
        if abs(long - wide) > 0.1 * long or abs(ax * bx + ay * by) > 0.1 * long * wide:
            continue
        if any(abs(corner.module - module) > 0.3 * module for corner in corners):
            continue
        right, down = (one, other) if ax * by - ay * bx > 0 else (other, one)
        version = round(((long + wide) / 2 / module + 7 - 17) / 4)
        return (origin, right, down, 17 + 4 * version) if 1 <= version <= LARGEST_VERSION else None
    return None


def _decoded(matrix: list[bytearray]) -> str | None:
    size = len(matrix)
    version = (size - 17) // 4
    level, mask = _format(matrix)
    table: Any = consts.ECC[version]
    blocks = [block for block in table[level] for _number in range(block.num_blocks)]
    bits = list(_data_bits(matrix, encoder.get_data_mask_functions(False)[mask]))
    words = [int("".join(map(str, bits[start : start + 8])), 2) for start in range(0, len(bits) - 7, 8)]
    return _bytes_of(_deinterleaved(words, [block.num_data for block in blocks]), version)


def _format(matrix: list[bytearray]) -> tuple[int, int]:
    """(error level, mask), from the copy beside the upper left finder; up to three wrong bits are forgiven."""
    word = int("".join(str(matrix[row][column]) for row, column in FORMAT_PLACES), 2)
    distances = [(word ^ valid).bit_count() for valid in consts.FORMAT_INFO]
    best = distances.index(min(distances))
    if distances[best] > 3:
        raise ValueError("not a format")
    return LEVELS[best // 8], best % 8


def _data_bits(matrix: list[bytearray], masked: Callable[[int, int], bool]) -> Iterator[int]:
    """The modules that carry data, in the order of 7.7.3: columns in pairs, upwards and downwards, from the right."""
    size = len(matrix)
    plan = encoder.make_matrix(size, size)
    encoder.add_finder_patterns(plan, size, size)
    encoder.add_alignment_patterns(plan, size, size)
    # The upright timing pattern takes the seventh column for itself.
    columns = [*range(size - 1, 6, -2), *range(5, 0, -2)]
    for pair, right in enumerate(columns):
        upwards = pair % 2 == 0
        for vertical in range(size):
            row = size - 1 - vertical if upwards else vertical
            for column in (right, right - 1):
                if plan[row][column] == 0x2:
                    yield matrix[row][column] ^ int(bool(masked(row, column)))


def _deinterleaved(words: list[int], lengths: list[int]) -> bytes:
    """The data words, block after block; what follows them corrects errors and is not used."""
    blocks: list[list[int]] = [[] for _length in lengths]
    coming = iter(words)
    for place in range(max(lengths)):
        for block, length in zip(blocks, lengths, strict=True):
            if place < length:
                block.append(next(coming, 0))
    return bytes(word for block in blocks for word in block)


def _bytes_of(data: bytes, version: int) -> str | None:
    """The text of a symbol in byte mode, as addresses in lower case are; None for any other mode."""
    bits = "".join(f"{word:08b}" for word in data)
    width = 8 if version < 10 else 16
    if int(bits[:4], 2) != BYTE_MODE:
        return None
    count = int(bits[4 : 4 + width], 2)
    start = 4 + width
    if start + 8 * count > len(bits):
        return None
    return bytes(int(bits[start + 8 * n : start + 8 * n + 8], 2) for n in range(count)).decode("utf-8")
