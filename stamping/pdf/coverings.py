"""Whether signatures that came later cover the stamp or what stood on its page.

A visible signature may be added to a signed file, and its picture can be anything: a white sheet with other words. So
its place is compared with the stamp's, and the page is drawn before and after: ink that is gone was covered.
"""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pikepdf
import pypdfium2
from PIL import Image, ImageChops

from stamping.pdf.reading import elements, entry

Box = tuple[float, float, float, float]
DOTS = 72
"""Pixels an inch at which pages are compared: a letter of 8 points is still a dozen dark pixels."""
INK, PAPER = 128, 192
"""Grey up to INK is ink, from PAPER on it is paper; between lie the blurred edges, which tell nothing."""
GONE = 25
"""Pixels of ink that may vanish: what anti-aliasing and a crossing line do."""
MOST_PAGES, MOST_PIXELS, TOUCHING = 5, 4_000_000, 1.0


def found(*, source: bytes, end: int, field: str, later: frozenset[str]) -> set[str]:
    """`stamp_covered`, `content_covered`, both or none. `later` names the later signatures' fields."""
    try:
        with pikepdf.open(BytesIO(source), suppress_warnings=True) as pdf:
            widgets = list(_widgets(pdf))
    except Exception:
        return {"not_comparable"}
    ours = [(page, box) for page, name, box in widgets if name == field]
    others = [(page, box) for page, name, box in widgets if name in later and _area(box) > 0]
    codes = set()
    if any(page == other and _overlap(box, near) for page, box in ours for other, near in others):
        codes.add("stamp_covered")
    pages = sorted({page for page, _box in others})
    if len(pages) > MOST_PAGES:
        return codes | {"not_comparable"}
    try:
        if any(_ink_gone(source, end, page) for page in pages):
            codes.add("content_covered")
    except Exception:  # PDFium reports in more than one way
        codes.add("not_comparable")
    return codes


def _widgets(pdf: pikepdf.Pdf) -> Iterator[tuple[int, str, Box]]:
    """(page from 0, full name of the field, box) of every widget."""
    for number, page in enumerate(pdf.pages):
        for one in elements(entry(page.obj, "/Annots")):
            corners = [float(side) for side in elements(entry(one, "/Rect"))]
            if entry(one, "/Subtype") == pikepdf.Name.Widget and len(corners) == 4:
                yield number, _name(one), _ordered(corners)


def _name(field: Any) -> str:
    parts: list[str] = []
    for _step in range(20):
        if field is None:
            break
        if entry(field, "/T") is not None:
            parts.insert(0, str(entry(field, "/T")))
        field = entry(field, "/Parent")
    return ".".join(parts)


def _ordered(corners: list[float]) -> Box:
    left, right = sorted((corners[0], corners[2]))
    low, high = sorted((corners[1], corners[3]))
    return left, low, right, high


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _overlap(one: Box, other: Box) -> bool:
    """Whether they share more than a hair's breadth, in points."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    up = min(one[3], other[3]) - max(one[1], other[1])
    return across > TOUCHING and up > TOUCHING


def _ink_gone(source: bytes, end: int, page: int) -> bool:
    before, after = _drawn(source[:end], page), _drawn(source, page)
    if before.size != after.size:
        return True
    ink = before.point([255 if grey <= INK else 0 for grey in range(256)])
    paper = after.point([255 if grey >= PAPER else 0 for grey in range(256)])
    return ImageChops.multiply(ink, paper).histogram()[255] > GONE


def _drawn(source: bytes, page: int) -> Image.Image:
    document = pypdfium2.PdfDocument(source)
    try:
        document.init_forms()
        one = document[page]
        width, height = one.get_size()
        scale = min(DOTS / 72, (MOST_PIXELS / max(width * height, 1)) ** 0.5)
        return one.render(scale=scale, grayscale=True).to_pil().convert("L")
    finally:
        document.close()
