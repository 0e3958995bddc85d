"""What must hold before a document may be sealed. Each rule ends in a Refused with its code."""

from io import BytesIO
from typing import Any

from pyhanko.pdf_utils.crypt import AuthStatus
from pyhanko.pdf_utils.reader import PdfFileReader as Reader
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.general import SigningError

from stamping.pdf.reading import certified_level, elements, entry
from stamping.pdf.trouble import Refused

__all__ = ["Reader", "looks_signed", "open_for_sealing", "open_leniently"]


def looks_signed(source: bytes) -> bool:
    """Whether any signature may be in these bytes, readable or not. A signature's dictionary is never
    compressed."""
    return b"/ByteRange" in source


def open_leniently(source: bytes) -> Reader:
    """A reader of the file, unlocked by the empty password if need be. Raises Refused(`password_needed`).

    Not strict: old Word exports with hybrid cross-references, odd generations and the like are read as
    viewers do. pyHanko's decode limits stay on.
    """
    reader = Reader(BytesIO(source), strict=False)
    if reader.encrypted:
        try:
            result = reader.decrypt(b"")
        except Exception as error:  # a handler of public keys has no notion of a password
            raise Refused("password_needed") from error
        if result.status == AuthStatus.FAILED:
            raise Refused("password_needed")
    return reader


def open_for_sealing(source: bytes, *, field: str) -> Reader:
    """A reader of a file that may be sealed into a new field named `field`. Raises Refused; libraries' own
    errors."""
    reader = open_leniently(source)
    level = certified_level(reader.root)
    if level is not None:
        raise Refused("certified_no_changes" if level == 1 else "certified_form_only")
    if entry(entry(reader.root, "/AcroForm"), "/XFA") is not None:
        raise Refused("dynamic_form")
    try:
        fields = list(enumerate_sig_fields(reader))
    except (SigningError, KeyError):
        fields = []
    for name, value, reference in fields:
        if name == field:
            raise Refused("already_sealed")
        if value is not None and _locks(reference.get_object(), value.get_object()):
            raise Refused("fields_locked")
    return reader


def _locks(field: Any, signature: Any) -> bool:
    """Whether a signed field forbids new fields: a lock on all fields, on all but some, or with a level of
    its own."""
    rules = [entry(field, "/Lock")]
    for reference in elements(entry(signature, "/Reference")):
        if entry(reference, "/TransformMethod") == "/FieldMDP":
            rules.append(entry(reference, "/TransformParams"))
    return any(entry(rule, "/Action") in ("/All", "/Exclude") or entry(rule, "/P") for rule in rules)
