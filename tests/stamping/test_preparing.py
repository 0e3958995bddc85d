"""What happens to a file at the door."""

import pytest
from django.core.files.storage import default_storage

from stamping import preparing
from stamping.models import Document
from tests.stamping.conftest import DATA, NOW

pytestmark = pytest.mark.django_db


def test_a_letter_is_kept_as_it_came(letter: bytes) -> None:
    document = preparing.take_up(name="surat lamaran.pdf", source=letter, at=NOW)
    with default_storage.open(document.source) as kept:
        assert kept.read() == letter
    assert document.state == Document.State.DRAFT
    assert preparing.facts_of(document).pages[0].is_a4


def test_a_broken_structure_is_said_and_left_for_its_person_to_mend() -> None:
    source = (DATA / "damaged.pdf").read_bytes()
    document = preparing.take_up(name="x.pdf", source=source, at=NOW)
    codes = {finding.code for finding in preparing.facts_of(document).findings}
    assert "damaged_structure" in codes and document.state == Document.State.UNFIT
    with default_storage.open(document.source) as kept:
        assert kept.read() == source


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (b"not a pdf at all", "not_pdf"),
        (b"%PDF-1.7\n" + b"x" * 100, "unreadable"),
        (b"%PDF-1.7\n" + b"x" * 10_000_001, "too_large"),
        ((DATA / "certified-1.pdf").read_bytes(), "certified_no_changes"),
        ((DATA / "locked.pdf").read_bytes(), "password_needed"),
    ],
)
def test_what_cannot_take_a_stamp_is_refused_with_its_reason_and_not_kept(source: bytes, code: str) -> None:
    with pytest.raises(preparing.NotTakeable) as refusal:
        preparing.take_up(name="x.pdf", source=source, at=NOW)
    assert code in refusal.value.codes
    assert not Document.objects.exists()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("C:\\\\Users\\\\ani\\\\surat.pdf", "surat.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ('a"\r\nSet-Cookie: x.PDF', 'a"Set-Cookie: x.pdf'),
        ("", "dokumen.pdf"),
        ("x" * 300 + ".pdf", "x" * 100 + ".pdf"),
    ],
)
def test_a_file_name_is_kept_without_path_and_control_characters(given: str, kept: str, letter: bytes) -> None:
    assert preparing.take_up(name=given, source=letter, at=NOW).name == kept
