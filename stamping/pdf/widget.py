"""The stamp as the appearance of a signature field: two form XObjects, the art as it is and this document's
own part."""

import zlib
from functools import cache

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from stamping.pdf import appearance


def dress(
    writer: IncrementalPdfFileWriter,
    field: generic.DictionaryObject,
    *,
    serial: str,
    address: str,
    rotation: int,
) -> None:
    """Give the new field its appearance, upright on a page shown `rotation` degrees clockwise, and a spoken
    name."""
    art = writer.add_object(_form(_art(), rotation=0))
    own = _form(zlib.compress(appearance.own_part(serial=serial, address=address)), rotation=rotation)
    own["/Resources"] = generic.DictionaryObject(
        {pdf_name("/XObject"): generic.DictionaryObject({pdf_name("/Art"): art})}
    )
    field["/AP"] = generic.DictionaryObject({pdf_name("/N"): writer.add_object(own)})
    field["/TU"] = generic.pdf_string(f"Meterai elektronik {serial}")


@cache
def _art() -> bytes:
    return zlib.compress(appearance.art(), 9)


def _form(deflated: bytes, *, rotation: int) -> generic.StreamObject:
    side = appearance.ART
    entries = {
        pdf_name("/Type"): pdf_name("/XObject"),
        pdf_name("/Subtype"): pdf_name("/Form"),
        pdf_name("/BBox"): generic.ArrayObject(map(generic.FloatObject, (0, 0, side, side))),
        pdf_name("/Matrix"): generic.ArrayObject(map(generic.FloatObject, appearance.turn(rotation))),
        pdf_name("/Resources"): generic.DictionaryObject(),
        pdf_name("/Filter"): pdf_name("/FlateDecode"),
    }
    return generic.StreamObject(entries, encoded_data=deflated)
