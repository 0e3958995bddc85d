"""What will come, shown before it is final: the page's picture, and the same with the stamp on it."""

import base64
from functools import cache

from django.contrib.staticfiles import finders
from django.core.cache import cache as kept

from . import files
from .models import Document
from .pdf import child
from .pdf.pictures import Picture
from .preparing import facts_of

WIDTH = 800
KEPT_SECONDS = 3600


def page_picture(*, document: Document, page: int) -> Picture:
    """The picture of a page (from 1), WIDTH pixels wide, drawn in a limited process and kept for an hour.

    Raises ValueError for a page that is not there, child.Hostile, child.Unreadable, FileNotFoundError.
    """
    name = f"page:{document.pk}:{document.source_sha256[:16]}:{page}"
    picture: Picture | None = kept.get(name)
    if picture is None:
        picture = child.draw(files.read(document.source), page=page, width=WIDTH)
        kept.set(name, picture, KEPT_SECONDS)
    return picture


def preview_svg(*, document: Document) -> str:
    """The chosen page with the stamp where it will stand, as an SVG of two pictures; for a document that is placed."""
    if document.page is None or document.x is None or document.y is None or document.size is None:
        raise ValueError("the document is not placed")
    shown = facts_of(document).pages[document.page - 1]
    picture = page_picture(document=document, page=document.page)
    top = shown.height - document.y - document.size
    side = f'width="{document.size:.2f}" height="{document.size:.2f}"'
    page = f'width="{shown.width:.2f}" height="{shown.height:.2f}" href="{_data(picture.content_type, picture.data)}"'
    stamp = f'x="{document.x:.2f}" y="{top:.2f}" {side} href="{_data("image/png", _specimen())}"'
    box = f"0 0 {shown.width:.2f} {shown.height:.2f}"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}"><image {page}/><image {stamp}/></svg>'


def _data(content_type: str, data: bytes) -> str:
    return f"data:{content_type};base64,{base64.b64encode(data).decode()}"


@cache
def _specimen() -> bytes:
    path = finders.find("stamping/specimen.png")
    if not path:
        raise FileNotFoundError("stamping/specimen.png")
    with open(str(path), "rb") as file:
        return file.read()
