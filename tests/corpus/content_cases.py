"""What stands on the page: scans, dark pages, crowded pages, no free place at all, signature blocks in odd corners."""

import json
import random
import shutil
import subprocess
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from tests.corpus.cases import SEALED, add, letter


def _canvas(draw: object) -> bytes:
    out = BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1)
    draw(canvas)  # type: ignore[operator]
    canvas.save()
    return out.getvalue()


def _scan(shade: int, *, grain: int, tilt: float, mode: str = "L", kind: str = "JPEG") -> bytes:
    """A photographed letter: grey paper, noise, a slant."""
    chance = random.Random(1)
    page = Image.new("L", (620, 877), shade)
    pen = ImageDraw.Draw(page)
    for line in range(24):
        pen.rectangle((70, 80 + line * 22, 70 + chance.randrange(250, 480), 86 + line * 22), fill=40)
    noise = Image.frombytes("L", page.size, bytes(chance.randrange(256) for _ in range(620 * 877)))
    page = Image.blend(page, noise, grain / 100).rotate(tilt, fillcolor=shade).filter(ImageFilter.GaussianBlur(0.6))
    out = BytesIO()
    page.convert(mode).save(out, kind)
    return _canvas(lambda canvas: canvas.drawImage(ImageReader(out), 0, 0, *A4))


def _crowded(canvas: Canvas) -> None:
    canvas.setFont("Helvetica", 7)
    for line in range(104):
        canvas.drawString(10, 832 - line * 8, "tanpa tempat kosong sedikit pun " * 8)


def _filled(red: float, green: float, blue: float) -> bytes:
    def draw(canvas: Canvas) -> None:
        canvas.setFillColorRGB(red, green, blue)
        canvas.rect(0, 0, *A4, stroke=0, fill=1)

    return _canvas(draw)


def _patterned(canvas: Canvas) -> None:
    chance = random.Random(2)
    for _spot in range(6000):
        canvas.setFillGray(chance.random())
        canvas.rect(chance.random() * 595, chance.random() * 842, 9, 9, stroke=0, fill=1)


def _block(x: float, y: float, words: str) -> bytes:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(60, 780, "Surat pernyataan")
        canvas.drawString(x, y, words)
        canvas.drawString(x, y - 60, "Nama Contoh")

    return _canvas(draw)


def _see_through(canvas: Canvas) -> None:
    canvas.setFillAlpha(0.3)
    canvas.rect(100, 100, 400, 400, fill=1)
    canvas.setStrokeAlpha(0.5)
    canvas.circle(300, 300, 100)
    canvas.linkURL("https://contoh.example", (50, 50, 200, 80))


def _picture(mode: str, size: int) -> bytes:
    out = BytesIO()
    Image.new(mode, (size, size), 1 if mode == "1" else None).save(out, "TIFF")
    return _canvas(lambda canvas: canvas.drawImage(ImageReader(out), 50, 400, 300, 300))


def _version(number: int) -> str:
    """The export option that asks for this kind of PDF (1: PDF/A-1, 2: PDF/A-2, 17: PDF 1.7, tagged)."""
    return json.dumps({"SelectPdfVersion": {"type": "long", "value": str(number)}})


EXPORTS = {"plain": "{}", "pdfa-1": _version(1), "pdfa-2": _version(2), "tagged": _version(17)}


def _office(name: str) -> bytes:
    """A letter that LibreOffice makes from HTML."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "surat.html")
        source.write_text("<p>Surat lamaran</p>" * 9 + "<p>Hormat saya,</p>", encoding="utf-8")
        profile, kind = f"-env:UserInstallation=file://{folder}/profile", f"pdf:writer_web_pdf_Export:{EXPORTS[name]}"
        command = ["soffice", profile, "--headless", "--convert-to", kind, "--outdir", folder, str(source)]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        return source.with_suffix(".pdf").read_bytes()


OFFICE = tuple(f"office-{name}.pdf" for name in EXPORTS)
"""Slow to make: left out of the sample."""
add("blank.pdf", lambda: _canvas(lambda canvas: canvas.showPage()), SEALED)
add("scan-white.pdf", lambda: _scan(250, grain=3, tilt=0.8), SEALED)
add("scan-grey.pdf", lambda: _scan(190, grain=10, tilt=-2), SEALED)
add("scan-dark.pdf", lambda: _scan(110, grain=15, tilt=5), SEALED)
add("scan-colour.pdf", lambda: _scan(230, grain=5, tilt=1, mode="RGB"), SEALED)
add("scan-cmyk.pdf", lambda: _scan(230, grain=5, tilt=1, mode="CMYK"), SEALED)
add("scan-black-and-white.pdf", lambda: _scan(230, grain=2, tilt=1, mode="1", kind="PNG"), SEALED)
add("crowded.pdf", lambda: _canvas(_crowded), SEALED)
add("patterned.pdf", lambda: _canvas(_patterned), SEALED)
add("black.pdf", lambda: _filled(0, 0, 0), SEALED)
add("blue.pdf", lambda: _filled(0.1, 0.2, 0.8), SEALED)
add("stamp-coloured.pdf", lambda: _filled(1, 0.975, 0.985), SEALED)
add("see-through.pdf", lambda: _canvas(_see_through), SEALED)
add("picture-huge.pdf", lambda: _picture("1", 9000), SEALED)
add("block-left.pdf", lambda: _block(60, 300, "Hormat saya,"), SEALED)
add("block-right-edge.pdf", lambda: _block(500, 300, "Hormat saya,"), SEALED)
add("block-bottom.pdf", lambda: _block(300, 70, "Yang membuat pernyataan,"), SEALED)
add("block-top.pdf", lambda: _block(300, 830, "Yang menyatakan,"), SEALED)
add("block-page-1-of-3.pdf", lambda: letter(count=3, words="Pemohon,"), SEALED)
if shutil.which("soffice"):
    for _name in EXPORTS:
        add(f"office-{_name}.pdf", lambda n=_name: _office(n), SEALED)
