"""Pieces of a printed report: A4 across, with tables that break well and a line at the foot of each page."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_LEFT, TA_RIGHT
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, Table

PAGE = landscape(A4)
MARGIN = 16 * mm
# A frame keeps so many points on each side for itself.
_PADDING = 6
WIDTH = PAGE[0] - 2 * MARGIN - 2 * _PADDING
INK, SOFT, LINE, BAND, ALARM = map(HexColor, ("#12262b", "#42555a", "#ddd7c8", "#f4f0e6", "#a3231f"))

_TEXT = ParagraphStyle("text", fontName="Helvetica", fontSize=9, leading=12, textColor=INK)
_CELL = ParagraphStyle("cell", _TEXT, fontSize=8, leading=10)
_HEADING = ParagraphStyle("heading", _CELL, fontName="Helvetica-Bold", alignment=TA_RIGHT)
STYLES = {
    "text": _TEXT,
    "cell": _CELL,
    "heading": _HEADING,
    "first heading": ParagraphStyle("first heading", _HEADING, alignment=TA_LEFT),
    "soft": ParagraphStyle("soft", _TEXT, textColor=SOFT),
    "code": ParagraphStyle("code", _TEXT, fontName="Courier", fontSize=8.5),
    "alarm": ParagraphStyle("alarm", _TEXT, fontName="Helvetica-Bold", textColor=ALARM),
    "title": ParagraphStyle("title", _TEXT, fontName="Helvetica-Bold", fontSize=20, leading=26),
    "section": ParagraphStyle("section", _TEXT, fontName="Helvetica-Bold", fontSize=12, leading=16, spaceBefore=8),
    "name": ParagraphStyle("name", _TEXT, fontName="Helvetica-Bold", fontSize=10, leading=14),
}


class Numbered(Canvas):
    """Draws the foot of each page when all pages are there: only then it is known how many they are.

    `foot` gives the words at the left and at the right for a page's number and the number of pages.
    """

    def __init__(self, *arguments: Any, foot: Callable[[int, int], tuple[str, str]], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._foot = foot
        self._finished: list[dict[str, Any]] = []

    def showPage(self) -> None:
        """Put the page by."""
        self._finished.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Take the pages up again, one by one."""
        for number, page in enumerate(self._finished, start=1):
            self.__dict__.update(page)
            left, right = self._foot(number, len(self._finished))
            self.setFont("Helvetica", 8)
            self.setFillColor(SOFT)
            self.drawString(MARGIN + _PADDING, 10 * mm, left)
            self.drawRightString(PAGE[0] - MARGIN - _PADDING, 10 * mm, right)
            super().showPage()
        super().save()


def words(text: str, style: str = "text") -> Paragraph:
    """A paragraph; what looks like markup in it is no markup."""
    return Paragraph(escape(text), STYLES[style])


def facts(rows: Iterable[tuple[str, Paragraph]]) -> Table:
    """Labels left, what they say beside them."""
    style = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 1),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
    ]
    cells = [[words(label, "soft"), value] for label, value in rows]
    return Table(cells, colWidths=[38 * mm, WIDTH - 38 * mm], style=style, hAlign="LEFT")


def figures(headings: Sequence[str], rows: Sequence[Sequence[str]], *, alarming: Iterable[int] = ()) -> Table:
    """Names left, figures right; the headings again on each page. The last figure of `alarming` rows stands out."""
    name = 38 * mm
    columns = [name, *[(WIDTH - name) / (len(headings) - 1)] * (len(headings) - 1)]
    style: list[tuple[Any, ...]] = [
        ("FONT", (0, 0), (-1, -1), "Helvetica", 7.5),
        ("TEXTCOLOR", (0, 0), (-1, -1), INK),
        ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("BACKGROUND", (0, 0), (-1, 0), BAND),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 2),
        *(("TEXTCOLOR", (-1, row + 1), (-1, row + 1), ALARM) for row in alarming),
        *(("FONTNAME", (-1, row + 1), (-1, row + 1), "Helvetica-Bold") for row in alarming),
    ]
    top = [words(headings[0], "first heading"), *(words(heading, "heading") for heading in headings[1:])]
    cells = [top, *([words(first, "cell"), *rest] for first, *rest in rows)]
    return Table(cells, colWidths=columns, repeatRows=1, style=style, hAlign="LEFT")
