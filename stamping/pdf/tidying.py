"""Putting in order what viewers forgive and writers stumble over: the page tree, the pages' boxes and notes, the form.

For files without signatures only, as part of `repairing`. What a person sees does not change.
"""

from collections.abc import Iterator

import pikepdf

from stamping.pdf import pages
from stamping.pdf.geometry import Box
from stamping.pdf.reading import elements, entry

DEEPEST_FORM = 50


def tidy(pdf: pikepdf.Pdf) -> None:
    """Put the open file in order. Raises what pikepdf raises."""
    if "/Size" not in pdf.trailer:
        pdf.trailer.Size = len(pdf.objects) + 1  # qpdf writes the right number over it, but only where one stood
    _flatten(pdf)
    for page in pdf.pages:
        _box(page.obj)
        _notes(page.obj)
    _form(pdf)
    for key in ("/Perms", "/DSS"):
        if key in pdf.Root and not isinstance(pdf.Root[key], pikepdf.Dictionary):
            del pdf.Root[key]


def odd_tree(pdf: pikepdf.Pdf) -> bool:
    """Whether the page tree says another number of pages than it has."""
    return bool(entry(pdf.Root.Pages, "/Count") != len(pdf.pages))


def _flatten(pdf: pikepdf.Pdf) -> None:
    """One level, right counts and parents, every page its own entries: qpdf does so before it changes a tree."""
    pdf.Root.Pages.Count = len(pdf.pages)
    pdf.pages.append(pdf.pages[-1])
    del pdf.pages[-1]


def _box(page: pikepdf.Object) -> None:
    media = pages.numbers(pages.inherited(page, "/MediaBox"))
    if media is None:
        page.MediaBox = pikepdf.Array(list(pages.LETTER))
    crop = pages.numbers(pages.inherited(page, "/CropBox"))
    if "/CropBox" in page and (crop is None or Box.of(media or pages.LETTER).meet(Box.of(crop)) is None):
        del page["/CropBox"]


def _notes(page: pikepdf.Object) -> None:
    if "/Annots" not in page:
        return
    notes = [note for note in elements(page["/Annots"]) if isinstance(note, pikepdf.Dictionary)]
    if notes:
        page.Annots = pikepdf.Array(notes)
    else:
        del page["/Annots"]


def _form(pdf: pikepdf.Pdf) -> None:
    form = entry(pdf.Root, "/AcroForm")
    if form is None:
        return
    if not isinstance(form, pikepdf.Dictionary):
        del pdf.Root["/AcroForm"]
        return
    seen: set[tuple[int, int]] = set()
    form.Fields = pikepdf.Array(list(_sound(pdf, entry(form, "/Fields"), seen, DEEPEST_FORM)))
    if not isinstance(entry(form, "/SigFlags", 0), int):
        del form["/SigFlags"]


def _sound(
    pdf: pikepdf.Pdf, fields: object, seen: set[tuple[int, int]], depth: int, parent: pikepdf.Object | None = None
) -> Iterator[pikepdf.Object]:
    """The fields that are dictionaries, each once and as an object of its own, their children likewise."""
    for field in elements(fields):
        if not isinstance(field, pikepdf.Dictionary) or field.objgen in seen - {(0, 0)} or depth == 0:
            continue
        kept = field if field.is_indirect else pdf.make_indirect(field)
        seen.add(kept.objgen)
        if parent is not None:
            kept.Parent = parent
        elif "/Parent" in kept:
            del kept["/Parent"]
        if "/Kids" in kept:
            kids = list(_sound(pdf, kept["/Kids"], seen, depth - 1, kept))
            if kids:
                kept.Kids = pikepdf.Array(kids)
            else:
                del kept["/Kids"]
        yield kept
