"""Looked at: a document's pages as a person who places a stamp must know them; found once and kept with its facts.

    facts["look"] = {"of": start of the source's SHA-256, "best": page, "pages": {"3": PageLook or null}}

A page is null that cannot be looked at. A document whose source was replaced is looked at anew.
"""

from dataclasses import dataclass
from typing import Any

from django.core.cache import cache

from . import files
from .models import Document
from .pdf import place_child
from .pdf.page_look import PageLook
from .pdf.trouble import Hostile, Refused, Unreadable

KEPT_SECONDS = 24 * 3600
"""How long the small pictures are kept; one that is gone is drawn again."""


@dataclass(frozen=True)
class Look:
    """`best` is the page on which a stamp is suggested first; None where the file could not be looked at."""

    best: int | None
    _pages: dict[str, Any]

    def page(self, number: int) -> PageLook | None:
        """What is known of a page (from 1)."""
        kept = self._pages.get(str(number))
        return PageLook.from_json(kept) if kept else None


def look(*, document: Document, page: int | None = None) -> Look:
    """What is known of the document's pages, and of `page` in any case. Parses the file only where nothing is known."""
    kept = _kept(document)
    if kept is None:
        found = _found(document, None)
        kept = {"of": document.source_sha256[:16], "best": next(iter(found), None), "pages": _plain(found)}
        _keep(document, kept)
    if page is not None and str(page) not in kept["pages"]:
        # A file that could not be looked at is not tried again for each of its pages.
        found = _found(document, page) if kept["best"] else {}
        kept["pages"] |= {str(page): None} | _plain(found)
        _keep(document, kept)
    return Look(best=kept["best"], _pages=kept["pages"])


def little_name(document: Document, page: int) -> str:
    """The name under which a page's small picture is kept."""
    return f"little:{document.pk}:{document.source_sha256[:16]}:{page}"


def _kept(document: Document) -> dict[str, Any] | None:
    kept: dict[str, Any] | None = document.facts.get("look")
    return kept if kept and kept["of"] == document.source_sha256[:16] else None


def _found(document: Document, page: int | None) -> dict[int, PageLook]:
    try:
        looks, littles = place_child.look(files.read(document.source), page=page)
    except (Hostile, Unreadable, Refused, FileNotFoundError):
        return {}
    cache.set_many({little_name(document, number): data for number, data in littles.items()}, KEPT_SECONDS)
    return looks


def _plain(found: dict[int, PageLook]) -> dict[str, Any]:
    return {str(number): one.as_json() for number, one in found.items()}


def _keep(document: Document, kept: dict[str, Any]) -> None:
    document.facts = {**document.facts, "look": kept}
    # Only while it is the same file, and never after it was erased.
    same = Document.objects.filter(pk=document.pk, source_sha256=document.source_sha256).exclude(state="erased")
    same.update(facts=document.facts)
