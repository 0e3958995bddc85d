"""Pages of any size put onto A4: scaled as a whole, in the middle, upright or across as they were.

For files without signatures only. Fields, links and notes move along with what they stand on.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pikepdf

from stamping.pdf import geometry, pages
from stamping.pdf.preflight import A4, A4_TOLERANCE
from stamping.pdf.reading import elements, entry

BOXES = ("/CropBox", "/BleedBox", "/TrimBox", "/ArtBox", "/UserUnit")
POINTS = ("/QuadPoints", "/L", "/Vertices", "/CL")
"""What notes say in pairs of coordinates; `/Rect` is a box, `/InkList` a list of such lists."""


@dataclass(frozen=True)
class Move:
    """x becomes scale * x + right, y becomes scale * y + up."""

    scale: float
    right: float
    up: float


def fit(pdf: pikepdf.Pdf) -> tuple[float, int]:
    """Scale what is not A4; (the scale of the first such page as it is seen, its number from 1), or (1.0, 0)."""
    first = (1.0, 0)
    for number, page in enumerate(pdf.pages, start=1):
        frame = pages.frame_of(page.obj)
        if _is_a4(frame):
            continue
        unit = pages.number(entry(page.obj, "/UserUnit"), otherwise=1)
        move = _onto_a4(pdf, page, frame)
        for note in elements(entry(page.obj, "/Annots")):
            _move_note(note, move)
        if not first[1]:
            first = (round(move.scale / (unit if unit > 0 else 1), 4), number)
    return first


def _is_a4(frame: geometry.PageFrame) -> bool:
    sides = sorted((frame.width, frame.height))
    return all(abs(side - wanted) <= A4_TOLERANCE for side, wanted in zip(sides, A4, strict=True))


def _onto_a4(pdf: pikepdf.Pdf, page: pikepdf.Page, frame: geometry.PageFrame) -> Move:
    """Wrap the page's contents and set its boxes. Works in the page's own space, before it is turned."""
    box = frame.visible
    across = (frame.width > frame.height) != (frame.rotation in (90, 270))
    wide, high = reversed(A4) if across else A4
    scale = min(wide / box.width, high / box.height)
    move = Move(
        scale, (wide - scale * box.width) / 2 - scale * box.llx, (high - scale * box.height) / 2 - scale * box.lly
    )
    corners = [box.llx, box.lly, box.urx, box.ury]
    page.obj.MediaBox = pikepdf.Array(corners)
    for key in BOXES:
        if key in page.obj:
            del page.obj[key]
    # Shadows what an ancestor may say; the contents become one form, so that nothing left open inside reaches out.
    page.obj.CropBox = pikepdf.Array(corners)
    form = _form(pdf, page)
    page.obj.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Blatt=form))
    page.obj.Contents = pdf.make_stream(
        b"q %.6f 0 0 %.6f %.4f %.4f cm /Blatt Do Q" % (scale, scale, move.right, move.up)
    )
    page.obj.MediaBox = page.obj.CropBox = pikepdf.Array([0, 0, round(wide, 3), round(high, 3)])
    return move


def _form(pdf: pikepdf.Pdf, page: pikepdf.Page) -> pikepdf.Object:
    """The page as a form. qpdf's own reads the page's contents when it is written: too late, they are others then."""
    lazy = page.as_form_xobject(handle_transformations=False)
    form = pdf.make_stream(lazy.read_bytes())
    for key, value in lazy.stream_dict.items():
        if key not in ("/Length", "/Filter", "/DecodeParms"):
            form[key] = value
    return form


def _move_note(note: object, move: Move) -> None:
    if not isinstance(note, pikepdf.Dictionary):
        return
    for key in ("/Rect", *POINTS):
        if key in note:
            note[key] = pikepdf.Array(list(_moved(note[key], move)))
    if "/InkList" in note:
        note["/InkList"] = pikepdf.Array(
            [pikepdf.Array(list(_moved(line, move))) for line in elements(note["/InkList"])]
        )


def _moved(numbers: object, move: Move) -> Iterator[float]:
    """Numbers that are x and y by turns."""
    for place, value in enumerate(elements(numbers)):
        shift = move.up if place % 2 else move.right
        yield round(move.scale * pages.number(value, otherwise=0) + shift, 3)
