"""Sealing: one incremental update with a visible stamp and a PAdES signature. What was in the file stays byte
for byte.

The seal is an approval signature, its appearance the stamp (never page content, never a certification: either
would break an earlier or a later signature). pyHanko's low-level embedder checks nothing, so `guards` does.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject

from stamping.authority.engine import Engine, SealingError
from stamping.pdf import geometry, guards, pages, repairing, widget
from stamping.pdf.trouble import Refused

__all__ = ["Refused", "Sealed", "field_name", "seal"]
SERIAL = re.compile(r"[A-Z0-9]{22}")
PRINTABLE_ADDRESS = re.compile(r"https?://[!-~]{1,180}")


@dataclass(frozen=True)
class Sealed:
    """The sealed file and its SHA-256, in hexadecimal."""

    data: bytes
    sha256: str


@dataclass(frozen=True)
class _Task:
    placement: geometry.Placement
    serial: str
    verification_url: str
    reason: str
    engine: Engine
    at: datetime


def seal(
    *,
    source: bytes,
    placement: geometry.Placement,
    serial: str,
    verification_url: str,
    reason_text: str,
    engine: Engine,
    at: datetime,
) -> Sealed:
    """Seal `source` with `serial`. Raises Refused (the document's fault) or SealingError (the engine's).

    `reason_text` follows "[SERIAL] " in the signature's reason, where readers find the serial.
    `verification_url` goes into the QR symbol: at most 180 printable ASCII characters. `at` is aware. A wrong
    serial or address: ValueError.
    """
    if not SERIAL.fullmatch(serial) or not PRINTABLE_ADDRESS.fullmatch(verification_url):
        raise ValueError("a serial has 22 letters A-Z and digits, an address starts with http(s)://")
    task = _Task(placement, serial, verification_url, f"[{serial}] {reason_text}".strip(), engine, at)
    data = _with_repair(source, lambda whole: _seal(whole, task), field=field_name(serial))
    return Sealed(data=data, sha256=hashlib.sha256(data).hexdigest())


def field_name(serial: str) -> str:
    """The name of the seal's field in the form."""
    return f"Meterai-{serial}"


def _with_repair(source: bytes, attempt: Callable[[bytes], bytes], *, field: str) -> bytes:
    """The one place where a library's own errors end. A broken file without signatures is repaired, then
    tried again; what comes of that is opened anew, since a repair may carry on what no reader can decrypt."""
    if not repairing.looks_broken(source):
        try:
            return attempt(source)
        except (Refused, SealingError):
            raise
        except Exception as error:  # KeyError, RecursionError, UnicodeDecodeError and more come out of odd files
            if guards.looks_signed(source):
                raise Refused("signed_and_damaged") from error
    if guards.looks_signed(source):
        raise Refused("signed_and_damaged")
    try:
        sealed = attempt(repairing.repair(source))
        found = any(one.field_name == field for one in guards.open_leniently(sealed).embedded_regular_signatures)
    except (Refused, SealingError):
        raise
    except Exception as error:
        raise Refused("unreadable") from error
    if not found:
        raise Refused("unreadable")
    return sealed


def _seal(source: bytes, task: _Task) -> bytes:
    reader = guards.open_for_sealing(source, field=field_name(task.serial))
    frame = _frame(reader, task.placement.page)
    try:
        box = frame.to_user(task.placement)
    except geometry.GeometryError as error:
        raise Refused(error.code) from error
    writer = IncrementalPdfFileWriter.from_reader(reader)
    # pyHanko's annotation says whole numbers; it writes fractions as well.
    corners: Any = (box.llx, box.lly, box.urx, box.ury)
    spec = SigFieldSpec(field_name(task.serial), on_page=task.placement.page - 1, box=corners)
    return _write(writer, spec, frame.rotation, task)


def _frame(reader: guards.Reader, page: int) -> geometry.PageFrame:
    if not 1 <= page <= int(reader.root["/Pages"]["/Count"]):
        raise Refused("no_such_page")
    reference, _resources = reader.find_page_for_modification(page - 1)
    return pages.frame_of(reference.get_object())


def _write(writer: IncrementalPdfFileWriter, spec: SigFieldSpec, rotation: int, task: _Task) -> bytes:
    """Drive the embedder through its four steps: field, signature object, digest, signature."""
    steps = PdfCMSEmbedder(new_field_spec=spec).write_cms(field_name=spec.sig_field_name, writer=writer)
    field = next(steps).get_object()
    widget.dress(writer, field, serial=task.serial, address=task.verification_url, rotation=rotation)
    placeholder = SignatureObject(
        timestamp=task.at,
        subfilter=SigSeedSubFilter.PADES,
        reason=task.reason,
        bytes_reserved=task.engine.bytes_reserved,
    )
    steps.send(SigObjSetup(sig_placeholder=placeholder))
    prepared, output = steps.send(SigIOSetup(md_algorithm="sha256", output=BytesIO()))
    signature = task.engine.sign(digest=prepared.document_digest, at=task.at)
    try:
        steps.send(signature)
    except SigningError as error:
        raise SealingError("signature_too_long", permanent=True) from error
    return bytes(output.getvalue())
