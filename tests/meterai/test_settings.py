"""A site for real stamps refuses to start with anything that belongs to development, and says all of it at once."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from stamping.authority import development

ROOT = Path(__file__).parents[2]
GOOD = {
    "DJANGO_SETTINGS_MODULE": "meterai.settings.production",
    "SECRET_KEY": "q8" * 30,
    "SITE_URL": "https://meterai.example",
    "DATABASE_URL": "postgres://meterai:x@127.0.0.1:1/meterai",
    "CACHE_URL": "redis://127.0.0.1:1/1",
    "BROKER_URL": "redis://127.0.0.1:1/0",
    "STORAGE_URL": "file:///nonexistent/files",
    "AUTHORITY_DIR": "/nonexistent/authority",
    "GATEWAYS": "none",
    "EMAIL_URL": "smtp+tls://user:word@mail.meterai.example:587",
}
PROGRAM = "from django.conf import settings; print(settings.DUTY)"


def start(environment: dict[str, str], program: str = PROGRAM) -> tuple[int, str]:
    """Load the settings in a process of their own; the exit code and all it said."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, "-c", program]
    outcome = subprocess.run(
        command, cwd=ROOT, env=kept | environment, capture_output=True, text=True, timeout=60, check=False
    )
    return outcome.returncode, outcome.stdout + outcome.stderr


def test_a_complete_environment_starts() -> None:
    assert start(GOOD) == (0, "10000\n")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SECRET_KEY", "short", "SECRET_KEY must be at least 50"),
        ("SECRET_KEY", "development-" + "x" * 60, "SECRET_KEY must be at least 50"),
        ("SITE_URL", "http://meterai.example", "SITE_URL must be an https"),
        ("GATEWAYS", "sandbox", "must not name the sandbox"),
        ("DATABASE_URL", "sqlite:///x", "DATABASE_URL must be a postgres"),
        ("STORAGE_URL", "ftp://x", "STORAGE_URL must be file"),
        ("RESERVATION_MINUTES", "soon", "RESERVATION_MINUTES must be a whole number"),
        ("CACHE_URL", "", "CACHE_URL is not set"),
        ("EMAIL_URL", "consolemail://", "EMAIL_URL must name a mail server"),
        ("EMAIL_URL", "pigeon", "EMAIL_URL must be an address"),
    ],
)
def test_production_refuses_and_names_the_reason(name: str, value: str, words: str) -> None:
    code, said = start(GOOD | {name: value})
    assert code != 0 and words in said


def test_production_takes_real_gateways_and_refuses_their_trial_sides() -> None:
    real = GOOD | {"GATEWAYS": "midtrans,transfer", "MIDTRANS_SERVER_KEY": "key"}
    real |= {"TRANSFER_BANK": "BCA", "TRANSFER_NUMBER": "0123456789", "TRANSFER_HOLDER": "PT Contoh"}
    assert start(real) == (0, "10000\n")
    code, said = start(real | {"MIDTRANS_ENVIRONMENT": "sandbox"})
    assert code != 0 and "MIDTRANS_ENVIRONMENT must be production" in said


def test_production_refuses_the_development_certificate(tmp_path: Path) -> None:
    paths = development.make(folder=tmp_path / "authority", at=datetime(2026, 1, 1, tzinfo=UTC))
    program = "import django; django.setup()"
    code, said = start(GOOD | {"AUTHORITY_DIR": str(paths.folder)}, program)
    assert code != 0 and "holds the development certificate" in said
    other = tmp_path / "other.pem"
    other.write_bytes(real_looking_root())
    code, said = start(GOOD | {"AUTHORITY_DIR": str(paths.folder), "TRUST_ROOTS": str(other)}, program)
    assert code != 0 and "signs with the development certificate" in said


def real_looking_root() -> bytes:
    """A root that does not carry our development mark."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1).not_valid_before(datetime(2026, 1, 1))
    return builder.not_valid_after(datetime(2036, 1, 1)).sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_every_trouble_is_named_in_one_go_and_no_value_with_it() -> None:
    code, said = start({"DJANGO_SETTINGS_MODULE": "meterai.settings.production", "SECRET_KEY": "a-secret-too-short"})
    assert code != 0 and "a-secret-too-short" not in said
    for name in (
        "SECRET_KEY",
        "SITE_URL",
        "DATABASE_URL",
        "CACHE_URL",
        "BROKER_URL",
        "STORAGE_URL",
        "AUTHORITY_DIR",
        "SANDBOX_URL",
    ):
        assert name in said
