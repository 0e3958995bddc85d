"""A sample of the corpus of nasty files through `seal_folder`, judged by qpdf, pdfsig, pyHanko and the eye.

All of it: `python -m tests.corpus` (see there).
"""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from stamping import wording
from tests.corpus import judging, make
from tests.corpus.cases import CASES

PLACED = [f"page-{box}-{turn}.pdf" for box in ("plain", "crop-over") for turn in (0, 90, 180, 270)]
SAMPLE = {
    case.name: case
    for case in [*make.sample(), *(CASES[name] for name in (*PLACED, "size-10x10cm.pdf", "size-a0.pdf"))]
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, Any]]]:
    """(the folder, the report's lines by file) of the sample, sealed once."""
    folder = tmp_path_factory.mktemp("corpus")
    make.fill(folder / "in", SAMPLE.values())
    report = folder / "report.jsonl"
    call_command("seal_folder", str(folder / "in"), str(folder / "out"), no_stock=True, jobs=2, report=report)
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    return folder, {line["file"]: line for line in lines}


def test_the_corpus_has_hundreds_of_files() -> None:
    assert len(CASES) >= 300


def test_every_file_is_judged(run: tuple[Path, dict[str, dict[str, Any]]]) -> None:
    assert set(run[1]) == set(SAMPLE)


@pytest.mark.parametrize("name", SAMPLE)
def test_a_nasty_file_is_sealed_soundly_or_refused_plainly(
    name: str, run: tuple[Path, dict[str, dict[str, Any]]]
) -> None:
    folder, lines = run
    line, case = lines[name], SAMPLE[name]
    assert not case.codes or line["code"] in case.codes
    if line["verdict"] == "refused":
        assert line["reason"] == wording.finding(line["code"]) != str(wording.UNKNOWN)
    else:
        assert list(judging.troubles((folder / "in" / name).read_bytes(), folder / "out" / name, line)) == []
