"""Looked at: what a person who places a stamp must know of a document's pages, found in one go, small enough to keep.

For each page its best place, its ink as a `Grid`, what else must not be covered, and a small picture. Parses a
stranger's file in C++ in this process: in a web process call `place_child.look`.
"""

from collections.abc import Iterator
from io import BytesIO

import pikepdf
import pypdfium2
from PIL import Image

from stamping.pdf import pages, suggesting
from stamping.pdf.geometry import LARGEST_SIZE, SMALLEST_SIZE, Box, PageFrame, Placement
from stamping.pdf.inkmap import Grid
from stamping.pdf.page_look import MM, PageLook, Taken
from stamping.pdf.suggesting import Suggestion
from stamping.pdf.trouble import Refused, Unreadable

MOST_LOOKED = 12
"""Pages that are looked at in one go; of a longer document the others when a person turns to them."""
MOST_TAKEN, MOST_OBJECTS = 60, 3_000
LARGEST_PICTURE, SMALLEST_PICTURE = 0.25, 20.0
"""The part of the page from which a picture is the page itself (a scan); points below which it is an ornament."""
IS_IMAGE = 3
"""PDFium's FPDF_PAGEOBJ_IMAGE."""
LITTLE, GREYS = (120, 170), 8
"""Width and height in pixels within which the small picture of a page stays, and its shades."""


def look(source: bytes, *, page: int | None = None) -> Iterator[tuple[int, PageLook, bytes]]:
    """(number from 1, what is there, small picture as PNG) of pages, the one to suggest first; or of `page` alone.

    Raises Unreadable, Refused; a page that cannot be looked at is left out.
    """
    with suggesting.opened(source) as (pdf, document):
        best = suggesting.suggest_in(pdf, document, page=page)
        yield best.placement.page, *_looked(pdf, document, best)
        for number in _others(min(len(pdf.pages), len(document)), best.placement.page) if page is None else ():
            try:
                suggestion = suggesting.suggest_in(pdf, document, page=number)
                yield number, *_looked(pdf, document, suggestion)
            except (Refused, Unreadable, pypdfium2.PdfiumError):
                continue


def _others(count: int, best: int) -> list[int]:
    """The pages nearest to the best one: they are where a person turns to."""
    others = [number for number in range(1, count + 1) if number != best]
    return sorted(others, key=lambda number: abs(number - best))[: MOST_LOOKED - 1]


def _looked(pdf: pikepdf.Pdf, document: pypdfium2.PdfDocument, suggestion: Suggestion) -> tuple[PageLook, bytes]:
    number = suggestion.placement.page
    page, entries = document[number - 1], pdf.pages[number - 1].obj
    frame = pages.frame_of(entries)
    picture = suggesting.drawn(page)
    boxes = [*suggesting.taken(entries, frame), *_pictures(page, frame)]
    taken = tuple(Taken(kind, *_rounded(box)) for kind, box in boxes[:MOST_TAKEN])
    place = whole_millimetres(suggestion.placement, frame)
    return PageLook(place=place, how=suggestion.how, grid=Grid.of(picture, frame), taken=taken), _little(picture)


def whole_millimetres(placement: Placement, frame: PageFrame) -> Placement:
    """The placement with its corner on whole millimetres, as a person would say it; still on the page."""
    size = min(placement.size, frame.width, frame.height)
    x, y = (_whole(value, room - size) for value, room in ((placement.x, frame.width), (placement.y, frame.height)))
    return Placement(page=placement.page, x=x, y=y, size=min(max(size, SMALLEST_SIZE), LARGEST_SIZE))


def _whole(value: float, room: float) -> float:
    """The nearest whole number of millimetres within `room` points, in points."""
    return round(min(round(value / MM), max(room, 0.0) // MM) * MM, 3)


def _pictures(page: pypdfium2.PdfPage, frame: PageFrame) -> Iterator[tuple[str, Box]]:
    """Pictures on the page that are not the page itself: a QR symbol, a photograph, a pasted stamp."""
    for count, image in enumerate(page.get_objects(filter=[IS_IMAGE], max_depth=1)):
        if count == MOST_OBJECTS:
            return
        box = frame.to_displayed(Box.of(image.get_bounds()))
        is_page = box.width * box.height > LARGEST_PICTURE * frame.width * frame.height
        if min(box.width, box.height) >= SMALLEST_PICTURE and not is_page:
            yield "picture", box


def _rounded(box: Box) -> tuple[float, float, float, float]:
    return round(box.llx, 1), round(box.lly, 1), round(box.urx, 1), round(box.ury, 1)


def _little(picture: Image.Image) -> bytes:
    small = picture.convert("L")
    small.thumbnail(LITTLE)
    out = BytesIO()
    small.quantize(GREYS).save(out, "PNG", optimize=True)
    return out.getvalue()
