"""Files with one fault each, small enough to be mended many times over."""

from functools import cache
from io import BytesIO

import pikepdf
from PIL import Image, ImageDraw, ImageFilter
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from tests.stamping import pdf_tools as tools

LIMIT = 150_000
"""Bytes: the limit in these tests."""


@cache
def heavy(pages: int = 1) -> bytes:
    """A scan, with the noise of real paper, well over LIMIT; a line of real text on each page."""
    out = BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1, pageCompression=1)
    for number in range(pages):
        canvas.drawImage(ImageReader(_paper(number)), 0, 0, *A4)
        canvas.drawString(60, 60, f"Halaman {number + 1}")
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def doubled() -> bytes:
    """The same picture six times over, each a stream of its own: too large, and for nothing."""
    jpeg = _paper(1, quality=40).getvalue()
    with pikepdf.open(BytesIO(tools.source("letter"))) as pdf:
        for number in range(6):
            pdf.add_blank_page(page_size=A4)
            picture = pdf.make_stream(jpeg)
            picture.Type, picture.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
            picture.Width, picture.Height, picture.BitsPerComponent = 827, 1169, 8
            picture.ColorSpace, picture.Filter = pikepdf.Name.DeviceGray, pikepdf.Name.DCTDecode
            page = pdf.pages[number + 1].obj
            page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Foto=picture))
            page.Contents = pdf.make_stream(b"q 400 0 0 560 90 120 cm /Foto Do Q")
        return _saved(pdf)


def noise() -> bytes:
    """Pure noise: nothing makes it fit."""
    out = BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1)
    for number in range(5):
        picture = Image.effect_noise((900, 1200), 120 + number)
        canvas.drawImage(ImageReader(picture), 0, 0, *A4)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def of_size(wide: float, high: float, *, rotation: int = 0) -> bytes:
    """One page of this size in points, with a dark square in a corner, text and a link over the text."""
    out = BytesIO()
    canvas = Canvas(out, pagesize=(wide, high), invariant=1)
    canvas.rect(0.1 * wide, 0.1 * high, 0.2 * wide, 0.2 * wide, fill=1)
    canvas.drawString(0.1 * wide, 0.8 * high, "Surat pernyataan")
    canvas.linkURL("https://contoh.example", (0.1 * wide, 0.8 * high, 0.6 * wide, 0.85 * high))
    canvas.save()
    with pikepdf.open(BytesIO(out.getvalue())) as pdf:
        pdf.pages[0].obj.Rotate = rotation
        return _saved(pdf)


def of_version(version: str, *, encrypted: bool = False) -> bytes:
    """The letter, calling itself so."""
    with pikepdf.open(BytesIO(tools.source("letter"))) as pdf:
        out = BytesIO()
        lock = pikepdf.Encryption(owner="rahasia", user="", R=6) if encrypted else False
        pdf.save(out, force_version=version, encryption=lock)
        return out.getvalue()


def _paper(number: int, quality: int = 90) -> BytesIO:
    grey = Image.blend(Image.effect_noise((827, 1169), 30), Image.new("L", (827, 1169), 245), 0.7)
    pen = ImageDraw.Draw(grey)
    for line in range(20):
        pen.text((95, 110 + line * 44), f"{number}.{line} Dengan ini saya menyatakan bahwa data saya benar.", fill=40)
    jpeg = BytesIO()
    grey.filter(ImageFilter.GaussianBlur(0.5)).save(jpeg, "JPEG", quality=quality)
    jpeg.seek(0)
    return jpeg


def _saved(pdf: pikepdf.Pdf) -> bytes:
    out = BytesIO()
    pdf.save(out, min_version="1.6", deterministic_id=True)
    return out.getvalue()
