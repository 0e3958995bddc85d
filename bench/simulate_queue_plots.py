"""Curves as PNG, by what the site has already: reportlab draws a page, PDFium turns it into a picture."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pypdfium2
from reportlab.lib.colors import HexColor
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = 900.0, 300.0
LEFT, RIGHT, BOTTOM, TOP = 70.0, 20.0, 40.0, 40.0
INK = ("#0b4450", "#d95f02", "#7570b3", "#66a61e")
POINTS = 900


@dataclass(frozen=True)
class Curve:
    """One value a second."""

    name: str
    values: Sequence[float]


def draw(file: Path, title: str, curves: Sequence[Curve], *, marks: Sequence[tuple[int, str]] = ()) -> None:
    """One chart over minutes; `marks`: second and word."""
    page = io.BytesIO()
    canvas = Canvas(page, pagesize=(WIDTH, HEIGHT))
    canvas.setFillColor(HexColor("#ffffff"))
    canvas.rect(0, 0, WIDTH, HEIGHT, stroke=0, fill=1)
    seconds = max(len(one.values) for one in curves)
    top = max(max(one.values) for one in curves) * 1.05 or 1.0
    across, up = (WIDTH - LEFT - RIGHT) / seconds, (HEIGHT - BOTTOM - TOP) / top
    _frame(canvas, title, seconds=seconds, top=top, across=across, up=up)
    for nth, (second, word) in enumerate(marks):
        place = LEFT + second * across
        canvas.setStrokeColor(HexColor("#999999"))
        canvas.line(place, BOTTOM, place, HEIGHT - TOP)
        canvas.drawString(place + 2, HEIGHT - TOP + 3 - 11 * (nth % 2), word)
    for nth, one in enumerate(curves):
        canvas.setStrokeColor(HexColor(INK[nth % len(INK)]))
        canvas.setFillColor(HexColor(INK[nth % len(INK)]))
        canvas.drawString(LEFT + 10 + 190 * nth, BOTTOM - 30, one.name)
        step = max(1, len(one.values) // POINTS)
        path = canvas.beginPath()
        for second in range(0, len(one.values), step):
            part = one.values[second : second + step]
            point = (LEFT + second * across, BOTTOM + sum(part) / len(part) * up)
            (path.lineTo if second else path.moveTo)(*point)
        canvas.drawPath(path)
    canvas.save()
    file.parent.mkdir(parents=True, exist_ok=True)
    document = pypdfium2.PdfDocument(page.getvalue())
    document[0].render(scale=1.5).to_pil().save(file, optimize=True)
    document.close()


def _frame(canvas: Canvas, title: str, *, seconds: int, top: float, across: float, up: float) -> None:
    canvas.setFillColor(HexColor("#14252a"))
    canvas.setFont("Helvetica-Bold", 13)
    canvas.drawString(LEFT, HEIGHT - 22, title)
    canvas.setFont("Helvetica", 9)
    canvas.setStrokeColor(HexColor("#dddddd"))
    for quarter in range(5):
        height = BOTTOM + top * quarter / 4 * up
        canvas.line(LEFT, height, WIDTH - RIGHT, height)
        canvas.drawRightString(LEFT - 6, height - 3, f"{top * quarter / 4:,.0f}")
    step = 600 if seconds > 2400 else 120
    for second in range(0, seconds + 1, step):
        canvas.drawCentredString(LEFT + second * across, BOTTOM - 13, f"{second // 60} min")
