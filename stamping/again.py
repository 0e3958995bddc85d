"""Once more: a contract that needs two stamps. The sealed file is prepared as a new document, for its next stamp.

Each stamp is then placed, agreed to, sealed and answered for by itself; the seals before it stay whole, byte for byte.
"""

from contextlib import suppress
from datetime import datetime

from . import files, placing, preparing
from .models import Document


class NotSealed(Exception):
    """There is no sealed file to put one more stamp on."""


def take_up(*, document: Document, at: datetime) -> Document:
    """A new document whose file is what `document` was sealed to, for an unused stamp of the same order.

    Where the order has none left the new document has no order yet, as one that was prepared before buying.
    Raises NotSealed, preparing.NotTakeable.
    """
    if document.state != Document.State.SEALED:
        raise NotSealed(document.pk)
    try:
        sealed = files.read(document.output)
    except FileNotFoundError:
        raise NotSealed(document.pk) from None
    another = preparing.take_up(name=_next_name(document.name), source=sealed, at=at)
    if document.order is not None:
        with suppress(placing.NoStampLeft):  # then it is bought for like any other
            placing.attach(document=another, order=document.order)
    return another


def _next_name(name: str) -> str:
    """`surat.pdf`, `surat-2.pdf`, `surat-3.pdf`: which stamp of the file this is."""
    stem = name.removesuffix(".pdf")
    before, dash, number = stem.rpartition("-")
    if dash and number.isascii() and number.isdigit() and 2 <= int(number[:4]) < 100:
        return f"{before}-{int(number[:4]) + 1}.pdf"
    return f"{stem}-2.pdf"
