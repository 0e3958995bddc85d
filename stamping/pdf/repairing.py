"""Making a broken file whole by qpdf's engine, with PDFium's opinion where that gives up.

Only for files without signatures: it writes the file anew.
"""

import re
from collections.abc import Iterator
from io import BytesIO

import pikepdf
import pypdfium2

from stamping.pdf import tidying
from stamping.pdf.trouble import Unreadable

NEWEST_WANTED = "1.7"
TAIL = 1024
"""Readers look for `startxref` in the last 1,024 bytes (ISO 32000-1, implementation note 18)."""
CATALOG = re.compile(rb"(\d{1,10})\s+(\d{1,5})\s+obj\s*<<(?:(?!endobj).){0,4000}?/Type\s*/Catalog\b", re.DOTALL)


def looks_broken(source: bytes) -> bool:
    """Whether the file starts or ends as no whole file does: junk in front, or a tail cut off."""
    return not source.startswith(b"%PDF-") or b"startxref" not in source[-TAIL:]


def repair(source: bytes) -> bytes:
    """The same document with a sound structure and version 1.7 or newer. Raises Unreadable.

    A file locked by the empty password stays encrypted as it was.
    """
    try:
        with open_broken(source) as pdf:
            tidying.tidy(pdf)
            pdf.remove_unreferenced_resources()
            out = BytesIO()
            if pdf.is_encrypted:
                pdf.save(out, encryption=True, min_version=NEWEST_WANTED, fix_metadata_version=False)
            else:
                pdf.save(out, min_version=NEWEST_WANTED, fix_metadata_version=False, deterministic_id=True)
    except Unreadable:
        raise
    except Exception as error:  # qpdf reports through several kinds of error, libraries below it through more
        raise Unreadable from error
    return out.getvalue()


def open_broken(source: bytes) -> pikepdf.Pdf:
    """The file, opened by whichever way first finds a page in it, or else one without pages.

    Raises Unreadable, pikepdf.PasswordError.
    """
    bare: pikepdf.Pdf | None = None
    for candidate in _opinions(source):
        try:
            pdf = pikepdf.open(BytesIO(candidate), suppress_warnings=True)
            if len(pdf.pages):
                return pdf
            bare = bare or pdf
        except pikepdf.PasswordError:
            raise
        except Exception:  # noqa: S112 - the next opinion may make more of it
            continue
    if bare is None:
        raise Unreadable
    return bare


def _opinions(source: bytes) -> Iterator[bytes]:
    """The bytes as they are; with a trailer that names the catalog lying in them; as PDFium reads them."""
    yield source
    # A trailer of ours would forget a lock, and what lies behind it would be read as it lies there.
    for found in list(CATALOG.finditer(source))[-1:] if b"/Encrypt" not in source else []:
        yield _without_ends(source) + b"\ntrailer\n<</Root %s %s R>>\nstartxref\n0\n%%%%EOF\n" % found.groups()
    try:
        document = pypdfium2.PdfDocument(source)
    except pypdfium2.PdfiumError:
        return
    out = BytesIO()
    try:
        document.save(out)
    finally:
        document.close()
    yield out.getvalue()


def _without_ends(source: bytes) -> bytes:
    """Without the trailers that are there, as long as before: recovery believes the first one it meets."""
    return source.replace(b"trailer", b"%railer")
