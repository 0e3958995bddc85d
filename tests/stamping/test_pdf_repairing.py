"""What is mended before a seal, what never is, and the second look at what was sealed."""

from io import BytesIO

import pikepdf
import pytest

from stamping.pdf import preflight, proofreading, repairing, sealing
from stamping.pdf.geometry import Placement
from stamping.pdf.inspecting import signatures
from stamping.pdf.proofreading import proofread
from stamping.pdf.trouble import Unreadable
from tests.corpus import make
from tests.stamping import pdf_tools as tools

CASES = make.CASES
FIELD = sealing.field_name(tools.SERIAL)
MENDED = [
    "acroform-a-number.pdf", "acroform-fields-loop.pdf", "acroform-fields-with-null.pdf", "odd-annots-of-numbers.pdf",
    "odd-crop-beside.pdf", "tree-count-low.pdf", "tree-count-below.pdf", "tree-kids-null.pdf", "tree-kids-dangling.pdf",
    "damaged-no-root.pdf", "damaged-offsets-zero.pdf", "damaged-no-trailer-word.pdf", "cut-90-percent.pdf",
    "hybrid.pdf",
]  # fmt: skip


@pytest.mark.parametrize("name", MENDED)
def test_what_viewers_forgive_is_mended_and_then_sealed_soundly(name: str) -> None:
    whole = repairing.repair(CASES[name].make())
    assert not preflight.examine(whole).repairable
    place = Placement(page=1, x=300.0, y=300.0)
    proof = proofread(source=whole, sealed=tools.seal(whole, placement=place), field=FIELD, place=place)
    assert proof.acceptable and proof.strict


@pytest.mark.parametrize("name", ["tree-count-low.pdf", "damaged-no-root.pdf", "damaged-offsets-zero.pdf"])
def test_such_a_file_is_offered_a_repair_before_anything_is_bought(name: str) -> None:
    assert preflight.examine(CASES[name].make()).repairable


@pytest.mark.parametrize("name", ["encrypted-rc4-128.pdf", "encrypted-aes-256.pdf"])
def test_a_repaired_file_stays_locked_as_it_was(name: str) -> None:
    with pikepdf.open(BytesIO(repairing.repair(CASES[name].make()))) as pdf:
        assert pdf.is_encrypted and not pdf.allow.modify_other


def test_a_lock_that_nobody_knows_is_never_forgotten_by_a_repair() -> None:
    with pytest.raises(Unreadable):
        repairing.repair(CASES["damaged-encrypt-nonsense.pdf"].make())


def test_a_repair_keeps_the_form() -> None:
    with pikepdf.open(BytesIO(CASES["form.pdf"].make())) as pdf:
        before = [str(field.T) for field in pdf.Root.AcroForm.Fields]
    with pikepdf.open(BytesIO(repairing.repair(CASES["form.pdf"].make()))) as pdf:
        assert [str(field.T) for field in pdf.Root.AcroForm.Fields] == before != []


@pytest.mark.parametrize("name", ["signed-tail-cut.pdf", "signed-junk-in-front.pdf"])
def test_a_file_with_a_signature_is_never_offered_a_repair(name: str) -> None:
    facts = preflight.examine(CASES[name].make())
    assert [one.code for one in facts.findings if one.severity == "refuse"] == ["signed_and_damaged"]


def test_a_second_look_finds_a_seal_that_is_not_there() -> None:
    source = tools.source("letter")
    proof = proofread(source=source, sealed=source, field=FIELD, place=tools.PLACE)
    assert not proof.seal_holds and not proof.visible and not proof.acceptable


def test_a_second_look_finds_a_stamp_that_stands_elsewhere() -> None:
    source = tools.source("letter")
    elsewhere = Placement(page=1, x=20.0, y=20.0)
    proof = proofread(source=source, sealed=tools.seal(source), field=FIELD, place=elsewhere)
    assert proof.seal_holds and not proof.visible and not proof.acceptable


def test_a_second_look_finds_an_earlier_signature_that_was_lost() -> None:
    source = tools.source("signed")
    assert len(signatures(source)) == 1
    proof = proofread(source=source, sealed=tools.seal(tools.source("letter")), field=FIELD, place=tools.PLACE)
    assert not proof.earlier_hold and not proof.acceptable


def test_a_second_look_finds_contents_that_cannot_be_read() -> None:
    source = CASES["stream-no-flate.pdf"].make()
    proof = proofread(source=source, sealed=tools.seal(source), field=FIELD, place=tools.PLACE)
    assert not proof.contents_whole and not proof.acceptable


def test_a_clean_seal_is_clean() -> None:
    source = tools.source("letter")
    proof = proofread(source=source, sealed=tools.seal(source), field=FIELD, place=tools.PLACE)
    assert proof.clean and proof.rank > proofreading.Proof(True, True, True, True, True, 1).rank
