"""Our seal among the signatures of others, and one that is to be believed for long: by verification and by pdfsig."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import crl
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.validation import DocumentSecurityStore, validate_pdf_signature, validate_pdf_timestamp
from pyhanko_certvalidator import ValidationContext

from stamping import authorities, files, preparing, sealing, verifying
from stamping.authority import development
from stamping.authority.certificates import load_roots
from stamping.authority.development_server import DevelopmentServer
from stamping.models import Document
from stamping.pdf import guards
from stamping.pdf.trouble import Refused
from stamping.verdict import Conclusion
from stamping.wording import finding
from tests.corpus import signature_cases as signatures
from tests.stamping import pdf_tools as tools
from tests.stamping.conftest import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def sealed(queued: Callable[..., Document]) -> Callable[[bytes], bytes]:
    """Seals a file by the worker's own way, and gives what the buyer downloads."""

    def make(source: bytes) -> bytes:
        document = queued(source=source)
        assert sealing.seal_due(at=NOW) == 1
        document.refresh_from_db()
        return files.read(document.output)

    return make


def intact(data: bytes) -> list[bool]:
    """What pyHanko says of each signature, with what later revisions changed: digest, value, and permitted changes."""
    context = ValidationContext(trust_roots=[], allow_fetching=False)
    reader = guards.open_leniently(data)
    said = [validate_pdf_signature(one, context) for one in reader.embedded_regular_signatures]
    return [bool(one.intact and one.valid and one.docmdp_ok is not False) for one in said]


def pdfsig_says(data: bytes, folder: Path) -> int:
    """How many signatures pdfsig finds valid; it may find none that is not."""
    _code, said = tools.judge("pdfsig", data, folder, "-nocert")
    assert "Signature is Invalid" not in said
    return said.count("Signature is Valid.")


# --- with others' signatures ---------------------------------------------------------------------------------


def test_a_stamp_on_a_file_with_two_foreign_signatures_leaves_all_three_valid(
    sealed: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    source = signatures.signed(signatures.signed(name="Pertama"), name="Kedua")
    data = sealed(source)
    assert data.startswith(source)
    report = verifying.verify_file(source=data, at=NOW)
    assert report.conclusion is Conclusion.VALID
    assert [(other.intact, other.before) for other in report.others] == [(True, True), (True, True)]
    assert intact(data) == [True, True, True]
    assert pdfsig_says(data, tmp_path) == 3


def test_a_later_signature_by_somebody_else_leaves_both_valid(sealed: Callable[[bytes], bytes], tmp_path: Path) -> None:
    data = signatures.signed(sealed(tools.source("letter")), name="Sesudahnya")
    report = verifying.verify_file(source=data, at=NOW)
    assert report.conclusion is Conclusion.VALID
    assert [(other.intact, other.before) for other in report.others] == [(True, False)]
    assert intact(data) == [True, True]
    assert pdfsig_says(data, tmp_path) == 2


def test_between_two_signatures_of_others_all_three_hold(sealed: Callable[[bytes], bytes], tmp_path: Path) -> None:
    data = signatures.signed(sealed(signatures.signed(name="Sebelum")), name="Sesudah")
    report = verifying.verify_file(source=data, at=NOW)
    assert report.conclusion is Conclusion.VALID
    assert [(other.intact, other.before) for other in report.others] == [(True, True), (True, False)]
    assert intact(data) == [True, True, True]
    assert pdfsig_says(data, tmp_path) == 3


# --- certified -----------------------------------------------------------------------------------------------


def certified(level: int, *, waiting: bool) -> bytes:
    """Certified by its author, with an empty signature field or without."""
    return signatures.signed(signatures.empty_field(signatures.letter()) if waiting else None, certify=level)


@pytest.mark.parametrize("waiting", [False, True])
@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_certified_document_is_refused_in_words_before_anything_is_bought(level: int, waiting: bool) -> None:
    source = certified(level, waiting=waiting)
    code = "certified_no_changes" if level == 1 else "certified_form_only"
    with pytest.raises(preparing.NotTakeable) as refusal:
        preparing.take_up(name="akta.pdf", source=source, at=NOW)
    assert refusal.value.codes == [code]
    assert "sertifikasi" in finding(code) and "Minta versi" in finding(code)
    with pytest.raises(Refused, match=code):
        tools.seal(source)


@pytest.mark.parametrize("level", [2, 3])
def test_its_own_empty_field_can_still_be_signed_by_whom_it_waits_for(level: int, tmp_path: Path) -> None:
    data = signatures.signed(certified(level, waiting=True), name="Menunggu")
    assert intact(data) == [True, True]
    assert pdfsig_says(data, tmp_path) == 2


# --- B-LTA ---------------------------------------------------------------------------------------------------


@pytest.fixture
def archive(tmp_path: Path, settings: Any) -> Iterator[tuple[asn1_x509.Certificate, ...]]:
    """The site seals at B-LTA by the development authority's own services; gives the roots to believe."""
    paths = development.make(folder=tmp_path / "authority", at=datetime.now(UTC) - timedelta(days=1))
    settings.AUTHORITY_DIR, settings.TRUST_ROOTS = paths.folder, paths.root
    server = DevelopmentServer(paths=paths)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    settings.AUTHORITY = {
        "level": "B-LTA",
        "tsa": {"url": f"{server.url}/tsa", "missing": "delay"},
        "revocation_urls": [f"{server.url}/crl"],
    }
    authorities.forget()
    yield tuple(asn1_x509.Certificate.load(one.public_bytes(Encoding.DER)) for one in load_roots(paths.root))
    server.shutdown()
    server.server_close()
    authorities.forget()


def test_an_archive_seal_from_the_worker_verifies_with_its_time_stamp_counted_and_its_list_inside(
    archive: tuple[asn1_x509.Certificate, ...], queued: Callable[..., Document], tmp_path: Path
) -> None:
    document, now = queued(), datetime.now(UTC)
    document.attempts = 1
    assert sealing.seal(document=document, at=now)
    data = files.read(Document.objects.get(pk=document.pk).output)
    report = verifying.verify_file(source=data, at=now)
    assert report.conclusion is Conclusion.VALID
    assert report.others == ()  # the archive's time-stamp is nobody's signature
    reader = guards.open_leniently(data)
    store = DocumentSecurityStore.read_dss(reader)
    lists = [crl.CertificateList.load(one.get_object().data) for one in store.crls]
    assert {one.issuer.native["common_name"] for one in lists} <= {
        root.subject.native["common_name"] for root in archive
    }
    assert len(lists) >= 1
    strict = {"trust_roots": list(archive), "allow_fetching": False, "revocation_mode": "require"}
    context = store.as_validation_context(strict)
    (stamp,) = reader.embedded_timestamp_signatures
    stood = validate_pdf_timestamp(stamp, context)
    assert stood.intact and stood.trusted
    (seal,) = reader.embedded_regular_signatures
    assert validate_pdf_signature(seal, context, context).bottom_line
    assert pdfsig_says(data, tmp_path) >= 1
    code, said = tools.judge("qpdf", data, tmp_path, "--check")
    assert code == 0, said


def test_a_byte_of_an_archive_seal_that_is_flipped_is_found(
    archive: tuple[asn1_x509.Certificate, ...], queued: Callable[..., Document]
) -> None:
    document, now = queued(), datetime.now(UTC)
    assert sealing.seal(document=document, at=now)
    data = bytearray(files.read(Document.objects.get(pk=document.pk).output))
    data[250] ^= 1
    assert verifying.verify_file(source=bytes(data), at=now).conclusion is not Conclusion.VALID
