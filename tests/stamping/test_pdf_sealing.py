"""Sealing real files, judged by tools that are not ours: pdfsig, qpdf, and pyHanko's difference analysis."""

import hashlib
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers

from stamping.authority.certificates import load_roots
from stamping.authority.engine import SealingError
from stamping.pdf import geometry, inspecting, sealing
from stamping.pdf.trouble import Refused
from tests.data import make
from tests.stamping import pdf_tools as tools


@pytest.mark.parametrize("name", tools.SEALABLE)
def test_a_sealed_file_is_valid_to_pdfsig_and_sound_to_qpdf(name: str, tmp_path: Path) -> None:
    sealed = tools.seal(tools.source(name))
    _code, said = tools.judge("pdfsig", sealed, tmp_path, "-nocert")
    expected = 2 if name == "signed" else 1
    assert said.count("Signature is Valid.") == expected, said
    assert "Signature Type: ETSI.CAdES.detached" in said
    assert f"Meterai-{tools.SERIAL}" in said
    code, said = tools.judge("qpdf", sealed, tmp_path, "--check")
    assert code == 0, said


@pytest.mark.parametrize("name", tools.SEALABLE)
def test_a_sealed_file_gives_its_serial_back_to_whoever_trusts_our_root(name: str) -> None:
    sealed = tools.seal(tools.source(name))
    (seal,) = inspecting.inspect(source=sealed, roots=tools.roots(), at=tools.NOW).seals
    assert seal.serial == tools.SERIAL
    assert seal.intact and seal.cryptographically_valid and seal.certificate_trusted
    assert seal.changes is inspecting.Changes.NOTHING
    assert seal.signed_at == tools.NOW
    assert seal.revision_end == len(sealed)
    assert seal.prefix_sha256 == hashlib.sha256(sealed).hexdigest()


@pytest.mark.parametrize("name", [name for name in tools.SEALABLE if name != "damaged"])
def test_what_was_in_the_file_stays_byte_for_byte(name: str) -> None:
    assert tools.seal(tools.source(name)).startswith(tools.source(name))


def test_a_stamp_adds_less_than_twenty_kilobytes() -> None:
    assert len(tools.seal(tools.source("letter"))) - len(tools.source("letter")) < 20_000


def test_an_earlier_foreign_signature_stays_valid_and_trusted_under_its_own_root() -> None:
    foreign = load_roots(tools.DATA / "foreign-root.pem")
    before = inspecting.signatures(tools.source("signed"), roots=foreign, at=tools.NOW)
    after = inspecting.signatures(tools.seal(tools.source("signed")), roots=foreign, at=tools.NOW)
    assert [one.intact and one.certificate_trusted for one in before] == [True]
    assert after[0].intact and after[0].certificate_trusted
    assert after[0].changes is inspecting.Changes.PERMITTED


def test_two_stamps_on_one_file_are_both_valid(tmp_path: Path) -> None:
    once = tools.seal(tools.source("letter"))
    twice = tools.seal(once, serial=tools.OTHER_SERIAL, placement=geometry.Placement(page=1, x=100.0, y=180.0))
    first, second = inspecting.inspect(source=twice, roots=tools.roots(), at=tools.NOW).seals
    assert (first.serial, second.serial) == (tools.SERIAL, tools.OTHER_SERIAL)
    assert first.intact and second.intact
    assert first.changes is inspecting.Changes.PERMITTED
    assert first.prefix_sha256 == hashlib.sha256(once).hexdigest()
    _code, said = tools.judge("pdfsig", twice, tmp_path, "-nocert")
    assert said.count("Signature is Valid.") == 2


def test_a_file_with_object_streams_and_fractions_of_points_is_sealed_as_well(tmp_path: Path) -> None:
    with pikepdf.open(BytesIO(tools.source("scan"))) as pdf:
        out = BytesIO()
        pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    place = geometry.Placement(page=1, x=100.123456, y=33.3333333, size=54.5)
    sealed = tools.seal(out.getvalue(), placement=place)
    _code, said = tools.judge("pdfsig", sealed, tmp_path, "-nocert")
    assert said.count("Signature is Valid.") == 1
    code, said = tools.judge("qpdf", sealed, tmp_path, "--check")
    assert code == 0, said


def test_a_file_with_a_form_and_notes_keeps_them() -> None:
    with pikepdf.open(BytesIO(tools.source("letter"))) as pdf:
        field = pdf.make_indirect(
            pikepdf.Dictionary(Subtype=pikepdf.Name.Widget, FT=pikepdf.Name.Tx, T="nama", Rect=[0, 0, 9, 9])
        )
        pdf.pages[0].Annots = pdf.make_indirect(pikepdf.Array([field]))
        pdf.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([field]))
        form = make.saved(pdf)
    with pikepdf.open(BytesIO(tools.seal(form))) as pdf:
        assert [str(one.T) for one in pdf.Root.AcroForm.Fields] == ["nama", f"Meterai-{tools.SERIAL}"]
        assert len(pdf.pages[0].Annots) == 2


def test_an_encrypted_file_stays_encrypted() -> None:
    with pikepdf.open(BytesIO(tools.seal(tools.source("encrypted")))) as pdf:
        assert pdf.is_encrypted


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("certified-1", "certified_no_changes"),
        ("certified-2", "certified_form_only"),
        ("locked", "password_needed"),
    ],
)
def test_a_file_that_forbids_a_stamp_is_refused_with_the_reason(name: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        tools.seal(tools.source(name))
    assert refused.value.code == code


def test_a_signed_file_with_a_broken_end_is_refused_and_never_rewritten() -> None:
    with pytest.raises(Refused) as refused:
        tools.seal(b"junk" + tools.source("signed"))
    assert refused.value.code == "signed_and_damaged"


def test_a_signature_that_locks_every_field_is_respected() -> None:
    signer, _root = make.foreign_signer()
    lock = fields.FieldMDPSpec(fields.FieldMDPAction.ALL)
    spec = fields.SigFieldSpec("Kunci", field_mdp_spec=lock, doc_mdp_update_value=None)
    writer = IncrementalPdfFileWriter(BytesIO(tools.source("letter")))
    fields.append_signature_field(writer, spec)
    meta = signers.PdfSignatureMetadata(field_name="Kunci")
    locked = signers.PdfSigner(meta, signer).sign_pdf(writer, output=BytesIO()).getvalue()
    with pytest.raises(Refused) as refused:
        tools.seal(locked)
    assert refused.value.code == "fields_locked"


@pytest.mark.parametrize("page", [0, 2, 99, -1])
def test_a_page_that_is_not_there_is_refused(page: int) -> None:
    with pytest.raises(Refused) as refused:
        tools.seal(tools.source("letter"), placement=geometry.Placement(page=page, x=0.0, y=0.0))
    assert refused.value.code == "no_such_page"


def test_a_page_of_a_few_points_is_refused() -> None:
    with pikepdf.open(BytesIO(tools.source("letter"))) as pdf:
        pdf.pages[0].MediaBox = [0, 0, 15, 300]
        tiny = make.saved(pdf)
    with pytest.raises(Refused) as refused:
        tools.seal(tiny)
    assert refused.value.code == "page_too_small"


def test_the_same_serial_is_not_put_on_a_file_twice() -> None:
    with pytest.raises(Refused) as refused:
        tools.seal(tools.seal(tools.source("letter")))
    assert refused.value.code == "already_sealed"


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7\n", b"\x89PNG\r\n", b"%PDF-1.4\n" + b"[" * 100_000])
def test_garbage_is_refused_as_unreadable(data: bytes) -> None:
    with pytest.raises(Refused) as refused:
        tools.seal(data)
    assert refused.value.code == "unreadable"


def test_an_engine_out_of_date_is_a_delay_and_not_the_documents_fault() -> None:
    with pytest.raises(SealingError) as failed:
        tools.seal(tools.source("letter"), at=tools.NOW.replace(year=tools.NOW.year + 5))
    assert not failed.value.permanent


@pytest.mark.parametrize("serial", ["", "abc", "A" * 21, "A" * 23, "ABCDEFGHIJKLMN0123456)", "É" * 22])
def test_a_malformed_serial_never_reaches_a_file(serial: str) -> None:
    with pytest.raises(ValueError):
        tools.seal(tools.source("letter"), serial=serial)


def test_the_answer_carries_the_hash_of_its_bytes() -> None:
    sealed = sealing.seal(
        source=tools.source("letter"),
        placement=tools.PLACE,
        serial=tools.SERIAL,
        verification_url=tools.ADDRESS,
        reason_text="",
        engine=tools.engine(),
        at=tools.NOW,
    )
    assert sealed.sha256 == hashlib.sha256(sealed.data).hexdigest()
