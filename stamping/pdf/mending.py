"""Mending: one fault of a file put right on a copy, and what the copy differs in.

Never a file with a signature in it: whatever is written anew, its signatures would be worth nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import pikepdf
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from stamping.pdf import comparing, fitting, guards, repairing, shrinking, tidying, traits
from stamping.pdf.mendable import Kind, Measures, Wanted
from stamping.pdf.preflight import STAMP_GROWTH
from stamping.pdf.trouble import Refused, Unreadable

MOST_DRIFT = 0.35
"""Ink that may be elsewhere on a scaled page: what drawing at another size moves by itself stays below half of this."""


def mend(source: bytes, kind: Kind, wanted: Wanted) -> tuple[bytes, Measures]:
    """A mended copy. Raises Refused (`signed_not_rewritten`, `cannot_shrink`, `cannot_fit`, `locked_to_version`,
    `nothing_to_repair`, or why the copy would take no stamp), Unreadable.

    Parses a stranger's file in this process: in a web process call `mending_child.mend`.
    """
    if guards.looks_signed(source):
        raise Refused("signed_not_rewritten")
    try:
        data, measures = _WAYS[kind](source, wanted)
        facts = _facts(data)
    except (Refused, Unreadable):
        raise
    except Exception as error:  # qpdf and Pillow report through several kinds of error
        raise Unreadable from error
    if data == source:
        raise Refused("nothing_to_repair")
    return data, replace(_compared(source, data, measures, kind), **facts)


def _structure(source: bytes, _wanted: Wanted) -> tuple[bytes, Measures]:
    return repairing.repair(source), Measures()


def _size(source: bytes, wanted: Wanted) -> tuple[bytes, Measures]:
    shrunk = shrinking.shrink(source, target=wanted.max_bytes - STAMP_GROWTH)
    return shrunk.data, Measures(quality=shrunk.quality, dpi=shrunk.dpi)


def _page_size(source: bytes, _wanted: Wanted) -> tuple[bytes, Measures]:
    with pikepdf.open(BytesIO(source), suppress_warnings=True) as pdf:
        tidying.tidy(pdf)
        scale, page = fitting.fit(pdf)
        if not page:
            raise Refused("nothing_to_repair")
        return shrinking.saved(pdf), Measures(scale=scale, page=page)


def _version(source: bytes, wanted: Wanted) -> tuple[bytes, Measures]:
    """Newer by what it says of itself, since every version holds the older ones; older only where that is forced."""
    newest = wanted.versions[1]
    with pikepdf.open(BytesIO(source), suppress_warnings=True) as pdf:
        if "/Version" in pdf.Root:
            del pdf.Root["/Version"]
        if pdf.pdf_version > newest:
            if pdf.is_encrypted:  # the lock may be of a kind that the older version does not know
                raise Refused("locked_to_version")
            return shrinking.saved(pdf, force_version=newest), Measures()
        return shrinking.saved(pdf, min_version=min(newest, repairing.NEWEST_WANTED)), Measures()


_WAYS: dict[Kind, Callable[[bytes, Wanted], tuple[bytes, Measures]]] = {
    Kind.STRUCTURE: _structure,
    Kind.SIZE: _size,
    Kind.PAGE_SIZE: _page_size,
    Kind.VERSION: _version,
}


def _facts(data: bytes) -> dict[str, Any]:
    """What the copy is, read anew. Raises Refused for one that could not be sealed, and for one with a signature that
    the original hid."""
    _append(guards.open_for_sealing(data, field=""))
    with pikepdf.open(BytesIO(data), suppress_warnings=True) as pdf:
        if traits.carried(pdf).signed:
            raise Refused("signed_not_rewritten")
        return {"version": pdf.pdf_version, "encrypted": pdf.is_encrypted}


def _append(reader: guards.Reader) -> None:
    """A trial of what sealing does: some copies open, but not once something stands behind them."""
    writer = IncrementalPdfFileWriter.from_reader(reader)
    writer.update_root()
    out = BytesIO()
    writer.write(out)
    guards.open_for_sealing(out.getvalue(), field="")


def _compared(source: bytes, data: bytes, measures: Measures, kind: Kind) -> Measures:
    """With what the pages' pictures say. Raises Refused where ink went astray: better no repair than a wrong one."""
    with pikepdf.open(BytesIO(data), suppress_warnings=True) as pdf:
        count = len(pdf.pages)
    if kind is Kind.PAGE_SIZE:
        try:
            astray = comparing.drift(source, data, count=count) > MOST_DRIFT
        except (Unreadable, ValueError):
            astray = True
        if astray:
            raise Refused("cannot_fit")
        return measures
    try:
        loss = comparing.compare(source, data, count=count)
    except (Unreadable, ValueError):
        return replace(measures, drawable=False)
    return replace(measures, loss=loss, page=loss.page)
