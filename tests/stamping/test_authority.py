"""The development authority and the local engine."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.management import CommandError, call_command

from stamping import authorities
from stamping.authority import certificates, development, rotation
from stamping.authority.engine import REASONS, SealingError
from stamping.authority.local import LocalEngine
from stamping.authority.signing import KeptSigner
from stamping.pdf import guards, inspecting
from tests.stamping import pdf_tools as tools


def test_making_an_authority_twice_finds_the_first(tmp_path: Path) -> None:
    first = development.make(folder=tmp_path / "authority", at=tools.NOW)
    root = first.root.read_bytes()
    assert development.make(folder=tmp_path / "authority", at=tools.NOW) == first
    assert first.root.read_bytes() == root


def test_private_files_are_for_their_owner_only(tmp_path: Path) -> None:
    paths = development.make(folder=tmp_path / "authority", at=tools.NOW)
    for path in (paths.signer, paths.passphrase):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.folder.stat().st_mode) == 0o700


def test_a_maker_killed_half_way_leaves_nothing_half_done(tmp_path: Path) -> None:
    folder = tmp_path / "authority"
    code = (
        "import sys; from datetime import datetime, UTC; from pathlib import Path;"
        "from stamping.authority import development;"
        "print('go', flush=True); development.make(folder=Path(sys.argv[1]), at=datetime.now(UTC))"
    )
    root = Path(development.__file__).parents[2]
    maker = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], cwd=root, stdout=subprocess.PIPE, start_new_session=True
    )
    assert maker.stdout is not None and maker.stdout.readline() == b"go\n"
    time.sleep(0.02)
    os.kill(maker.pid, signal.SIGKILL)
    maker.wait()
    assert not folder.exists() or development.Paths(folder).whole
    assert development.make(folder=folder, at=tools.NOW).whole


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "authority").mkdir()
    (tmp_path / "authority" / "notes.txt").write_text("mine")
    with pytest.raises(development.HalfMade):
        development.make(folder=tmp_path / "authority", at=tools.NOW)
    assert [path.name for path in tmp_path.rglob("*")] == ["authority", "notes.txt"]


def test_production_can_tell_a_development_certificate() -> None:
    assert certificates.is_development(tools.engine().certificate)
    assert all(certificates.is_development(root) for root in tools.roots())
    (foreign,) = certificates.load_roots(tools.DATA / "foreign-root.pem")
    assert not certificates.is_development(foreign)


def test_the_signer_may_sign_documents_and_nothing_else() -> None:
    usage = tools.engine().certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and usage.content_commitment and not usage.key_cert_sign


def test_a_wrong_passphrase_is_a_permanent_error() -> None:
    with pytest.raises(SealingError) as failed:
        LocalEngine.from_pkcs12(path=tools.authority().signer, passphrase="salah")
    assert failed.value.permanent and failed.value.code == "key_unreadable"


def test_a_root_may_not_seal() -> None:
    key, root = _elliptic(ca=True)
    with pytest.raises(SealingError) as failed:
        LocalEngine(key=key, certificate=root, chain=())
    assert failed.value.code == "certificate_unfit"


def test_the_template_says_what_pyhanko_would_have_said() -> None:
    engine = tools.engine()
    digest = bytes(range(32))
    assert isinstance(engine._signer, KeptSigner)
    ours = cms.ContentInfo.load(engine.sign(digest=digest, at=tools.NOW), strict=True)
    assert ours.dump() == engine._signer.cms(digest)


def test_pades_forbids_a_signing_time_in_the_signature() -> None:
    info = cms.ContentInfo.load(tools.engine().sign(digest=bytes(32), at=tools.NOW))
    (signer,) = info["content"]["signer_infos"]
    kinds = {attribute["type"].native for attribute in signer["signed_attrs"]}
    assert kinds == {"content_type", "message_digest", "signing_certificate_v2"}


def test_an_elliptic_key_seals_as_well() -> None:
    key, certificate = _elliptic(ca=False)
    sealed = tools.seal(tools.source("letter"), engine=LocalEngine(key=key, certificate=certificate, chain=()))
    (seal,) = inspecting.inspect(source=sealed, roots=(certificate,), at=tools.NOW).seals
    assert seal.intact and seal.certificate_trusted


# --- keys that follow one another ----------------------------------------------------------------------------


@pytest.fixture
def site(settings: Any, tmp_path: Path) -> Iterator[development.Paths]:
    """A site with an authority of its own."""
    paths = development.make(folder=tmp_path / "authority", at=tools.NOW - timedelta(days=1))
    settings.AUTHORITY_DIR, settings.TRUST_ROOTS = paths.folder, paths.root
    authorities.forget()
    yield paths
    authorities.forget()


def rotate(**options: Any) -> str:
    said = StringIO()
    call_command("rotate_key", stdout=said, **{"starts": (tools.NOW + timedelta(days=3)).isoformat(), **options})
    return said.getvalue()


def sealed_by(data: bytes) -> int:
    """The serial number of the certificate that sealed."""
    (embedded,) = guards.open_leniently(data).embedded_regular_signatures
    return int(embedded.signer_cert.serial_number)


def test_a_new_key_seals_from_its_time_on_and_old_seals_stay_valid(site: development.Paths) -> None:
    before = tools.seal(tools.source("letter"), engine=authorities.engine())
    assert "Restart" in rotate()
    ring, turn = authorities.engine(), tools.NOW + timedelta(days=3)
    still = tools.seal(tools.source("letter"), engine=ring, at=turn - timedelta(seconds=1))
    after = tools.seal(tools.source("letter"), engine=ring, at=turn)
    assert sealed_by(before) == sealed_by(still) != sealed_by(after)
    for data in (before, still, after):
        (seal,) = inspecting.inspect(source=data, roots=authorities.roots(), at=turn + timedelta(days=1)).seals
        assert seal.intact and seal.certificate_trusted


def test_a_key_of_another_authority_brings_its_root_and_the_old_root_stays(
    site: development.Paths, tmp_path: Path
) -> None:
    other = development.make(folder=tmp_path / "other", at=tools.NOW - timedelta(days=1))
    before = tools.seal(tools.source("letter"), engine=authorities.engine())
    rotate(pkcs12=other.signer, passphrase_file=other.passphrase, root=other.root)
    after = tools.seal(tools.source("letter"), engine=authorities.engine(), at=tools.NOW + timedelta(days=4))
    assert len(authorities.roots()) == 2
    for data in (before, after):
        (seal,) = inspecting.inspect(source=data, roots=authorities.roots(), at=tools.NOW + timedelta(days=5)).seals
        assert seal.certificate_trusted
    assert rotation.trust(bundle=site.root, roots=certificates.load_roots(other.root)) == 0


def test_rotated_keys_are_for_their_owner_only(site: development.Paths) -> None:
    rotate()
    (folder,) = (site.folder / "keys").iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("days", "said"),
    [(-1, "a time to come"), (3000, "does not hold")],
)
def test_a_key_that_cannot_take_over_is_refused_and_nothing_is_left(
    days: int, said: str, site: development.Paths
) -> None:
    with pytest.raises(CommandError, match=said):
        rotate(starts=(tools.NOW + timedelta(days=days)).isoformat())
    assert not (site.folder / "keys").exists() or list((site.folder / "keys").iterdir()) == []


def test_two_keys_cannot_begin_at_one_time(site: development.Paths) -> None:
    rotate()
    with pytest.raises(CommandError, match="at this very time"):
        rotate()


def test_a_wrong_passphrase_or_a_strange_time_is_said_plainly(site: development.Paths, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("salah")
    with pytest.raises(CommandError, match="passphrase is missing or wrong") as refused:
        rotate(pkcs12=site.signer, passphrase_file=wrong)
    assert "salah" not in str(refused.value)
    with pytest.raises(CommandError, match="such as"):
        rotate(starts="besok")
    with pytest.raises(CommandError, match="passphrase-file"):
        rotate(pkcs12=site.signer)


def test_an_authority_of_an_older_release_says_that_it_can_issue_nothing(site: development.Paths) -> None:
    site.root_key.unlink()
    with pytest.raises(CommandError, match="older release"):
        rotate()
    with pytest.raises(CommandError, match="older release"):
        call_command("make_authority", serve=0, stdout=StringIO())


def test_production_takes_no_development_key(site: development.Paths, settings: Any) -> None:
    settings.ALLOW_DEVELOPMENT_AUTHORITY = False
    with pytest.raises(CommandError, match="Name the new key"):
        rotate()
    with pytest.raises(CommandError, match="development"):
        rotate(pkcs12=site.signer, passphrase_file=site.passphrase, root=site.root)
    with pytest.raises(CommandError, match="development"):
        rotate(pkcs12=site.signer, passphrase_file=site.passphrase)


def test_the_root_key_is_locked_and_for_its_owner_only(site: development.Paths) -> None:
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in site.root_key.read_bytes()
    for path in (site.root_key, site.tsa):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_revocation_list_names_what_was_revoked_and_is_signed_by_the_root(site: development.Paths) -> None:
    (root,) = certificates.load_roots(site.root)
    certificate = authorities.engine().at(tools.NOW).certificate  # type: ignore[attr-defined]
    for revoked in (False, True):
        if revoked:
            development.revoke(paths=site, certificate=certificate, at=tools.NOW)
        found = x509.load_der_x509_crl(development.revocation_list(paths=site, at=tools.NOW))
        assert found.is_signature_valid(root.public_key())  # type: ignore[arg-type]
        assert (found.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None) == revoked


def test_every_code_of_an_engine_says_a_sentence() -> None:
    source = Path(development.__file__).parent
    used = set()
    for path in (*source.glob("*.py"), source.parent / "pdf" / "signing.py", source.parent / "pdf" / "sealing.py"):
        used |= set(re.findall(r'(?:SealingError|Refused|_no)\("([a-z_]+)"', path.read_text()))
    document = {"no_such_page", "unreadable", "signed_and_damaged"}  # the kernel's own refusals
    assert used - document <= set(REASONS)
    assert SealingError("issuer_quota", permanent=False).reason == REASONS["issuer_quota"]


def _elliptic(*, ca: bool) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Contoh")])
    usage = x509.KeyUsage(not ca, not ca, False, False, False, ca, ca, False, False)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(tools.NOW - timedelta(days=1))
        .not_valid_after(tools.NOW + timedelta(days=1))
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    assert certificate.public_bytes(serialization.Encoding.PEM)
    return key, certificate
