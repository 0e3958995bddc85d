"""What the tests of the PDF kernel share: an authority, an engine, the judges."""

import shutil
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from stamping.authority import certificates, development
from stamping.authority.local import LocalEngine
from stamping.pdf import geometry, sealing

DATA = Path(__file__).resolve().parents[1] / "data"
NOW = datetime.now(UTC).replace(microsecond=0)
SERIAL, OTHER_SERIAL = "ABCDEFGHIJKLMN01234567", "ZYXWVUTSRQPONM76543210"
ADDRESS = "https://meterai.example/v/ABCDEFGHIJKLMN01234567/K7QX"
PLACE = geometry.Placement(page=1, x=330.0, y=180.0)
ROTATED = ("rotated-90", "rotated-180", "rotated-270")
SEALABLE = ("letter", "scan", "signed", *ROTATED, "shifted", "encrypted", "damaged", "scripted")


def source(name: str) -> bytes:
    return (DATA / f"{name}.pdf").read_bytes()


@cache
def authority(name: str = "ours") -> development.Paths:
    """An authority made for this run; another name is another authority."""
    folder = Path(tempfile.mkdtemp(prefix="authority-"))
    return development.make(folder=folder / name, at=NOW - timedelta(days=1))


@cache
def engine(name: str = "ours") -> LocalEngine:
    paths = authority(name)
    return LocalEngine.from_pkcs12(path=paths.signer, passphrase=paths.passphrase.read_text())


@cache
def roots(name: str = "ours") -> tuple[x509.Certificate, ...]:
    return certificates.load_roots(authority(name).root)


def seal(data: bytes, **changes: Any) -> bytes:
    options: dict[str, Any] = {
        "placement": PLACE,
        "serial": SERIAL,
        "verification_url": ADDRESS,
        "reason_text": "Meterai elektronik Rp10.000",
        "engine": engine(),
        "at": NOW,
    }
    return sealing.seal(source=data, **{**options, **changes}).data


def judge(tool: str, data: bytes, tmp_path: Path, *options: str) -> tuple[int, str]:
    """(exit code, output) of pdfsig or qpdf on this file. Skips, with the package to install, where it is
    missing."""
    if shutil.which(tool) is None:
        package = {"pdfsig": "poppler-utils", "qpdf": "qpdf"}[tool]
        pytest.skip(f"{tool} IS MISSING: apt-get install {package}; these seals were NOT judged by it")
    path = tmp_path / "judged.pdf"
    path.write_bytes(data)
    done = subprocess.run([tool, *options, str(path)], capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout + done.stderr
