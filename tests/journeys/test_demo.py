"""script/demo against a running site, with every kind of file that people bring."""

import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tests.journeys.conftest import DATA
from tests.running_site import ROOT, Site

NAMES = ["letter", "scan", "signed", "rotated-90"]


def test_the_demo_ends_with_files_that_every_verifier_calls_valid(site: Site, tmp_path: Path) -> None:
    for name in NAMES:
        target = tmp_path / f"{name}.pdf"
        run = subprocess.run(
            [sys.executable, ROOT / "script/journey.py", DATA / f"{name}.pdf", target, "--url", site.url],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr + site.logs()
        assert "valid" in run.stdout.splitlines()[-1]
        judge(target, signatures=2 if name == "signed" else 1)


def test_the_demo_fails_with_words_for_a_file_that_cannot_take_a_stamp(site: Site, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "script/journey.py", DATA / "certified-1.pdf", tmp_path / "x.pdf", "--url", site.url],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 1
    assert "melarang semua perubahan" in run.stderr


def judge(path: Path, *, signatures: int) -> None:
    """pdfsig and qpdf have the last word, where they are installed."""
    for tool in ("pdfsig", "qpdf"):
        if not shutil.which(tool):
            words = f"NO {tool.upper()} HERE: its judgement is not asked (apt install poppler-utils qpdf)"
            warnings.warn(words, stacklevel=1)
            pytest.skip(words)
    said = subprocess.run(["pdfsig", path], capture_output=True, text=True, check=False).stdout
    assert said.count("Signature is Valid") == signatures, said
    assert subprocess.run(["qpdf", "--check", path], capture_output=True, check=False).returncode == 0
