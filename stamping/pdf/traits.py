"""What a file carries besides its pages: scripts, attachments, signatures, its owner's limits, readable text."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pikepdf
import pypdfium2

PAGES_READ = 20
"""Text is looked for on so many pages at most: more tell nothing new, and a thousand take seconds."""
DEEPEST = 6
"""Dictionaries inside dictionaries are followed so far; what stands in objects of its own is met anyway."""
# What an owner may forbid (ISO 32000-1, table 22), by our word and pikepdf's.
LIMITS = {
    "print": "print_lowres",
    "copy": "extract",
    "change": "modify_other",
    "comment": "modify_annotation",
    "fill": "modify_form",
}


@dataclass(frozen=True)
class Carried:
    """Found in one walk over all objects. `attachments` counts the files in the file."""

    scripts: bool = False
    attachments: int = 0
    signed: bool = False


def carried(pdf: pikepdf.Pdf) -> Carried:
    """Raises what pikepdf raises for objects that cannot be read."""
    scripts, signed, attached = False, False, 0
    for thing in _dictionaries(pdf):
        scripts = scripts or "/JS" in thing
        signed = signed or ("/ByteRange" in thing and "/Contents" in thing)
        attached += "/EF" in thing
    return Carried(scripts=scripts, attachments=attached, signed=signed)


def forbidden(pdf: pikepdf.Pdf) -> tuple[str, ...]:
    """What the owner's password reserves: of print, copy, change, comment, fill. Nothing for a file without lock."""
    if not pdf.is_encrypted:
        return ()
    return tuple(ours for ours, theirs in LIMITS.items() if not getattr(pdf.allow, theirs))


def text_layer(source: bytes) -> str:
    """`all`, `some` or `none` of the first pages hold text that a program can read; empty when nobody can tell.

    A scan has none. Parses a stranger's file in this process.
    """
    try:
        document = pypdfium2.PdfDocument(source)
    except pypdfium2.PdfiumError:
        return ""
    try:
        found = [_has_text(document[number]) for number in range(min(len(document), PAGES_READ))]
    except pypdfium2.PdfiumError:
        return ""
    finally:
        document.close()
    if not found:
        return ""
    return "all" if all(found) else "some" if any(found) else "none"


def _has_text(page: pypdfium2.PdfPage) -> bool:
    text = page.get_textpage()
    try:
        return bool(text.count_chars() > 0)
    finally:
        text.close()


def _dictionaries(pdf: pikepdf.Pdf) -> Iterator[pikepdf.Object]:
    """Every object that has entries, and the dictionaries directly inside, where actions and file specifications
    may stand."""
    for thing in pdf.objects:
        yield from _nested(thing, DEEPEST)


def _nested(thing: object, deepest: int) -> Iterator[pikepdf.Object]:
    if isinstance(thing, (pikepdf.Dictionary, pikepdf.Stream)):
        yield thing
        inside: Iterable[object] = (value for _key, value in thing.items())
    elif isinstance(thing, pikepdf.Array):
        inside = (value for value in thing)
    else:
        return
    for value in inside if deepest else ():
        if isinstance(value, (pikepdf.Dictionary, pikepdf.Array)) and not value.is_indirect:
            yield from _nested(value, deepest - 1)
