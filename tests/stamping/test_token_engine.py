"""The key that never leaves its token, on SoftHSM: a real PKCS #11 library, in software."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from cryptography.x509.oid import NameOID
from django.core.exceptions import ImproperlyConfigured

from stamping import authorities
from stamping.authority.engine import SealingError
from stamping.authority.token import NotInstalled, Slot, TokenEngine
from stamping.pdf import inspecting
from tests.stamping import pdf_tools as tools

NOW = tools.NOW
PIN = "739201"
MODULES = (
    os.environ.get("SOFTHSM2_MODULE", ""),
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
)
INSTALLED = importlib.util.find_spec("pkcs11") is not None


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SoftHSM's library, with an empty store. Skips, with the package to install, where it is missing."""
    found = next((path for path in map(Path, MODULES) if path.is_file()), None)
    if found is None or shutil.which("softhsm2-util") is None:
        pytest.skip("SOFTHSM IS MISSING: apt-get install softhsm2; the token engine was NOT tried")
    if not INSTALLED:
        pytest.skip("PYTHON-PKCS11 IS MISSING: pip install python-pkcs11; the token engine was NOT tried")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")  # read once, when the library is loaded
    return found


@pytest.fixture(scope="module")
def slots(module: Path) -> dict[str, tuple[Slot, x509.Certificate]]:
    """A token for each kind of key, by its name."""
    rsa_key, rsa_certificate = _ours()
    made = {"rsa": (rsa_key, rsa_certificate), "p256": _elliptic()}
    return {name: (_loaded(module, name, *pair), pair[1]) for name, pair in made.items()}


def _loaded(module: Path, name: str, key: Any, certificate: x509.Certificate) -> Slot:
    """A new token with this key and certificate in it."""
    pem = Path(os.environ["SOFTHSM2_CONF"]).with_name(f"{name}.pem")
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    _util(module, "--init-token", "--free", "--label", name, "--pin", PIN, "--so-pin", "12345678")
    _util(module, "--import", str(pem), "--token", name, "--label", "segel", "--id", "01", "--pin", PIN)
    # In a process of its own: this one's library must be loaded by the engine, as in a worker.
    code = (
        "import sys, pkcs11; from pkcs11 import Attribute; from pkcs11.util import x509;"
        "values = x509.decode_x509_certificate(bytes.fromhex(sys.argv[4]));"
        "session = pkcs11.lib(sys.argv[1]).get_token(token_label=sys.argv[2]).open(rw=True, user_pin=sys.argv[3]);"
        "session.create_object({**values, Attribute.LABEL: 'segel', Attribute.TOKEN: True}); session.close()"
    )
    certified = certificate.public_bytes(Encoding.DER).hex()
    subprocess.run([sys.executable, "-c", code, str(module), name, PIN, certified], check=True)
    return Slot(module=module, token=name, key="segel", pin=PIN)


def _util(module: Path, *options: str) -> None:
    subprocess.run(["softhsm2-util", "--module", str(module), *options], check=True, capture_output=True)


def _ours() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    paths = tools.authority("ours")
    key, certificate, _chain = pkcs12.load_key_and_certificates(
        paths.signer.read_bytes(), paths.passphrase.read_bytes()
    )
    assert isinstance(key, rsa.RSAPrivateKey) and certificate is not None
    return key, certificate


def _elliptic() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Contoh")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.KeyUsage(True, True, False, False, False, False, False, False, False), critical=True)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


Slots = dict[str, tuple[Slot, x509.Certificate]]


@pytest.fixture
def engine(slots: Slots) -> Iterator[Callable[..., TokenEngine]]:
    """Makes an engine: `engine("rsa", pin="…")`. All are closed afterwards: a login counts for the whole process."""
    made: list[TokenEngine] = []

    def make(
        name: str = "rsa", *, chain: tuple[x509.Certificate, ...] = (), accepts: bool = True, **change: Any
    ) -> TokenEngine:
        made.append(TokenEngine(slot=replace(slots[name][0], **change), chain=chain, accepts_development=accepts))
        return made[-1]

    yield make
    for one in made:
        one.close()


Engines = Callable[..., TokenEngine]


@pytest.mark.parametrize("name", ["rsa", "p256"])
def test_a_key_in_a_token_seals_and_every_judge_agrees(
    name: str, engine: Engines, slots: Slots, tmp_path: Path
) -> None:
    sealed = tools.seal(tools.source("letter"), engine=engine(name))
    roots = tools.roots("ours") if name == "rsa" else (slots[name][1],)
    (seal,) = inspecting.inspect(source=sealed, roots=roots, at=NOW).seals
    assert seal.intact and seal.certificate_trusted
    _code, said = tools.judge("pdfsig", sealed, tmp_path, "-nocert")
    assert said.count("Signature is Valid.") == 1


def test_the_token_and_the_file_make_the_same_signature_of_the_same_key(engine: Engines) -> None:
    digest = bytes(range(32))
    ours = engine(chain=tools.roots("ours")).sign(digest=digest, at=NOW)
    assert ours == tools.engine("ours").sign(digest=digest, at=NOW)


def test_two_engines_of_one_process_share_the_login(engine: Engines) -> None:
    digest = bytes(range(32))
    assert engine().sign(digest=digest, at=NOW) == engine().sign(digest=digest, at=NOW)


def _sign_in(engine: TokenEngine, answers: Any) -> None:
    signature = engine.sign(digest=bytes(32), at=NOW)
    assert engine._opened is not None
    answers.put((signature, engine._opened.process))


def test_a_forked_process_opens_a_session_of_its_own(engine: Engines) -> None:
    ours = engine()
    before = ours.sign(digest=bytes(32), at=NOW)
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=_sign_in, args=(ours, answers))
    child.start()
    child.join(30)
    assert child.exitcode == 0 and answers.get() == (before, child.pid)
    assert ours.sign(digest=bytes(32), at=NOW) == before


def test_a_session_that_died_is_opened_anew(engine: Engines, slots: Slots) -> None:
    ours = engine()
    before = ours.sign(digest=bytes(32), at=NOW)
    import pkcs11

    pkcs11.lib(str(slots["rsa"][0].module)).reinitialize()  # as when a card is pulled out and put back
    assert ours.sign(digest=bytes(32), at=NOW) == before


def test_a_wrong_pin_is_tried_once_and_never_again(engine: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    from stamping.authority import token

    ours = engine(pin="000000")
    for _try in range(5):
        with pytest.raises(SealingError) as trouble:
            ours.sign(digest=bytes(32), at=NOW)
        assert (trouble.value.code, trouble.value.permanent) == ("token_pin_wrong", False)
        # A few wrong tries lock a real card: after the first nothing that opens a session may be reached.
        monkeypatch.setattr(token, "_opened", _must_not_be_called)


def _must_not_be_called(*_args: object, **_named: object) -> None:
    raise AssertionError("the PIN was tried again")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"token": "tidak ada"}, "token_unavailable"),
        ({"key": "tidak ada"}, "token_key_missing"),
        ({"module": Path("/nonexistent.so")}, "token_unavailable"),
    ],
)
def test_a_token_that_is_not_there_is_a_delay(change: dict[str, Any], code: str, engine: Engines) -> None:
    with pytest.raises(SealingError) as trouble:
        engine(**change).sign(digest=bytes(32), at=NOW)
    assert (trouble.value.code, trouble.value.permanent) == (code, False)


def test_a_certificate_that_ran_out_does_not_seal(engine: Engines) -> None:
    with pytest.raises(SealingError) as trouble:
        engine("p256").sign(digest=bytes(32), at=NOW + timedelta(days=30))
    assert trouble.value.code == "certificate_out_of_date"


def test_production_does_not_sign_with_a_development_certificate_in_a_token(engine: Engines) -> None:
    with pytest.raises(SealingError) as trouble:
        engine(accepts=False).sign(digest=bytes(32), at=NOW)
    assert trouble.value.code == "certificate_unfit"


def test_the_pin_is_never_shown(engine: Engines, slots: Slots) -> None:
    assert PIN not in f"{slots['rsa'][0]!r}{engine()!r}"


@pytest.fixture
def without_the_package(monkeypatch: pytest.MonkeyPatch) -> Callable[[], TokenEngine]:
    """A machine on which python-pkcs11 was never installed."""
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    slot = Slot(module=Path("/nonexistent.so"), token="t", key="k", pin=PIN)
    return partial(TokenEngine, slot=slot)


def test_without_the_package_the_settings_are_refused_in_plain_words(
    without_the_package: Callable[[], TokenEngine], settings: Any
) -> None:
    with pytest.raises(NotInstalled, match="python-pkcs11"):
        without_the_package()
    settings.AUTHORITY = {
        "engine": "token",
        "token": {"module": "/nonexistent.so", "token": "t", "key": "k", "pin_secret": PIN},
    }
    authorities.forget()
    try:
        with pytest.raises(ImproperlyConfigured, match="SEAL_ENGINE=token") as refused:
            authorities.refuse_development()
        assert PIN not in str(refused.value)
    finally:
        authorities.forget()
