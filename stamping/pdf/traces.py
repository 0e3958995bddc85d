"""Serials that a file only shows: in a QR symbol, in a stamp's field without a signature, or in words.

A picture of a stamp costs nothing. Whoever pastes one, prints a stamped file to PDF or scans the print has a file
with a serial and without a seal, and must be told so in plain words.
"""

import re
from collections.abc import Iterator, Set
from contextlib import suppress
from itertools import islice

import pypdfium2
from PIL import Image

from stamping.pdf import symbols
from stamping.pdf.seal_facts import Trace

SERIAL = re.compile(r"(?<![A-Z0-9])[A-Z0-9]{22}(?![A-Z0-9])")
FIELD = re.compile(rb"Meterai-([A-Z0-9]{22})(?![A-Z0-9])")
ADDRESS = re.compile(r"https?://[!-~]{1,150}?/v/([A-Z0-9]{22})/([A-Za-z0-9_-]{4,32})/?")
MOST_PAGES, MOST_TRACES, MOST_LETTERS = 30, 20, 200_000
PIXELS, WIDEST = 4_500_000, 3.0
"""A page is drawn with up to this many pixels and three to the point: a symbol of 33 modules on 30 points is then 2.7
pixels a module."""


def find(source: bytes, *, sealed: Set[str]) -> tuple[Trace, ...]:
    """How the file shows serials that are not sealed, each way once. Never raises."""
    unsealed = (trace for trace in _all(source) if trace.serial not in sealed)
    return tuple(islice(dict.fromkeys(unsealed), MOST_TRACES))


def _all(source: bytes) -> Iterator[Trace]:
    """Symbols first, then fields, then words."""
    # PDFium reports in more than one way; what it cannot draw shows nothing.
    with suppress(Exception):
        yield from _symbols_and_words(source)


def _symbols_and_words(source: bytes) -> Iterator[Trace]:
    document = pypdfium2.PdfDocument(source)
    try:
        document.init_forms()
        numbers = range(len(document))[:MOST_PAGES]
        for number in numbers:
            for text in symbols.read(_drawn(document[number])):
                if match := ADDRESS.fullmatch(text):
                    yield Trace(match.group(1), "qr", match.group(2))
        for field in FIELD.finditer(source):
            yield Trace(field.group(1).decode(), "widget")
        for number in numbers:
            yield from _words(document[number].get_textpage().get_text_bounded()[:MOST_LETTERS])
    finally:
        document.close()


def _words(text: str) -> Iterator[Trace]:
    for match in ADDRESS.finditer(text):
        yield Trace(match.group(1), "text", match.group(2))
    for match in SERIAL.finditer(text):
        yield Trace(match.group(), "text")


def _drawn(page: pypdfium2.PdfPage) -> Image.Image:
    width, height = page.get_size()
    scale = min(WIDEST, (PIXELS / max(width * height, 1)) ** 0.5)
    return page.render(scale=scale, grayscale=True).to_pil().convert("L")
