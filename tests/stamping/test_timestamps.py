"""Time-stamps, long-term proof and revocation, with the development authority's own services over HTTP."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.core.exceptions import ImproperlyConfigured
from pyhanko.sign.validation import DocumentSecurityStore, validate_pdf_signature, validate_pdf_timestamp
from pyhanko.sign.validation.errors import NoDSSFoundError

from stamping import authorities
from stamping.authority import development, rotation
from stamping.authority.development_server import DevelopmentServer
from stamping.authority.engine import Job, Sealer, SealingError
from stamping.authority.revocation import RevocationLists
from stamping.authority.sealer import Level, OurSealer
from stamping.authority.timestamps import Missing, TimestampClient, TimestampedEngine
from stamping.pdf import geometry, guards, inspecting
from tests.contracts.conftest import free_port
from tests.contracts.stand_in import Seen, StandIn
from tests.stamping import pdf_tools as tools

NOW = tools.NOW


@pytest.fixture(scope="module")
def server() -> Iterator[DevelopmentServer]:
    server = DevelopmentServer(paths=tools.authority("ours"))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def client(url: str, *, missing: Missing = Missing.DELAY, name: str = "ours") -> TimestampClient:
    return TimestampClient(url=url, roots=tools.roots(name), missing=missing)


def stamped(url: str, **options: Any) -> TimestampedEngine:
    return TimestampedEngine(inner=tools.engine("ours"), client=client(url, **options))


def sealer(server: DevelopmentServer, level: Level) -> OurSealer:
    stamps = client(f"{server.url}/tsa")
    return OurSealer(
        engine=TimestampedEngine(inner=tools.engine("ours"), client=stamps),
        level=level,
        client=stamps,
        lists=RevocationLists(urls=(f"{server.url}/crl",), authorities=tools.roots("ours")),
        authorities=tools.roots("ours"),
        certificate_at=lambda _at: tools.engine("ours").certificate,
    )


def job(name: str = "letter") -> Job:
    return Job(
        source=tools.source(name),
        placement=tools.PLACE,
        serial=tools.SERIAL,
        verification_url=tools.ADDRESS,
        reason_text="Meterai elektronik",
        at=NOW,
    )


def believed(data: bytes) -> bool:
    """What pyHanko says of seal and time-stamps with what the file brings along, and nothing else: nobody is asked, and
    that no certificate was revoked must be proved."""
    reader = guards.open_leniently(data)
    roots = [asn1_x509.Certificate.load(root.public_bytes(Encoding.DER)) for root in tools.roots("ours")]
    strict = {"trust_roots": roots, "allow_fetching": False, "revocation_mode": "require"}
    context = DocumentSecurityStore.read_dss(reader).as_validation_context(strict)
    seals = [validate_pdf_signature(one, context, context) for one in reader.embedded_regular_signatures]
    stamps = [validate_pdf_timestamp(one, context) for one in reader.embedded_timestamp_signatures]
    assert all(seal.timestamp_validity is not None and seal.timestamp_validity.trusted for seal in seals)
    return all(seal.bottom_line for seal in seals) and all(stamp.intact and stamp.trusted for stamp in stamps)


# --- B-T -----------------------------------------------------------------------------------------------------


def test_a_seal_carries_a_time_stamp_that_leads_to_the_authority(server: DevelopmentServer, tmp_path: Path) -> None:
    sealed = tools.seal(tools.source("letter"), engine=stamped(f"{server.url}/tsa"))
    embedded = guards.open_leniently(sealed).embedded_regular_signatures[0]
    (attribute,) = embedded.signer_info["unsigned_attrs"]
    assert attribute["type"].native == "signature_time_stamp_token"
    (seal,) = inspecting.inspect(source=sealed, roots=tools.roots("ours"), at=NOW).seals
    assert seal.intact and seal.certificate_trusted
    _code, said = tools.judge("pdfsig", sealed, tmp_path, "-nocert")
    assert said.count("Signature is Valid.") == 1
    code, said = tools.judge("qpdf", sealed, tmp_path, "--check")
    assert code == 0, said


def test_the_signature_itself_is_that_of_the_plain_level(server: DevelopmentServer) -> None:
    digest = hashlib.sha256(b"x").digest()
    plain, full = (
        engine.sign(digest=digest, at=NOW) for engine in (tools.engine("ours"), stamped(f"{server.url}/tsa"))
    )
    bare = cms.ContentInfo.load(full)
    bare["content"]["signer_infos"][0]["unsigned_attrs"] = cms.CMSAttributes([])
    signed, same = (cms.ContentInfo.load(one)["content"]["signer_infos"][0] for one in (plain, bare.dump()))
    assert signed["signed_attrs"].dump() == same["signed_attrs"].dump()
    assert signed["signature"].native == same["signature"].native


def test_an_authority_that_is_down_is_a_delay_a_failure_or_a_plain_seal_as_the_site_decides() -> None:
    url = f"http://127.0.0.1:{free_port()}/tsa"
    digest = hashlib.sha256(b"x").digest()
    for missing, permanent in ((Missing.DELAY, False), (Missing.FAIL, True)):
        with pytest.raises(SealingError) as trouble:
            stamped(url, missing=missing).sign(digest=digest, at=NOW)
        assert (trouble.value.code, trouble.value.permanent) == ("timestamp_unavailable", permanent)
    plain = stamped(url, missing=Missing.WITHOUT).sign(digest=digest, at=NOW)
    assert plain == tools.engine("ours").sign(digest=digest, at=NOW)


def test_a_time_stamp_of_a_stranger_is_not_believed(server: DevelopmentServer) -> None:
    with pytest.raises(SealingError) as trouble:
        stamped(f"{server.url}/tsa", name="strangers").sign(digest=hashlib.sha256(b"x").digest(), at=NOW)
    assert (trouble.value.code, trouble.value.permanent) == ("timestamp_untrusted", False)


def test_a_time_stamp_over_something_else_is_not_believed(server: DevelopmentServer) -> None:
    class Replayer(TimestampClient):
        """Somebody between us and the authority, who asks it about another digest."""

        def request_cms(self, message_digest: bytes, md_algorithm: str) -> Any:
            return super().request_cms(hashlib.sha256(b"other").digest(), md_algorithm)

    replayer = Replayer(url=f"{server.url}/tsa", roots=tools.roots("ours"))
    with pytest.raises(SealingError) as trouble:
        TimestampedEngine(inner=tools.engine("ours"), client=replayer).sign(digest=bytes(32), at=NOW)
    assert trouble.value.code == "timestamp_untrusted"


@pytest.mark.parametrize("trouble", ["500", "302", "html", "lost", "large"])
def test_an_answer_that_is_no_time_stamp_is_a_delay(trouble: str) -> None:
    class Authority(StandIn):
        def answer(self, seen: Seen) -> tuple[int, dict[str, Any]]:
            return 200, {}

    with Authority() as authority:
        authority.trouble = [trouble]
        with pytest.raises(SealingError) as raised:
            stamped(f"{authority.url}/tsa").sign(digest=bytes(32), at=NOW)
    assert raised.value.code in ("timestamp_unavailable", "timestamp_untrusted") and not raised.value.permanent


def test_a_question_that_makes_no_sense_gets_a_plain_no(server: DevelopmentServer) -> None:
    assert requests.post(f"{server.url}/tsa", data=b"halo", timeout=5).status_code == 400
    assert requests.post(f"{server.url}/tsa", data=b"x" * 5000, timeout=5).status_code == 404
    assert requests.get(f"{server.url}/signer.p12", timeout=5).status_code == 404


# --- B-LT, B-LTA ---------------------------------------------------------------------------------------------


def test_every_level_keeps_the_contract(server: DevelopmentServer) -> None:
    assert all(isinstance(sealer(server, level), Sealer) for level in Level)


def test_a_long_term_seal_needs_nobody_to_be_asked(server: DevelopmentServer) -> None:
    sealed = sealer(server, Level.LONG_TERM).seal(job())
    assert believed(sealed.data)


def test_a_seal_without_evidence_is_not_believed_that_way(server: DevelopmentServer) -> None:
    sealed = sealer(server, Level.TIMESTAMPED).seal(job())
    with pytest.raises(NoDSSFoundError):
        believed(sealed.data)


def test_an_archive_seal_is_stamped_over_all_of_it(server: DevelopmentServer) -> None:
    sealed = sealer(server, Level.ARCHIVE).seal(job())
    assert believed(sealed.data)
    assert len(guards.open_leniently(sealed.data).embedded_timestamp_signatures) == 1


@pytest.mark.parametrize("level", [Level.LONG_TERM, Level.ARCHIVE])
@pytest.mark.parametrize("name", ["letter", "signed", "encrypted", "scan"])
def test_what_follows_the_seal_is_permitted_and_the_books_know_the_sealed_revision(
    level: Level, name: str, server: DevelopmentServer, tmp_path: Path
) -> None:
    sealed = sealer(server, level).seal(job(name))
    (seal,) = inspecting.inspect(source=sealed.data, roots=tools.roots("ours"), at=NOW).seals
    assert seal.intact and seal.certificate_trusted
    assert seal.changes is inspecting.Changes.PERMITTED
    assert seal.prefix_sha256 == sealed.sha256
    assert sealed.data.startswith(tools.source(name))
    code, said = tools.judge("qpdf", sealed.data, tmp_path, "--check")
    assert code == 0, said
    _code, said = tools.judge("pdfsig", sealed.data, tmp_path, "-nocert")
    assert said.count("Signature is Valid.") >= 1 and "Invalid" not in said


def test_the_plain_level_adds_nothing_to_what_the_kernel_makes() -> None:
    plain = OurSealer(engine=tools.engine("ours")).seal(job())
    (embedded,) = guards.open_leniently(plain.data).embedded_signatures
    assert "unsigned_attrs" not in embedded.signer_info.native or not embedded.signer_info["unsigned_attrs"].native
    assert b"/DSS" not in plain.data
    assert plain.sha256 == hashlib.sha256(plain.data).hexdigest()


def test_a_second_seal_after_a_long_term_one_leaves_both_intact(server: DevelopmentServer) -> None:
    once = sealer(server, Level.ARCHIVE).seal(job())
    again = replace(
        job(), source=once.data, serial=tools.OTHER_SERIAL, placement=geometry.Placement(page=1, x=100.0, y=180.0)
    )
    twice = sealer(server, Level.ARCHIVE).seal(again)
    first, second = inspecting.inspect(source=twice.data, roots=tools.roots("ours"), at=NOW).seals
    assert first.intact and second.intact and first.changes is inspecting.Changes.PERMITTED
    assert (first.prefix_sha256, second.prefix_sha256) == (once.sha256, twice.sha256)


# --- revocation ----------------------------------------------------------------------------------------------


def test_a_list_is_kept_for_an_hour_and_then_fetched_again() -> None:
    paths, clock = tools.authority("lists"), [NOW]
    server = DevelopmentServer(paths=paths, clock=lambda: clock[0])
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        lists = RevocationLists(urls=(f"{server.url}/crl",), authorities=tools.roots("lists"))
        first = lists.lists(at=NOW)
        clock[0] = NOW + timedelta(minutes=61)
        assert lists.lists(at=NOW + timedelta(minutes=59)) == first
        assert lists.lists(at=NOW + timedelta(minutes=61)) != first
    finally:
        server.shutdown()
        server.server_close()


def test_nothing_is_sealed_with_a_certificate_that_was_revoked() -> None:
    paths = tools.authority("revoking")
    engine = tools.engine("revoking")
    server = DevelopmentServer(paths=development.Paths(tools.authority("revoking").folder))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        lists = RevocationLists(urls=(f"{server.url}/crl",), authorities=_roots(paths))
        certificate = x509.load_pem_x509_certificate(engine.certificate.public_bytes(Encoding.PEM))
        lists.refuse_revoked(certificate=certificate, at=NOW)
        served = RevocationLists(urls=(f"{server.url}/crl",), authorities=_roots(paths))
        development.revoke(paths=paths, certificate=certificate, at=NOW)
        ours = OurSealer(engine=engine, lists=served, certificate_at=lambda _at: certificate)
        with pytest.raises(SealingError) as trouble:
            ours.seal(job())
        assert (trouble.value.code, trouble.value.permanent) == ("certificate_revoked", False)
    finally:
        server.shutdown()
        server.server_close()


def _roots(paths: development.Paths) -> tuple[x509.Certificate, ...]:
    return tuple(x509.load_pem_x509_certificates(paths.root.read_bytes()))


@pytest.mark.parametrize(("name", "at"), [("strangers", NOW), ("ours", NOW + timedelta(days=8))])
def test_a_list_that_is_forged_or_out_of_date_is_a_delay(name: str, at: datetime, server: DevelopmentServer) -> None:
    lists = RevocationLists(urls=(f"{server.url}/crl",), authorities=tools.roots(name))
    with pytest.raises(SealingError) as trouble:
        lists.lists(at=at)
    assert (trouble.value.code, trouble.value.permanent) == ("revocation_unavailable", False)


def test_no_list_means_no_long_term_seal(server: DevelopmentServer) -> None:
    url = f"http://127.0.0.1:{free_port()}/crl"
    broken = replace(
        sealer(server, Level.LONG_TERM), lists=RevocationLists(urls=(url,), authorities=tools.roots("ours"))
    )
    with pytest.raises(SealingError) as trouble:
        broken.seal(job())
    assert trouble.value.code == "revocation_unavailable"


# --- the site's settings -------------------------------------------------------------------------------------


@pytest.fixture
def site(settings: Any) -> Iterator[Any]:
    """Settings whose authority is read anew, and forgotten afterwards."""
    authorities.forget()
    yield settings
    authorities.forget()


def test_the_site_seals_at_the_level_that_its_settings_name(
    site: Any, authority: development.Paths, tmp_path: Path
) -> None:
    server = DevelopmentServer(paths=_fresh(tmp_path, site))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        site.AUTHORITY = {
            "level": "B-LTA",
            "tsa": {"url": f"{server.url}/tsa", "missing": "delay"},
            "revocation_urls": [f"{server.url}/crl"],
        }
        authorities.refuse_development()
        sealed = authorities.sealer().seal(job())
    finally:
        server.shutdown()
        server.server_close()
    assert len(guards.open_leniently(sealed.data).embedded_timestamp_signatures) == 1


def _fresh(tmp_path: Path, site: Any) -> development.Paths:
    """An authority of this release; the test run's own may be older."""
    paths = development.make(folder=tmp_path / "authority", at=NOW - timedelta(days=1))
    site.AUTHORITY_DIR, site.TRUST_ROOTS = paths.folder, paths.root
    return paths


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"engine": "pena"}, "SEAL_ENGINE"),
        ({"level": "B-X"}, "SEAL_LEVEL"),
        ({"level": "B-T"}, "TSA_URL"),
        ({"level": "B-T", "tsa": {"url": "http://tsa.example", "missing": "mungkin"}}, "TSA_MISSING"),
        ({"level": "B-LT", "tsa": {"url": "http://tsa.example"}}, "SEAL_CRL_URLS"),
        (
            {
                "level": "B-LTA",
                "tsa": {"url": "http://tsa.example", "missing": "without"},
                "revocation_urls": ["http://crl.example"],
            },
            "promise",
        ),
    ],
)
def test_settings_that_contradict_one_another_are_refused_at_the_start(wrong: Any, said: str, site: Any) -> None:
    site.AUTHORITY = wrong
    with pytest.raises(ImproperlyConfigured, match=said):
        authorities.refuse_development()


def test_a_seal_says_nothing_secret(server: DevelopmentServer) -> None:
    stamps = TimestampClient(url=f"{server.url}/tsa", roots=(), authorization="Basic cmFoYXNpYQ==")
    ring = rotation.KeyRing.from_folder(tools.authority("ours").folder)
    said = f"{stamps!r}{TimestampedEngine(inner=ring, client=stamps)!r}{sealer(server, Level.ARCHIVE)!r}{job()!r}"
    assert "cmFoYXNpYQ" not in said and "%PDF" not in said and "PRIVATE" not in said
