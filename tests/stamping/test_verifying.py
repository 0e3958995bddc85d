"""What is said of files and serials, true and forged."""

import json
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from meterai import recalling
from meterai.models import Batch, Serial, Stamp
from orders.models import Order
from stamping import files, sealing, turns, verifying
from stamping.authority import development
from stamping.authority.local import LocalEngine
from stamping.models import Document
from stamping.pdf import geometry
from stamping.pdf.sealing import seal
from stamping.verdict import Changes, Conclusion
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


def test_a_seal_on_a_serial_that_nobody_bought_is_invalid(sealed: Document, authority: development.Paths) -> None:
    engine = LocalEngine.from_pkcs12(path=authority.signer, passphrase=authority.passphrase.read_text().strip())
    unsold = Serial.objects.filter(stamp=None).latest("ordinal")
    found, reasons = conclusion(forged((DATA / "letter.pdf").read_bytes(), unsold.pk, engine))
    assert (found, reasons[0]) == (Conclusion.INVALID, "serial_not_sold")


def test_a_seal_on_a_serial_that_is_only_reserved_is_invalid(
    order: Callable[..., Order], authority: development.Paths
) -> None:
    order(paid=False)
    engine = LocalEngine.from_pkcs12(path=authority.signer, passphrase=authority.passphrase.read_text().strip())
    reserved = Stamp.objects.get(state="reserved")
    found, reasons = conclusion(forged((DATA / "letter.pdf").read_bytes(), str(reserved.pk), engine))
    assert (found, reasons[0]) == (Conclusion.INVALID, "serial_not_sold")


def test_two_of_our_stamps_on_one_file_are_both_valid(queued: Callable[..., Document]) -> None:
    first = queued()
    sealing.seal_due(at=NOW)
    first.refresh_from_db()
    second = queued(source=files.read(first.output), x=200)
    sealing.seal_due(at=NOW)
    second.refresh_from_db()
    report = verifying.verify_file(source=files.read(second.output), at=NOW)
    assert [one.verdict.conclusion for one in report.checked] == [Conclusion.VALID] * 2
    assert [one.serial for one in report.checked] == [first.stamp_id, second.stamp_id]
    assert [one.verdict.changes_after for one in report.checked] == [Changes.PERMITTED, Changes.NOTHING]
    assert "signature" in report.checked[0].after


def test_somebody_s_own_signature_is_told_apart_and_decides_nothing(queued: Callable[..., Document]) -> None:
    document = queued(source=(DATA / "signed.pdf").read_bytes())
    sealing.seal_due(at=NOW)
    document.refresh_from_db()
    report = verifying.verify_file(source=files.read(document.output), at=NOW)
    assert (report.conclusion, report.others) == (Conclusion.VALID, (verifying.Other(intact=True, before=True),))


def test_a_report_goes_through_json(sealed: Document) -> None:
    told = json.loads(json.dumps(verifying.verify_file(source=files.read(sealed.output), at=NOW).as_json()))
    assert (told["conclusion"], told["seals"][0]["serial"]) == ("valid", sealed.stamp_id)


@pytest.fixture
def one_turn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine of its own that reads one file at a time."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(turns, "at_once", lambda: 1)
    monkeypatch.setattr(verifying, "LONG_WAIT", 0.0)


def test_a_busy_machine_says_so_and_when_to_come_back(client: Client, letter: bytes, one_turn: None) -> None:
    with turns.turn(name=verifying.TURN):
        answer = client.post("/periksa/", {"file": SimpleUploadedFile("surat.pdf", letter)})
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert "Sedang banyak yang memeriksa" in answer.content.decode()


def test_a_busy_machine_tells_programs_too(client: Client, letter: bytes, one_turn: None) -> None:
    with turns.turn(name=verifying.TURN):
        answer = client.post("/api/v1/verifications", {"file": SimpleUploadedFile("surat.pdf", letter)})
    assert (answer.status_code, answer["Retry-After"], answer.json()["code"]) == (503, "10", "busy")


def test_a_serial_is_looked_up_even_while_the_machine_is_busy(client: Client, sealed: Document, one_turn: None) -> None:
    with turns.turn(name=verifying.TURN):
        assert client.post("/periksa/", {"serial": sealed.stamp_id}).status_code == 200


def test_a_complaint_gets_in_while_the_machine_is_busy(sealed: Document, one_turn: None) -> None:
    with turns.turn(name=verifying.TURN):
        assert verifying.serials_in(source=files.read(sealed.output), at=NOW) == ()


def test_the_address_of_the_symbol_tells_the_state_and_nothing_of_a_person(client: Client, sealed: Document) -> None:
    address = sealing.verification_address(str(sealed.stamp_id)).removeprefix(settings.SITE_URL)
    answer = client.get(address)
    page = answer.content.decode()
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    assert str(sealed.stamp_id) in page and "terbubuhkan" in page
    assert all(secret not in page for secret in ("ani@contoh.example", "surat.pdf", sealed.order.code, str(sealed.pk)))
    assert client.head(address).status_code == 200


def test_a_guessed_address_is_not_found_whether_the_serial_is_real_or_not(client: Client, sealed: Document) -> None:
    for serial in (sealed.stamp_id, "A" * 22):
        assert client.get(f"/v/{serial}/{'x' * 12}/").status_code == 404


def test_the_address_of_the_symbol_is_rate_limited(client: Client, sealed: Document) -> None:
    address = sealing.verification_address(str(sealed.stamp_id)).removeprefix(settings.SITE_URL)
    assert [client.get(address).status_code for _time in range(121)][-1] == 429


def test_the_page_names_each_fact_and_what_came_after(client: Client, sealed: Document) -> None:
    broken = bytearray(files.read(sealed.output))
    broken[len(broken) // 3] ^= 1
    page = client.post("/periksa/", {"file": SimpleUploadedFile("a.pdf", bytes(broken))}).content.decode()
    assert "verdict-invalid" in page and "Isi berkas tidak cocok dengan segelnya." in page
    whole = client.post("/periksa/", {"file": SimpleUploadedFile("a.pdf", files.read(sealed.output))}).content.decode()
    assert "verdict-valid" in whole and "Tidak ada yang berubah." in whole
