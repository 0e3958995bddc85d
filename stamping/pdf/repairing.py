"""Making a broken file whole by qpdf's engine. Only for files without signatures: it writes the file anew."""

from io import BytesIO

import pikepdf

from stamping.pdf.trouble import Unreadable

NEWEST_WANTED = "1.7"
TAIL = 1024
"""Readers look for `startxref` in the last 1,024 bytes (ISO 32000-1, implementation note 18)."""


def looks_broken(source: bytes) -> bool:
    """Whether the file starts or ends as no whole file does: junk in front, or a tail cut off."""
    return not source.startswith(b"%PDF-") or b"startxref" not in source[-TAIL:]


def repair(source: bytes) -> bytes:
    """The same document with a sound structure and version 1.7 or newer. Raises Unreadable.

    A file locked by the empty password stays encrypted as it was.
    """
    try:
        with pikepdf.open(BytesIO(source)) as pdf:
            out = BytesIO()
            pdf.remove_unreferenced_resources()
            if pdf.is_encrypted:
                pdf.save(out, encryption=True, min_version=NEWEST_WANTED)
            else:
                pdf.save(out, min_version=NEWEST_WANTED, deterministic_id=True)
    except Exception as error:  # qpdf reports through several kinds of error, libraries below it through more
        raise Unreadable from error
    return out.getvalue()
