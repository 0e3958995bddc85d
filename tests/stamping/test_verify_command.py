"""`manage.py verify FILE`: facts as JSON, the conclusion as the exit code."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from meterai.models import Stamp
from stamping import files, sealing, turns, verifying
from stamping.management.commands import verify
from stamping.models import Document
from tests.stamping.conftest import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def sealed(queued: Callable[..., Document], tmp_path: Path) -> Path:
    """A sealed letter, as a file."""
    document = queued()
    sealing.seal_due(at=NOW)
    document.refresh_from_db()
    path = tmp_path / "bermeterai.pdf"
    path.write_bytes(files.read(document.output))
    return path


def check(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    """(exit code, what was printed)."""
    with pytest.raises(verify.Answered) as end:
        call_command("verify", str(path))
    return int(str(end.value.code)), json.loads(capsys.readouterr().out)


def test_a_sealed_file_ends_with_0_and_its_facts(sealed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed = check(sealed, capsys)
    seal = printed["seals"][0]
    assert (code, printed["conclusion"], printed["problem"]) == (0, "valid", "")
    assert (seal["seal_intact"], seal["certificate_trusted"], seal["hash_matches"]) == (True, True, True)
    assert (seal["changes_after"], seal["reasons"]) == ("nothing", [])


def test_a_changed_file_ends_with_1(sealed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray(sealed.read_bytes())
    data[len(data) // 3] ^= 1
    sealed.write_bytes(data)
    code, printed = check(sealed, capsys)
    assert (code, printed["seals"][0]["reasons"][0]) == (1, "seal_broken")
    assert "digest_wrong" in printed["seals"][0]["faults"]


def test_a_void_serial_ends_with_2(sealed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Stamp.objects.filter(state="affixed").update(state="void", void_reason="recall")
    assert check(sealed, capsys)[0] == 2


def test_a_file_without_a_seal_ends_with_3(letter: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "surat.pdf"
    path.write_bytes(letter)
    code, printed = check(path, capsys)
    assert (code, printed["seals"][0]["reasons"]) == (3, ["no_seal"])


def test_a_missing_file_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as refusal:
        call_command("verify", str(tmp_path / "tiada.pdf"))
    assert refusal.value.returncode == verify.NO_INPUT


def test_lost_certificates_are_no_verdict(letter: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "surat.pdf"
    path.write_bytes(letter)
    from stamping import authorities

    authorities.roots.cache_clear()
    monkeypatch.setattr(settings, "TRUST_ROOTS", tmp_path / "tiada.pem")
    with pytest.raises(CommandError) as refusal:
        call_command("verify", str(path))
    authorities.roots.cache_clear()
    assert refusal.value.returncode == verify.NO_ANSWER


def test_wrong_use_is_no_verdict() -> None:
    """argparse ends with 2, which would say "cancelled"."""
    done = subprocess.run(
        [sys.executable, "manage.py", "verify"], cwd=settings.BASE_DIR, env=os.environ, capture_output=True, check=False
    )
    assert done.returncode == verify.USAGE


def test_a_busy_machine_is_no_verdict(letter: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "surat.pdf"
    path.write_bytes(letter)
    monkeypatch.setattr(verify, "PATIENCE", 0.0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # turns of its own
    monkeypatch.setattr(turns, "at_once", lambda: 1)
    with turns.turn(name=verifying.TURN), pytest.raises(CommandError) as refusal:
        call_command("verify", str(path))
    assert refusal.value.returncode == verify.TRY_AGAIN
