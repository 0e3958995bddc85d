"""What a case of the corpus is, and the plain pages that the nasty ones are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import BytesIO

import pikepdf
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

Make = Callable[[], bytes]
SEALED = ""
"""The code of a file that must be sealed."""


@dataclass(frozen=True)
class Case:
    """One nasty file. `codes` are the codes that `seal_folder` may answer; none given: sealed, or any plain refusal."""

    name: str
    make: Make
    codes: frozenset[str] = frozenset()


CASES: dict[str, Case] = {}


def add(name: str, make: Make, *codes: str) -> None:
    """Put a case on the list. `codes`: what may be answered, SEALED among them; none: anything with a reason."""
    if name in CASES:
        raise ValueError(f"{name} is there twice")
    CASES[name] = Case(name, make, frozenset(codes))


@cache
def letter(size: tuple[float, float] = A4, *, count: int = 1, words: str = "Hormat saya,") -> bytes:
    """`count` pages of a letter with a signature block at the bottom of each."""
    out = BytesIO()
    canvas = Canvas(out, pagesize=size, invariant=1)
    wide, high = size
    for page in range(count):
        unit = min(wide, high) / 40
        canvas.setFont("Times-Roman", unit)
        for line in range(12):
            canvas.drawString(wide * 0.1, high * 0.9 - line * unit * 1.5, f"Baris {page + 1}.{line + 1} dari surat ini")
        canvas.drawString(wide * 0.55, high * 0.3, words)
        canvas.drawString(wide * 0.55, high * 0.15, "Nama Contoh")
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def saved(pdf: pikepdf.Pdf, **options: object) -> bytes:
    """The open file, written anew."""
    out = BytesIO()
    pdf.save(out, **({"deterministic_id": True} | options))
    return out.getvalue()


def edited(change: Callable[[pikepdf.Pdf], None], source: bytes | None = None, **options: object) -> bytes:
    """The letter after `change` was at it."""
    with pikepdf.open(BytesIO(source or letter())) as pdf:
        change(pdf)
        return saved(pdf, **options)


def paged(change: Callable[[pikepdf.Object], None], source: bytes | None = None) -> bytes:
    """The letter after `change` was at its first page's dictionary."""
    return edited(lambda pdf: change(pdf.pages[0].obj), source)


def assembled(objects: list[bytes], *, trailer: bytes = b"", header: bytes = b"%PDF-1.7") -> bytes:
    """A file of numbered objects (from 1, the first the catalog) with a right cross-reference table."""
    out = bytearray(header + b"\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<</Size %d /Root 1 0 R %s>>\n" % (len(objects) + 1, trailer)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def stream(data: bytes, entries: bytes = b"") -> bytes:
    """A stream object's body."""
    return b"<</Length %d %s>>\nstream\n%s\nendstream" % (len(data), entries, data)


INK = b"BT /F1 18 Tf 72 700 Td (Hormat saya,) Tj ET"
FONT = b"<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>"
PAGE = b"<</Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources <</Font <</F1 5 0 R>>>> %s>>"


def by_hand(
    *,
    catalog: bytes = b"",
    pages: bytes = b"/Kids [3 0 R] /Count 1",
    page: bytes = b"",
    more: list[bytes] | None = None,
    trailer: bytes = b"",
    header: bytes = b"%PDF-1.7",
) -> bytes:
    """A file of one page written by hand: 1 catalog, 2 page tree, 3 page, 4 contents, 5 font, 6 and on `more`."""
    objects = [
        b"<</Type /Catalog /Pages 2 0 R %s>>" % catalog,
        b"<</Type /Pages %s>>" % pages,
        PAGE % page,
        stream(INK),
        FONT,
        *(more or []),
    ]
    return assembled(objects, trailer=trailer, header=header)
