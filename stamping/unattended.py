"""Prepared and placed with nobody looking, for bundles and folders: the same steps, and a code in place of a page.

The caller names the document, so that a repeat after a kill finds what an earlier try made instead of making another.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from . import files, preparing, repairs
from .models import Document
from .pdf import child
from .pdf.geometry import DEFAULT_SIZE, Placement
from .pdf.mendable import Kind, needed
from .pdf.trouble import Hostile, Refused, Unreadable

PLAY = 0.5
"""Points by which a place that was asked for may leave the page: millimetres are not exact."""


class Refusal(Exception):
    """This file gets no stamp; `document` where its owner can still make something of it on its own page."""

    def __init__(self, code: str, document: Document | None = None) -> None:
        super().__init__(code)
        self.code, self.document = code, document


@dataclass(frozen=True)
class Place:
    """`how`: `asked`, or as in `pdf.suggesting.Suggestion`; `covers`: the stamp stands on ink."""

    at: Placement
    how: str
    covers: bool = False


def take_up(*, identity: uuid.UUID, name: str, source: bytes, at: datetime) -> Document:
    """`preparing.take_up` under this identity, or what an earlier try made of it. Raises Refusal."""
    document = Document.objects.filter(pk=identity).first()
    if document is None:
        files.drop_source(document=identity)
        try:
            document = preparing.take_up(name=name, source=source, at=at, identity=identity)
        except preparing.NotTakeable as refusal:
            raise Refusal(refusal.codes[0]) from None
    if document.state == Document.State.ERASED:
        raise Refusal("missing")
    if document.state == Document.State.UNFIT:
        _mend(document, at)
    if document.state not in Document.EDITABLE:
        raise Refusal("needs_choice", document)
    return document


def _mend(document: Document, at: datetime) -> None:
    """Put a broken structure right where every page is drawn exactly as before. Any other repair is its person's to
    choose, with the pictures before them: Refusal."""
    if set(needed(preparing.facts_of(document))) != {Kind.STRUCTURE}:
        raise Refusal("needs_choice", document)
    try:
        offer = repairs.make(document=document, kind=Kind.STRUCTURE, at=at)
        loss = repairs.measures_of(offer).loss
        if loss is None or loss.decibels is not None:
            raise Refusal("needs_choice", document)
        repairs.choose(repair=offer, at=at, actor="worker")
    except repairs.NotMendable as vain:
        raise Refusal(vain.code, document) from None
    except (repairs.NotOffered, repairs.Busy):
        raise Refusal("needs_choice", document) from None
    document.refresh_from_db()


def find_place(*, document: Document, page: int | None = None, x: float | None = None, y: float | None = None) -> Place:
    """The place that is asked for in points, or a free one on that page, or on any. Raises Refusal."""
    pages = preparing.facts_of(document).pages
    if page is not None and not 1 <= page <= len(pages):
        raise Refusal("no_such_page")
    if page is None or x is None or y is None:
        return _suggested(document, page)
    shown = pages[page - 1]
    for start, side in ((x, shown.width), (y, shown.height)):
        if start < 0 or start + min(DEFAULT_SIZE, side) > side + PLAY:
            raise Refusal("outside_page")
    return Place(Placement(page=page, x=x, y=y), "asked")


def _suggested(document: Document, page: int | None) -> Place:
    try:
        found = child.suggest(files.read(document.source), page=page)
    except Hostile:
        raise Refusal("hostile") from None
    except Unreadable:
        raise Refusal("unreadable") from None
    except Refused as refused:
        raise Refusal(refused.code) from None
    return Place(found.placement, found.how, found.covers)
