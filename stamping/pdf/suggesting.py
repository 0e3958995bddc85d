"""Suggested: a free place for the stamp, beside the signature block where the page has one.

First by its words ("Hormat saya", "Yang membuat pernyataan"), from the last page backwards; else, on the last page that
is large enough, the free place nearest to the bottom right corner. Never over ink, a field or another's signature
while anything else is free. Parses a stranger's file in C++ in this process: in a web process call `child.suggest`.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pikepdf
import pypdfium2
from PIL import Image

from stamping.pdf import inkmap, pages
from stamping.pdf.geometry import DEFAULT_SIZE, SMALLEST_SIZE, Box, PageFrame, Placement
from stamping.pdf.reading import elements, entry
from stamping.pdf.trouble import Refused, Unreadable

WORDS = (
    *("hormat saya", "hormat kami", "yang membuat pernyataan", "pembuat pernyataan", "yang menyatakan", "pemohon,"),
    *("pelamar,", "yang menerima", "yang menyerahkan", "pihak pertama", "pihak kedua", "tanda tangan"),
    *("sincerely", "faithfully"),
)
MOST_SEARCHED, MOST_NOTES = 40, 500
"""Pages, and notes and fields a page, that are looked at."""
PEN_ROOM = 70.0
"""Points below the words that are left for a signature by pen."""
CLEAR, MARGIN, STEP = 4.0, 14.0, 4.0
"""Points: kept clear round the stamp, kept to the edge of the page, and between two places tried."""
BESIDE = 260.0
"""Points from the signature block within which a place still stands beside it."""
UNSEEN = ("/Link", "/Popup")
"""Notes that nothing is lost by covering."""
ASKS_FOR_PASSWORD = 4
"""PDFium's FPDF_ERR_PASSWORD."""
RIGHT = 12.0
"""Points by which a place at the right must be nearer: the stamp's custom is at the left of the signature."""


@dataclass(frozen=True)
class Suggestion:
    """`how`: `beside_signature`, `free_space` or `corner`; only the last may cover ink, and `covers` says so."""

    placement: Placement
    how: str
    covers: bool = False


def suggest(source: bytes, *, page: int | None = None, size: float = DEFAULT_SIZE) -> Suggestion:
    """Where to put a stamp of `size` points, on `page` (from 1) or anywhere.

    Raises Unreadable, and Refused(`no_pages`, `no_such_page`, `page_too_small`, `password_needed`).
    """
    with opened(source) as (pdf, document):
        return suggest_in(pdf, document, page=page, size=size)


@contextmanager
def opened(source: bytes) -> Iterator[tuple[pikepdf.Pdf, pypdfium2.PdfDocument]]:
    """The file in both readers. Raises Unreadable, Refused(`password_needed`), also for errors of theirs inside."""
    try:
        with pikepdf.open(BytesIO(source), suppress_warnings=True) as pdf:
            document = pypdfium2.PdfDocument(source)
            try:
                document.init_forms()
                yield pdf, document
            finally:
                document.close()
    except pypdfium2.PdfiumError as error:
        if error.err_code == ASKS_FOR_PASSWORD:
            raise Refused("password_needed") from error
        raise Unreadable from error
    except pikepdf.PdfError as error:
        raise Unreadable from error


def suggest_in(
    pdf: pikepdf.Pdf, document: pypdfium2.PdfDocument, *, page: int | None = None, size: float = DEFAULT_SIZE
) -> Suggestion:
    """`suggest` in a file that is open already. Raises Unreadable, Refused."""
    count = min(len(pdf.pages), len(document))
    if not count:
        raise Refused("no_pages")
    if page is not None and not 1 <= page <= count:
        raise Refused("no_such_page")
    wanted = [page] if page is not None else list(range(count, 0, -1))
    roomy = [one for one in wanted[:MOST_SEARCHED] if not pages.frame_of(pdf.pages[one - 1].obj).too_small]
    if not roomy:
        raise Refused("page_too_small")
    for number in roomy:
        frame = pages.frame_of(pdf.pages[number - 1].obj)
        words = _signature_words(document[number - 1], frame)
        if words is not None:
            return _on(pdf, document, number, words, size)
    return _on(pdf, document, roomy[0], None, size)


def _signature_words(page: pypdfium2.PdfPage, frame: PageFrame) -> Box | None:
    """The lowest of the words that head a signature block, in displayed points."""
    try:
        text = page.get_textpage()
    except pypdfium2.PdfiumError:
        return None
    found = [box for word in WORDS for box in _occurrences(text, word, frame)]
    inside = [box for box in found if box.lly >= 0 and box.ury <= frame.height and box.urx > 0]
    return min(inside, key=lambda box: box.lly, default=None)


def _occurrences(text: pypdfium2.PdfTextPage, word: str, frame: PageFrame) -> Iterator[Box]:
    search = text.search(word)
    for _match in range(20):
        found = search.get_next()
        if found is None:
            return
        start, length = found
        for place in range(text.count_rects(start, length)):
            yield frame.to_displayed(Box.of(text.get_rect(place)))


def _on(pdf: pikepdf.Pdf, document: pypdfium2.PdfDocument, number: int, words: Box | None, size: float) -> Suggestion:
    frame = pages.frame_of(pdf.pages[number - 1].obj)
    picture = drawn(document[number - 1])
    kept = [Box(words.llx - CLEAR, words.lly - PEN_ROOM, words.urx + CLEAR, words.lly)] if words else []
    marked = [box for _kind, box in taken(pdf.pages[number - 1].obj, frame)]
    ink = inkmap.InkMap(picture, frame, taken=marked, kept_free=kept)
    return _best(ink, frame, number, words, min(size, frame.width, frame.height))


def drawn(page: pypdfium2.PdfPage) -> Image.Image:
    """The page's picture in grey, as coarse as an ink map wants it. Raises Unreadable."""
    wide, high = page.get_size()
    if not (wide > 0 and high > 0):
        raise Unreadable
    picture: Image.Image = page.render(scale=inkmap.scale(wide, high), grayscale=True).to_pil()
    return picture


def taken(page: Any, frame: PageFrame) -> list[tuple[str, Box]]:
    """Fields and notes on the page, filled or not, in displayed points, each with what it is: `signature` (also a stamp
    or a field that waits for one) or `field`."""
    boxes = []
    for note in list(elements(entry(page, "/Annots")))[:MOST_NOTES]:
        rect = pages.numbers(entry(note, "/Rect"))
        hidden = pages.number(entry(note, "/F", 0), otherwise=0)
        if rect and entry(note, "/Subtype") not in UNSEEN and not int(hidden) & 2:
            signs = pages.inherited(note, "/FT") == "/Sig" or entry(note, "/Subtype") == "/Stamp"
            boxes.append(("signature" if signs else "field", frame.to_displayed(Box.of(rect))))
    return boxes


def _best(ink: inkmap.InkMap, frame: PageFrame, number: int, words: Box | None, size: float) -> Suggestion:
    sizes = [size, *(smaller for smaller in (72.0, SMALLEST_SIZE) if smaller < size)]
    for specks in (0.0, inkmap.SPECKS):
        for side in sizes:
            most = specks * side * side * inkmap.SCALE**2
            free = [spot for spot in _spots(frame, side) if ink.ink(spot[0], spot[1], side, around=CLEAR) <= most]
            if free:
                return _nearest(free, frame, number, words, side)
    # Everything is full: what covers least, and of that what is nearest to the corner.
    cost = _cost(frame, None, size)
    x, y = min(_spots(frame, size), key=lambda spot: (ink.ink(spot[0], spot[1], size), cost(spot)))
    return Suggestion(_placement(number, (x, y), size), "corner", covers=ink.ink(x, y, size) > 0)


def _placement(number: int, spot: tuple[float, float], size: float) -> Placement:
    # On a page smaller than any stamp the frame shrinks it; no smaller size may be asked for.
    return Placement(page=number, x=round(spot[0], 2), y=round(spot[1], 2), size=max(size, SMALLEST_SIZE))


def _nearest(
    free: list[tuple[float, float]], frame: PageFrame, number: int, words: Box | None, size: float
) -> Suggestion:
    cost = _cost(frame, words, size)
    best = min(free, key=cost)
    how = "beside_signature" if words is not None and cost(best) <= BESIDE else "free_space"
    return Suggestion(_placement(number, best, size), how)


def _cost(frame: PageFrame, words: Box | None, size: float) -> Callable[[tuple[float, float]], float]:
    """Points from where the stamp would best stand: left or right of the room for the signature, or the corner."""
    if words is None:
        targets = [(frame.width - size - MARGIN, MARGIN, 0.0)]
    else:
        below = words.lly - size / 2 - PEN_ROOM / 2
        targets = [(words.llx - size - 2 * CLEAR, below, 0.0), (words.urx + 2 * CLEAR, below, RIGHT)]
    return lambda spot: min(math.hypot(spot[0] - x, spot[1] - y) + more for x, y, more in targets)


def _spots(frame: PageFrame, size: float) -> Iterator[tuple[float, float]]:
    step = max(STEP, max(frame.width, frame.height) / 250)
    rows = list(_line(frame.height - size, step))
    return ((x, y) for y in rows for x in _line(frame.width - size, step))


def _line(room: float, step: float) -> Iterator[float]:
    """Places along one side with `room` to move, off the edges where that can be."""
    edge = min(MARGIN, max(room, 0.0) / 2)
    for count in range(int((room - 2 * edge) / step) + 1):
        yield edge + count * step
    yield max(room, 0.0) - edge
