"""The development authority and the local engine."""

import os
import signal
import stat
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stamping.authority import certificates, development
from stamping.authority.engine import SealingError
from stamping.authority.local import LocalEngine
from stamping.authority.signing import KeptSigner
from stamping.pdf import inspecting
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
