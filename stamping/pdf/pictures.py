"""Page pictures by PDFium: light enough for a phone on a congested line, which then needs no PDF engine."""

from dataclasses import dataclass
from io import BytesIO

import pypdfium2
from PIL import Image

from stamping.pdf.trouble import Unreadable

WIDEST = 2_000
MOST_PIXELS = 6_000_000
SMALL = 60_000
"""A 16-grey PNG up to this size is the lightest readable picture; beyond, JPEG is."""
JPEG_QUALITY = 60


@dataclass(frozen=True)
class Picture:
    """An encoded picture, its media type and its size in pixels."""

    data: bytes
    content_type: str
    width: int
    height: int


def draw(source: bytes, page: int, width: int) -> Picture:
    """Page `page` (from 1), `width` pixels wide. Raises Unreadable, and ValueError for a page or width out of
    range.

    Parses a stranger's file in C++ in this process: in a web process call `child.draw`.
    """
    image = render(source, page=page, width=width)
    grey = image.convert("L")
    png = _encoded(grey.quantize(16) if grey.mode == "L" else grey, "PNG", optimize=True)
    if len(png) <= SMALL:
        return Picture(png, "image/png", *image.size)
    return Picture(_encoded(image, "JPEG", quality=JPEG_QUALITY, optimize=True), "image/jpeg", *image.size)


def render(source: bytes, *, page: int, width: int) -> Image.Image:
    """The page as an RGB image, stamps and form fields included. Raises as `draw` does."""
    if not 1 <= width <= WIDEST:
        raise ValueError("width out of range")
    try:
        document = pypdfium2.PdfDocument(source)
    except pypdfium2.PdfiumError as error:
        raise Unreadable from error
    try:
        if not 1 <= page <= len(document):
            raise ValueError("no such page")
        document.init_forms()
        return _rendered(document[page - 1], width)
    except pypdfium2.PdfiumError as error:
        raise Unreadable from error
    finally:
        document.close()


def _rendered(page: pypdfium2.PdfPage, width: int) -> Image.Image:
    wide, high = page.get_size()
    if not (wide > 0 and high > 0) or width * width * high / wide > MOST_PIXELS:
        raise Unreadable
    picture: Image.Image = page.render(scale=width / wide).to_pil().convert("RGB")
    return picture


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()
