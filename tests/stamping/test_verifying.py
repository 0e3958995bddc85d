"""What is said of files and serials, true and forged."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.files.storage import default_storage

from meterai import recalling
from meterai.models import Batch, Serial, Stamp
from stamping import files, sealing, verifying
from stamping.authority import development
from stamping.authority.local import LocalEngine
from stamping.models import Document
from stamping.pdf import geometry
from stamping.pdf.sealing import seal
from stamping.verdict import Conclusion
from tests.stamping.conftest import DATA, NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def sealed(queued: Callable[..., Document]) -> Document:
    document = queued()
    sealing.seal_due(at=NOW)
    document.refresh_from_db()
    return document


def conclusion(source: bytes) -> tuple[Conclusion, tuple[str, ...]]:
    report = verifying.verify_file(source=source, at=NOW)
    return report.conclusion, report.checked[0].verdict.reasons if report.checked else (report.problem,)


def forged(source: bytes, serial: str, engine: LocalEngine) -> bytes:
    return seal(
        source=source,
        placement=geometry.Placement(page=1, x=100, y=100),
        serial=serial,
        verification_url="https://meterai.example/v/x",
        reason_text="",
        engine=engine,
        at=NOW,
    ).data


def test_a_flipped_byte_is_found(sealed: Document) -> None:
    source = bytearray(files.read(sealed.output))
    source[len(source) // 3] ^= 1
    assert conclusion(bytes(source))[0] is Conclusion.INVALID


def test_a_stamp_voided_later_is_cancelled(sealed: Document) -> None:
    Stamp.objects.filter(pk=sealed.stamp_id).update(state="void", void_reason="recall")
    assert conclusion(files.read(sealed.output)) == (Conclusion.CANCELLED, ("serial_void",))


def test_a_serial_recalled_before_anybody_had_it_is_cancelled(sealed: Document) -> None:
    batch = Batch.objects.get()
    unsold = Serial.objects.filter(batch=batch, stamp=None).latest("ordinal")
    assert verifying.verify_serial(serial=unsold.pk).verdict.conclusion is Conclusion.CANNOT_TELL
    recalling.recall(batch=batch, reason="misprint", by=batch.imported_by, at=NOW)
    assert verifying.verify_serial(serial=unsold.pk).verdict.conclusion is Conclusion.CANCELLED
    assert conclusion(files.read(sealed.output))[0] is Conclusion.VALID


def test_a_real_serial_on_another_document_is_invalid(sealed: Document, authority: development.Paths) -> None:
    engine = LocalEngine.from_pkcs12(path=authority.signer, passphrase=authority.passphrase.read_text().strip())
    other = forged((DATA / "scan.pdf").read_bytes(), str(sealed.stamp_id), engine)
    assert conclusion(other) == (Conclusion.INVALID, ("serial_of_another_document",))


def test_a_seal_of_a_stranger_is_invalid(sealed: Document, tmp_path: Path) -> None:
    paths = development.make(folder=tmp_path / "other", at=datetime(2026, 1, 1, tzinfo=UTC))
    engine = LocalEngine.from_pkcs12(path=paths.signer, passphrase=paths.passphrase.read_text().strip())
    other = forged((DATA / "letter.pdf").read_bytes(), str(sealed.stamp_id), engine)
    assert conclusion(other)[0] is Conclusion.INVALID
    assert "certificate_untrusted" in conclusion(other)[1]


def test_a_file_without_a_seal_is_never_called_valid(letter: bytes) -> None:
    assert conclusion(letter) == (Conclusion.CANNOT_TELL, ("no_seal",))


def test_rubbish_is_answered_and_not_raised() -> None:
    report = verifying.verify_file(source=b"\x00" * 1000, at=NOW)
    assert (report.conclusion, report.problem) == (Conclusion.CANNOT_TELL, "unreadable")


def test_a_serial_alone_is_never_called_valid(sealed: Document) -> None:
    checked = verifying.verify_serial(serial=str(sealed.stamp_id))
    assert checked.verdict.conclusion is Conclusion.CANNOT_TELL
    assert (checked.verdict.serial_state, checked.sealed_at) == ("AFFIXED", NOW)


def test_an_unknown_serial_is_said_to_be_unknown(db: None) -> None:
    assert "serial_unknown" in verifying.verify_serial(serial="A" * 22).verdict.reasons


def test_the_serial_of_a_trusted_seal_is_evidence_and_that_of_a_forged_one_is_not(
    sealed: Document, tmp_path: Path
) -> None:
    assert verifying.serials_in(source=files.read(sealed.output), at=NOW) == (sealed.stamp_id,)
    paths = development.make(folder=tmp_path / "other", at=datetime(2026, 1, 1, tzinfo=UTC))
    engine = LocalEngine.from_pkcs12(path=paths.signer, passphrase=paths.passphrase.read_text().strip())
    assert verifying.serials_in(source=forged((DATA / "letter.pdf").read_bytes(), "A" * 22, engine), at=NOW) == ()


def test_verifying_keeps_nothing(sealed: Document) -> None:
    source = files.read(sealed.output)
    before = _everything()
    verifying.verify_file(source=source, at=NOW)
    assert _everything() == before


def _everything(folder: str = "") -> set[str]:
    folders, names = default_storage.listdir(folder or ".")
    found = {f"{folder}/{name}" for name in names}
    return found.union(*(_everything(f"{folder}/{inner}".lstrip("/")) for inner in folders))
