"""`manage.py seal_folder`: a folder in, a folder out, a line a file. No fixture of a database: it needs none."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from stamping import bulk, wording
from stamping.authority.engine import SealingError
from stamping.pdf.geometry import Placement
from stamping.pdf.handling import Wish
from stamping.pdf.inspecting import signatures
from stamping.pdf.trouble import Hostile
from stamping.pdf.warm import Warm
from tests.corpus import damage_cases
from tests.stamping import pdf_tools as tools


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two letters, one of them deeper, and what is no PDF."""
    given = tmp_path / "in"
    (given / "2026" / "maret").mkdir(parents=True)
    (given / "surat.pdf").write_bytes(tools.source("letter"))
    (given / "2026" / "maret" / "pindaian.PDF").write_bytes(tools.source("scan"))
    (given / "catatan.txt").write_text("bukan PDF")
    return given


def run(given: Path, out: Path, **options: Any) -> dict[str, dict[str, Any]]:
    """The report's lines by file."""
    report = out.parent / "report.jsonl"
    call_command("seal_folder", str(given), str(out), no_stock=True, report=report, **options)
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert len({line["file"] for line in lines}) == len(lines)
    return {line["file"]: line for line in lines}


def test_each_file_has_a_line_and_the_folder_keeps_its_shape(folder: Path, tmp_path: Path) -> None:
    lines = run(folder, tmp_path / "out")
    assert {name: line["verdict"] for name, line in lines.items()} == {
        "surat.pdf": "sealed",
        "2026/maret/pindaian.PDF": "sealed",
        "catatan.txt": "refused",
    }
    for name in ("surat.pdf", "2026/maret/pindaian.PDF"):
        sealed = (tmp_path / "out" / name).read_bytes()
        (seal,) = signatures(sealed)
        assert seal.intact and seal.reason.startswith(f"[{lines[name]['serial']}]")
    assert not (tmp_path / "out" / "catatan.txt").exists()
    assert lines["surat.pdf"]["place"]["how"] == "beside_signature"
    assert lines["surat.pdf"]["milliseconds"] > 0


def test_what_is_not_sealed_has_a_stable_code_and_a_sentence(tmp_path: Path) -> None:
    given = tmp_path / "in"
    given.mkdir()
    (given / "kosong.pdf").write_bytes(b"")
    (given / "foto.pdf").write_bytes(b"\x89PNG" + b"\0" * 50)
    (given / "terkunci.pdf").write_bytes(tools.source("locked"))
    (given / "besar.pdf").write_bytes(tools.source("letter") + b"%" * 200_000)
    (given / "putus.pdf").symlink_to(tmp_path / "tidak-ada")
    (given / "map.pdf").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(given / "pipa.pdf")
    lines = run(given, tmp_path / "out", max_bytes=150_000)
    assert {name: line["code"] for name, line in lines.items()} == {
        "kosong.pdf": "empty_file",
        "foto.pdf": "not_pdf",
        "terkunci.pdf": "password_needed",
        "besar.pdf": "too_large",
        "putus.pdf": "cannot_read",
        "map.pdf": "not_a_file",
        "pipa.pdf": "not_a_file",
    }
    assert all(line["reason"] == wording.finding(line["code"]) != str(wording.UNKNOWN) for line in lines.values())


@pytest.mark.parametrize("out", ["in", "in/hasil", "."])
def test_nothing_is_ever_written_into_the_folder_that_is_read(folder: Path, tmp_path: Path, out: str) -> None:
    before = sorted(folder.rglob("*"))
    with pytest.raises(CommandError):
        call_command("seal_folder", str(folder), str(tmp_path / out), no_stock=True)
    with pytest.raises(CommandError):
        call_command("seal_folder", str(folder), str(tmp_path / "out"), no_stock=True, report=folder / "r.jsonl")
    assert sorted(folder.rglob("*")) == before


def test_a_link_in_the_output_never_leads_back_into_the_input(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "2026").symlink_to(folder / "2026", target_is_directory=True)
    with pytest.raises(SystemExit) as ended:
        run(folder, out)
    assert ended.value.code == 1
    assert (folder / "2026" / "maret" / "pindaian.PDF").read_bytes() == tools.source("scan")


def test_a_second_run_seals_nothing_twice(folder: Path, tmp_path: Path) -> None:
    first = run(folder, tmp_path / "out")
    written = (tmp_path / "out" / "surat.pdf").stat()
    second = run(folder, tmp_path / "out")
    assert (tmp_path / "out" / "surat.pdf").stat().st_mtime_ns == written.st_mtime_ns
    assert second["surat.pdf"]["again"] and not first["surat.pdf"]["again"]
    assert second["surat.pdf"]["serial"] == first["surat.pdf"]["serial"]
    assert second["surat.pdf"]["place"] == first["surat.pdf"]["place"]


def test_other_bytes_or_another_place_are_sealed_anew(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "out")
    (folder / "surat.pdf").write_bytes(tools.source("shifted"))
    second = run(folder, tmp_path / "out")
    assert not second["surat.pdf"]["again"] and second["2026/maret/pindaian.PDF"]["again"]
    third = run(folder, tmp_path / "out", place=Placement(page=1, x=40.0, y=60.0))
    assert third["surat.pdf"]["place"] == {"page": 1, "x": 40.0, "y": 60.0, "size": 86.0, "how": "asked"}


def test_a_file_refused_now_does_not_keep_what_an_earlier_one_became(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "out")
    (folder / "surat.pdf").write_bytes(tools.source("locked"))
    assert run(folder, tmp_path / "out")["surat.pdf"]["verdict"] == "refused"
    assert not (tmp_path / "out" / "surat.pdf").exists()


def test_what_a_kill_left_behind_is_cleared_and_done_again(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(folder, out)
    journal = out / bulk.KEPT / "journal.jsonl"
    journal.write_text(journal.read_text()[:-20])  # half a line, as a kill leaves it
    (out / bulk.KEPT / "new" / "separuh").write_bytes(b"%PDF-")
    lines = run(folder, out)
    assert sorted(line["again"] for line in lines.values() if line["verdict"] == "sealed") == [False, True]
    assert list((out / bulk.KEPT / "new").iterdir()) == []
    assert all(line["again"] for line in run(folder, out).values() if line["verdict"] == "sealed")


def test_a_run_killed_in_the_middle_leaves_whole_files_and_the_next_one_ends_it(tmp_path: Path) -> None:
    given, out = tmp_path / "in", tmp_path / "out"
    given.mkdir()
    for number in range(5):
        (given / f"{number:02}.pdf").write_bytes(tools.source("letter"))
    command = [sys.executable, "manage.py", "seal_folder", str(given), str(out), "--no-stock"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert first["verdict"] == "sealed"
    done = sorted(out.glob("*.pdf"))
    assert 1 <= len(done) < 5
    assert all(signatures(path.read_bytes())[0].intact for path in done)
    lines = run(given, out)
    assert len(lines) == 5 and all(line["verdict"] == "sealed" for line in lines.values())
    assert lines["00.pdf"]["again"]


def test_two_runs_never_work_on_one_output(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / bulk.KEPT).mkdir(parents=True)
    with (tmp_path / "out" / bulk.KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CommandError):
            run(folder, tmp_path / "out")


def test_equal_files_have_serials_of_their_own(tmp_path: Path) -> None:
    given = tmp_path / "in"
    given.mkdir()
    for name in ("a.pdf", "b.pdf", "c.pdf"):
        (given / name).write_bytes(tools.source("letter"))
    serials = {line["serial"] for line in run(given, tmp_path / "out", jobs=2).values()}
    assert len(serials) == 3
    assert all(len(serial) == 22 and serial.startswith("SPESIMEN") for serial in serials)


def test_a_page_that_is_not_there_is_a_line_and_not_the_end(folder: Path, tmp_path: Path) -> None:
    lines = run(folder, tmp_path / "out", place=Placement(page=9, x=40.0, y=60.0))
    assert lines["surat.pdf"]["code"] == "no_such_page"


@pytest.mark.parametrize("place", ["kiri", "1,2", "1,2,3,4", "x,y,1", ""])
def test_a_place_that_makes_no_sense_is_refused_before_anything(folder: Path, tmp_path: Path, place: str) -> None:
    with pytest.raises(CommandError):
        call_command("seal_folder", str(folder), str(tmp_path / "out"), "--no-stock", f"--place={place}")
    assert not (tmp_path / "out").exists()


def test_serials_from_stock_are_not_taken_without_an_order(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no-stock"):
        call_command("seal_folder", str(folder), str(tmp_path / "out"))


def test_a_file_that_eats_time_is_stopped_and_the_next_one_is_sealed() -> None:
    wish = Wish(tools.SERIAL, tools.ADDRESS, "uji", tools.NOW, 10**8)
    warm = Warm(cpu_seconds=2)
    try:
        with pytest.raises(Hostile):
            warm.handle(source=damage_cases.bomb_of_operators(), wish=wish, engine=tools.engine())
        outcome, sealed = warm.handle(source=tools.source("letter"), wish=wish, engine=tools.engine())
    finally:
        warm.close()
    assert outcome.code == "" and signatures(sealed)[0].intact


def test_an_engine_that_fails_is_not_the_files_fault_and_the_next_file_is_sealed() -> None:
    wish = Wish(tools.SERIAL, tools.ADDRESS, "uji", tools.NOW, 10**8)
    late = replace(wish, at=tools.NOW.replace(year=tools.NOW.year + 9))  # the certificate has run out by then
    warm = Warm()
    try:
        with pytest.raises(SealingError):
            warm.handle(source=tools.source("letter"), wish=late, engine=tools.engine())
        outcome, sealed = warm.handle(source=tools.source("letter"), wish=wish, engine=tools.engine())
    finally:
        warm.close()
    assert outcome.code == "" and signatures(sealed)[0].intact


def test_a_file_that_hangs_is_stopped() -> None:
    wish = Wish(tools.SERIAL, tools.ADDRESS, "uji", tools.NOW, 10**8)
    warm = Warm(wall_seconds=0.05)  # less than the libraries take to load
    try:
        with pytest.raises(Hostile):
            warm.handle(source=tools.source("letter"), wish=wish, engine=tools.engine())
    finally:
        warm.close()


def test_the_child_that_reads_has_no_key_and_none_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "rahasia-sekali")
    wish = Wish(tools.SERIAL, tools.ADDRESS, "uji", tools.NOW, 10**8)
    warm = Warm()
    try:
        warm.handle(source=tools.source("letter"), wish=wish, engine=tools.engine())
        assert warm._process is not None
        seen = Path(f"/proc/{warm._process.pid}/environ").read_bytes()
    finally:
        warm.close()
    assert b"PYTHONPATH" in seen and b"rahasia" not in seen
