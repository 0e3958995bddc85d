"""What will come, shown before it is final: pictures of the pages, and of the page with the stamp as sealing draws."""

import math

from django.core.cache import cache as kept

from . import files, looking
from .models import Document
from .pdf import child, pictures, place_child
from .pdf.geometry import Placement
from .pdf.pictures import Picture
from .pdf.preflight import Page
from .preparing import facts_of

WIDTH, LITTLE_WIDTH, STAMP_WIDTH = 800, 120, 160
"""Pixels: of a page's picture, of its small one, and of the stamp in a preview."""
KEPT_SECONDS = 3600


def picture_size(page: Page, *, width: int = WIDTH) -> tuple[int, int]:
    """Width and height in pixels of a page's picture; a page like a till receipt is drawn narrower."""
    drawn = min(width, int(math.sqrt(0.99 * pictures.MOST_PIXELS * page.width / page.height)) or 1)
    return drawn, round(drawn * page.height / page.width)


def page_picture(*, document: Document, page: int) -> Picture:
    """The picture of a page (from 1), at most WIDTH pixels wide, drawn in a limited process and kept for an hour.

    Raises ValueError for a page that is not there, child.Hostile, child.Unreadable, FileNotFoundError.
    """
    name = f"page:{document.pk}:{document.source_sha256[:16]}:{page}"
    picture: Picture | None = kept.get(name)
    if picture is None:
        width, _height = picture_size(_page(document, page))
        picture = child.draw(files.read(document.source), page=page, width=width)
        kept.set(name, picture, KEPT_SECONDS)
    return picture


def little_picture(*, document: Document, page: int) -> Picture:
    """The small picture of a page (from 1), made when the document was looked at. Raises as `page_picture` does."""
    name = looking.little_name(document, page)
    data: bytes | None = kept.get(name)
    if data is None:
        width, _height = picture_size(_page(document, page), width=LITTLE_WIDTH)
        data = child.draw(files.read(document.source), page=page, width=width).data
        kept.set(name, data, looking.KEPT_SECONDS)
    return Picture(data, "image/jpeg" if data.startswith(b"\xff\xd8") else "image/png", 0, 0)


def preview(*, document: Document, placement: Placement) -> Picture:
    """The page with the stamp, drawn from the file as the sealing kernel writes it; large enough to read the stamp.

    Raises as `page_picture` does, and Refused for a file that sealing would refuse.
    """
    place = "-".join(f"{value:g}" for value in (placement.page, placement.x, placement.y, placement.size))
    name = f"preview:{document.pk}:{document.source_sha256[:16]}:{place}"
    picture: Picture | None = kept.get(name)
    if picture is None:
        page = _page(document, placement.page)
        wanted = max(WIDTH, round(STAMP_WIDTH * page.width / placement.size))
        width, _height = picture_size(page, width=min(wanted, pictures.WIDEST))
        picture = place_child.preview(files.read(document.source), placement=placement, width=width)
        kept.set(name, picture, KEPT_SECONDS)
    return picture


def _page(document: Document, page: int) -> Page:
    pages = facts_of(document).pages
    if not 1 <= page <= len(pages):
        raise ValueError("no such page")
    return pages[page - 1]
