"""What the stamp looks like: a SPESIMEN of our own drawing. The official artwork is the issuer's and is not
here.

The art is drawn by reportlab once a process, on a square of `ART` units; each document only adds its QR
symbol and its serial. All of it is vector, letters too: crisp in print, no font brought along, under 10 kB in
the file.
"""

import math
import sys
from functools import cache
from io import BytesIO
from pathlib import Path

import pikepdf
import segno
from reportlab.lib.colors import Color
from reportlab.pdfgen.canvas import Canvas

from stamping.pdf import outlines, pictures

ART = 86.0
"""Side of the square everything is drawn on; the viewer scales it to the placement's size."""
PLACEHOLDER_SERIAL = "SPESIMEN00000000000000"
PLACEHOLDER_ADDRESS = "https://meterai.example/v/SPESIMEN00000000000000"
DEEP, MIDDLE, PALE = Color(0.36, 0.05, 0.20), Color(0.62, 0.13, 0.36), Color(0.93, 0.76, 0.84)
PAPER, WHITE = Color(1, 0.975, 0.985), Color(1, 1, 1)
QR_LEFT, QR_BOTTOM, QR_SIDE = 46.6, 24.2, 33.0
"""Where the QR symbol stands on the art, quiet zone not counted."""
QR_MASK = 3
SERIAL_BOTTOM, SERIAL_HEIGHT, SERIAL_WIDTH = 6.0, 5.6 / outlines.UNIT, ART - 10


@cache
def art() -> bytes:
    """The content stream of the art on a square of `ART` points, drawn once a process. It needs no
    resources."""
    canvas = Canvas(BytesIO(), pagesize=(ART, ART), pageCompression=0, invariant=1)
    _paper(canvas)
    _rosette(canvas)
    _words(canvas)
    code = "\n".join(canvas._code).encode("ascii")
    # reportlab selects Helvetica at the head of every page; without a letter in it the art must not name a
    # font.
    return b"\n".join(line for line in code.split(b"\n") if b" Tf " not in line)


def _paper(canvas: Canvas) -> None:
    canvas.setFillColor(PAPER)
    canvas.rect(0, 0, ART, ART, stroke=0, fill=1)
    canvas.setStrokeColor(MIDDLE)
    canvas.setLineWidth(1.1)
    canvas.rect(1.2, 1.2, ART - 2.4, ART - 2.4)
    canvas.setLineWidth(0.3)
    canvas.rect(2.6, 2.6, ART - 5.2, ART - 5.2)
    canvas.setFillColor(MIDDLE)
    canvas.rect(2.6, ART - 13.2, ART - 5.2, 10.6, stroke=0, fill=1)


def _rosette(canvas: Canvas) -> None:
    """Our guilloche: roses round one centre. Each petal is the same bytes, turned, which deflates to nearly
    nothing."""
    canvas.saveState()
    canvas.translate(24.2, 42.4)
    canvas.setStrokeColor(PALE)
    canvas.setLineWidth(0.22)
    for petals, inner, outer in ((24, 6.0, 19.5), (36, 10.0, 17.0), (18, 2.5, 12.0)):
        for _turn in range(petals):
            _petal(canvas, reach=3 * 2 * math.pi / petals, inner=inner, outer=outer)
            canvas.rotate(360 / petals)
    canvas.restoreState()


def _petal(canvas: Canvas, *, reach: float, inner: float, outer: float) -> None:
    """One arc out from the inner radius to the outer one and back, `reach` radians wide."""
    path = canvas.beginPath()
    start, top, end = ((r * math.cos(a), r * math.sin(a)) for r, a in _corners(reach, inner, outer))
    path.moveTo(*_rounded(start))
    lift = outer / math.cos(reach / 4)
    first = (lift * math.cos(reach / 4), lift * math.sin(reach / 4))
    last = (lift * math.cos(reach * 3 / 4), lift * math.sin(reach * 3 / 4))
    path.curveTo(*_rounded(start), *_rounded(first), *_rounded(top))
    path.curveTo(*_rounded(last), *_rounded(end), *_rounded(end))
    canvas.drawPath(path)


def _corners(reach: float, inner: float, outer: float) -> tuple[tuple[float, float], ...]:
    return (inner, 0.0), (outer, reach / 2), (inner, reach)


def _rounded(point: tuple[float, float]) -> tuple[float, float]:
    return round(point[0], 1), round(point[1], 1)


def _words(canvas: Canvas) -> None:
    canvas.setFillColor(WHITE)
    _fitted(canvas, "METERAI ELEKTRONIK", x=ART / 2, y=ART - 10.4, width=ART - 11)
    canvas.setFillColor(DEEP)
    _fitted(canvas, "SPESIMEN", x=24.2, y=60.6, width=38)
    _fitted(canvas, "10000", x=24.2, y=37.0, width=38)
    _fitted(canvas, "BUKAN METERAI SAH", x=24.2, y=25.6, width=38)
    canvas.setFillColor(MIDDLE)
    canvas.rect(2.6, 12.6, ART - 5.2, 7.4, stroke=0, fill=1)
    canvas.setFillColor(WHITE)
    _fitted(canvas, "SEPULUH RIBU RUPIAH", x=ART / 2, y=14.4, width=62)


def _fitted(canvas: Canvas, text: str, *, x: float, y: float, width: float) -> None:
    """Write `text` centred on x, in the size at which it is `width` wide."""
    scale = width / outlines.width(text)
    canvas.saveState()
    canvas.transform(round(scale, 5), 0, 0, round(scale, 5), x - width / 2, y)
    path = canvas.beginPath()
    for operator, numbers in outlines.steps(text):
        {"m": path.moveTo, "l": path.lineTo, "c": path.curveTo, "h": path.close}[operator](*numbers)
    canvas.drawPath(path, stroke=0, fill=1)
    canvas.restoreState()


def own_part(*, serial: str, address: str) -> bytes:
    """The content stream of what one document adds to the art: its QR symbol and its serial.

    The art is expected as the form XObject /Art.
    """
    parts = [b"/Art Do q 1 1 1 rg", _quiet_zone(), _rgb(DEEP), _symbol(address), _serial(serial), b"Q"]
    return b" ".join(parts)


def _serial(serial: str) -> bytes:
    """The serial as outlines, exactly `SERIAL_WIDTH` wide. Each letter is drawn from its own origin: equal
    bytes."""
    wide, parts = SERIAL_WIDTH / outlines.width(serial), []
    parts.append(f"q {wide:.5f} 0 0 {SERIAL_HEIGHT:.5f} {(ART - SERIAL_WIDTH) / 2} {SERIAL_BOTTOM} cm")
    for letter in serial:
        advance, path = _letter(letter)
        parts += [path, f"1 0 0 1 {advance} 0 cm"]
    return " ".join([*parts, "Q"]).encode("ascii")


@cache
def _letter(letter: str) -> tuple[int, str]:
    """(advance, path operators) of one letter in the outlines' units."""
    advance, path = outlines.glyph(letter)
    return advance, " ".join([*(" ".join([*map(str, numbers), operator]) for operator, numbers in path), "f"])


def _quiet_zone() -> bytes:
    return f"{QR_LEFT - 2:.1f} {QR_BOTTOM - 2:.1f} {QR_SIDE + 4:.1f} {QR_SIDE + 4:.1f} re f".encode("ascii")


def _rgb(colour: Color) -> bytes:
    return f"{colour.red:.3f} {colour.green:.3f} {colour.blue:.3f} rg".encode("ascii")


def _symbol(address: str) -> bytes:
    """The QR symbol as filled rectangles, one for each run of dark modules in a row."""
    # The mask is fixed, which any reader accepts: trying all eight costs 2 ms of the 3 that a seal takes.
    symbol = segno.make(address, error="m", micro=False, boost_error=False, mask=QR_MASK)
    module = QR_SIDE / len(symbol.matrix)
    parts = [f"q {module:.5f} 0 0 {module:.5f} {QR_LEFT} {QR_BOTTOM} cm"]
    for number, row in enumerate(symbol.matrix):
        parts += [f"{start} {len(symbol.matrix) - 1 - number} {length} 1 re" for start, length in _runs(row)]
    return " ".join([*parts, "f Q"]).encode("ascii")


def _runs(row: bytearray) -> list[tuple[int, int]]:
    """(start, length) of each run of ones: [0, 1, 1, 0, 1] gives (1, 2) and (4, 1)."""
    runs, start = [], None
    for index, dark in enumerate([*row, 0]):
        if dark and start is None:
            start = index
        elif not dark and start is not None:
            runs.append((start, index - start))
            start = None
    return runs


def turn(rotation: int) -> tuple[float, float, float, float, float, float]:
    """The appearance's matrix that keeps the art upright on a page shown `rotation` degrees clockwise."""
    return {
        0: (1, 0, 0, 1, 0, 0),
        90: (0, 1, -1, 0, ART, 0),
        180: (-1, 0, 0, -1, ART, ART),
        270: (0, -1, 1, 0, 0, ART),
    }[rotation]


def as_pdf(*, serial: str, address: str) -> bytes:
    """The stamp alone, as a PDF of one page of its size."""
    with pikepdf.new() as pdf:
        page = pdf.add_blank_page(page_size=(ART, ART))
        form = pdf.make_stream(art(), Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form, BBox=[0, 0, ART, ART])
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Art=form))
        page.Contents = pdf.make_stream(own_part(serial=serial, address=address))
        out = BytesIO()
        pdf.save(out, deterministic_id=True)
        return out.getvalue()


def preview_png(*, serial_text: str = PLACEHOLDER_SERIAL, size_px: int = 344) -> bytes:
    """The stamp as a square PNG, `size_px` pixels a side, for pages where a person places it."""
    picture = pictures.render(as_pdf(serial=serial_text, address=PLACEHOLDER_ADDRESS), page=1, width=size_px)
    out = BytesIO()
    picture.quantize(32).save(out, "PNG", optimize=True)
    return out.getvalue()


if __name__ == "__main__":
    # python -m stamping.pdf.appearance FILE: writes the preview that the placing page shows.
    Path(sys.argv[1]).write_bytes(preview_png())
