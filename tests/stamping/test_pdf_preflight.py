"""What a person is told before anything is bought."""

import time
from io import BytesIO

import pikepdf
import pytest
from PIL import Image

from stamping.pdf import child, preflight, repairing
from stamping.pdf.preflight import Severity
from stamping.pdf.trouble import Hostile, Unreadable
from tests.data import make
from tests.stamping import pdf_tools as tools


def _codes(facts: preflight.Preflight) -> dict[str, Severity]:
    return {finding.code: finding.severity for finding in facts.findings}


@pytest.mark.parametrize(
    ("name", "code", "severity"),
    [
        ("certified-1", "certified_no_changes", Severity.REFUSE),
        ("certified-2", "certified_form_only", Severity.REFUSE),
        ("locked", "password_needed", Severity.REFUSE),
        ("damaged", "damaged_structure", Severity.REPAIR),
        ("scripted", "scripts", Severity.WARN),
        ("shifted", "not_a4", Severity.WARN),
        ("encrypted", "encrypted", Severity.INFO),
        ("signed", "signed", Severity.INFO),
    ],
)
def test_each_kind_of_trouble_has_its_code(name: str, code: str, severity: Severity) -> None:
    assert _codes(preflight.examine(tools.source(name))).get(code) == severity


@pytest.mark.parametrize("name", ["letter", "scan", "rotated-90", "rotated-270", "encrypted", "signed"])
def test_a_good_file_is_a4_and_not_refused(name: str) -> None:
    facts = preflight.examine(tools.source(name))
    assert facts.is_a4 and not facts.refused and not facts.repairable


def test_a_rotated_page_is_measured_as_it_is_seen() -> None:
    (page,) = preflight.examine(tools.source("rotated-90")).pages
    assert page.width > page.height and page.rotation == 90


def test_earlier_signatures_are_counted_and_hold() -> None:
    (signature,) = preflight.examine(tools.source("signed")).signatures
    assert signature.field == "TandaTangan" and signature.intact and not signature.changed_after


def test_a_broken_earlier_signature_is_found_before_money_is_spent() -> None:
    data = tools.source("signed")
    place = data.index(b"/MediaBox")
    broken = data[: place + 11] + bytes([data[place + 11] ^ 1]) + data[place + 12 :]
    assert _codes(preflight.examine(broken)).get("signature_broken") is Severity.REFUSE


def test_a_file_over_the_limit_is_refused_and_one_just_below_is_warned_about() -> None:
    data = tools.source("letter")
    assert "too_large" in _codes(preflight.examine(data, len(data) - 1))
    assert _codes(preflight.examine(data, len(data) + 1)).get("near_limit") is Severity.WARN
    assert "near_limit" not in _codes(preflight.examine(data))


@pytest.mark.parametrize("data", [b"", b"hello", Image.new("L", (9, 9)).tobytes()])
def test_what_is_no_pdf_is_called_so(data: bytes) -> None:
    assert _codes(preflight.examine(data)) == {"not_pdf": Severity.REFUSE}


def test_a_pdf_that_is_nothing_but_its_first_line_is_unreadable() -> None:
    assert preflight.examine(b"%PDF-1.7\n" + b"x" * 2_000).refused


def test_repair_makes_a_damaged_file_whole() -> None:
    repaired = repairing.repair(tools.source("damaged"))
    facts = preflight.examine(repaired)
    assert not facts.repairable and not facts.refused
    assert repaired == repairing.repair(tools.source("damaged")), "the same file gives the same repair"


def test_a_form_of_the_dynamic_kind_is_refused() -> None:
    with pikepdf.open(BytesIO(tools.source("letter"))) as pdf:
        pdf.Root.AcroForm = pikepdf.Dictionary(Fields=[], XFA=pdf.make_stream(b"<xdp/>"))
        data = make.saved(pdf)
    assert "dynamic_form" in _codes(preflight.examine(data))


@pytest.mark.parametrize("name", ["letter", "signed", "damaged", "locked", "certified-1"])
def test_the_child_says_what_the_parent_would(name: str) -> None:
    assert child.examine(tools.source(name), 800_000) == preflight.examine(tools.source(name))


def test_the_child_answers_a_common_letter_well_under_a_second() -> None:
    data, took = tools.source("letter"), []
    for _again in range(3):
        started = time.perf_counter()
        child.examine(data, 800_000)
        took.append(time.perf_counter() - started)
    assert min(took) < 0.9


def test_the_child_draws_a_small_picture() -> None:
    picture = child.draw(tools.source("letter"), 1, 700)
    image = Image.open(BytesIO(picture.data))
    assert picture.content_type == "image/png" and image.size == (picture.width, picture.height) == (700, 990)
    assert len(picture.data) < 60_000


def test_the_child_tells_unreadable_from_out_of_range() -> None:
    with pytest.raises(Unreadable):
        child.draw(b"%PDF-1.7\nnothing", 1, 700)
    with pytest.raises(ValueError):
        child.draw(tools.source("letter"), 2, 700)
    with pytest.raises(Unreadable):
        child.repair(b"nothing at all")


def test_a_file_that_eats_time_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "WALL_SECONDS", 0.01)
    with pytest.raises(Hostile):
        child.examine(tools.source("letter"), 800_000)


def test_the_child_never_sees_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONSTARTUP", "/nonexistent")
    monkeypatch.setenv("PYTHONHOME", "/nonexistent")  # would stop any Python that saw it
    assert child.examine(tools.source("letter"), 800_000).pages
