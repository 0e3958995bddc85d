"""Forgeries, and what each of them is caught by."""

from io import BytesIO

import pikepdf
import pytest
from PIL import Image
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from stamping.pdf import child, inspecting, pictures
from tests.data import make
from tests.stamping import pdf_tools as tools


def _inspect(data: bytes) -> inspecting.Inspection:
    return inspecting.inspect(source=data, roots=tools.roots(), at=tools.NOW)


def test_a_single_flipped_bit_breaks_the_seal() -> None:
    sealed = bytearray(tools.seal(tools.source("letter")))
    sealed[bytes(sealed).index(b"/MediaBox") + 11] ^= 1
    (seal,) = _inspect(bytes(sealed)).seals
    assert not seal.intact


def test_a_changed_serial_in_the_reason_breaks_the_seal() -> None:
    sealed = tools.seal(tools.source("letter"))
    reason = sealed.index(b"/Reason")
    forged = sealed[:reason] + sealed[reason:].replace(tools.SERIAL.encode(), tools.OTHER_SERIAL.encode(), 1)
    assert forged != sealed
    (seal,) = _inspect(forged).seals
    assert seal.serial == tools.OTHER_SERIAL and not seal.intact


def test_a_rewritten_file_breaks_the_seal() -> None:
    with pikepdf.open(BytesIO(tools.seal(tools.source("letter")))) as pdf:
        (seal,) = _inspect(make.saved(pdf)).seals
    assert not seal.intact


def test_a_stripped_signature_leaves_no_seal() -> None:
    with pikepdf.open(BytesIO(tools.seal(tools.source("letter")))) as pdf:
        del pdf.Root.AcroForm
        del pdf.pages[0].Annots
        stripped = _inspect(make.saved(pdf))
    assert stripped == inspecting.Inspection()


def test_another_authority_is_not_trusted() -> None:
    (seal,) = _inspect(tools.seal(tools.source("letter"), engine=tools.engine("forger"))).seals
    assert seal.intact and seal.certificate_trusted is False


def test_without_roots_trust_is_unknown_and_not_denied() -> None:
    sealed = tools.seal(tools.source("letter"))
    (seal,) = inspecting.inspect(source=sealed, roots=(), at=tools.NOW).seals
    assert seal.intact and seal.certificate_trusted is None


def test_a_pasted_picture_of_a_stamp_is_no_seal() -> None:
    shot = pictures.render(tools.seal(tools.source("letter")), page=1, width=900)
    out = BytesIO()
    canvas = Canvas(out, pagesize=A4)
    canvas.drawImage(ImageReader(shot.resize((450, 636), Image.Resampling.BILINEAR)), 0, 0, *A4)
    canvas.save()
    assert _inspect(out.getvalue()) == inspecting.Inspection()


def test_an_ordinary_signature_is_no_seal() -> None:
    assert _inspect(tools.source("signed")) == inspecting.Inspection(signature_count=1)


def test_a_later_signature_is_a_permitted_change() -> None:
    signer, _root = make.foreign_signer()
    later = make.signed(tools.seal(tools.source("letter")), signer)
    (seal,) = _inspect(later).seals
    assert seal.intact and seal.changes is inspecting.Changes.PERMITTED


def test_a_page_changed_after_the_seal_is_a_forbidden_change() -> None:
    writer = IncrementalPdfFileWriter(BytesIO(tools.seal(tools.source("letter"))))
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Rotate"] = generic.NumberObject(180)
    writer.update_container(page)
    out = BytesIO()
    writer.write(out)
    (seal,) = _inspect(out.getvalue()).seals
    assert seal.intact and seal.changes is inspecting.Changes.FORBIDDEN


def test_bytes_hung_on_after_the_end_are_never_taken_for_nothing() -> None:
    (seal,) = _inspect(tools.seal(tools.source("letter")) + b"\n% something\n").seals
    assert seal.changes is not inspecting.Changes.NOTHING


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9, 0.99])
def test_a_file_cut_short_never_raises(cut: float) -> None:
    sealed = tools.seal(tools.source("letter"))
    found = _inspect(sealed[: int(len(sealed) * cut)])
    assert not any(seal.intact and seal.changes is inspecting.Changes.NOTHING for seal in found.seals)


@pytest.mark.parametrize("data", [b"", b"\x00" * 999, b"%PDF-1.7\n%%EOF", b"%PDF-1.7 " + b"<<" * 50_000])
def test_garbage_is_a_fact_and_not_an_error(data: bytes) -> None:
    assert _inspect(data).problem == "unreadable"


def test_a_locked_file_says_that_it_needs_a_password() -> None:
    assert _inspect(tools.source("locked")).problem == "password_needed"


def test_the_child_finds_what_the_parent_would() -> None:
    sealed = tools.seal(tools.source("letter"))
    assert child.inspect(source=sealed, roots=tools.roots(), at=tools.NOW) == _inspect(sealed)
