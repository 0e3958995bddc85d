"""So many at once on one machine, whoever asks; a turn is never lost."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from django.conf import settings

from stamping import turns

HOLD = """
import sys
from stamping import turns
with turns.turn(name=sys.argv[1], most=1):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Turns of this test alone, here and in the processes that it starts."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def holder(name: str) -> subprocess.Popen[bytes]:
    """Another process that holds the only turn of this name until its input ends."""
    command = [sys.executable, "-c", HOLD, name]
    process = subprocess.Popen(command, cwd=settings.BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"held\n"
    return process


def test_so_many_turns_are_given_and_no_more() -> None:
    with turns.turn(name="t1", most=2), turns.turn(name="t1", most=2), pytest.raises(turns.Busy):
        turns.turn(name="t1", most=2, wait=0).__enter__()
    with turns.turn(name="t1", most=2, wait=0):
        pass


def test_a_turn_held_by_another_process_is_not_free() -> None:
    process = holder("t2")
    with pytest.raises(turns.Busy), turns.turn(name="t2", most=1, wait=0):
        pass
    process.communicate(b"")
    with turns.turn(name="t2", most=1, wait=0):
        pass


def test_a_turn_comes_back_when_its_holder_is_killed() -> None:
    process = holder("t3")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    with turns.turn(name="t3", most=1, wait=0):
        pass


def test_a_turn_that_a_child_holds_outlives_its_parent() -> None:
    with turns.turn(name="t4", most=1) as held:
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=(held,))
    with pytest.raises(turns.Busy), turns.turn(name="t4", most=1, wait=0):
        pass
    child.communicate(b"")
    with turns.turn(name="t4", most=1, wait=0):
        pass


def test_who_waits_gets_the_turn_that_comes_free() -> None:
    process = holder("t5")
    assert process.stdin is not None
    process.stdin.close()  # it lets go while we wait
    with turns.turn(name="t5", most=1, wait=20):
        pass
    process.wait()


def test_kinds_of_work_have_turns_of_their_own() -> None:
    with turns.turn(name="t6", most=1), turns.turn(name="t7", most=1, wait=0):
        pass


def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"meterai-turns-{os.getuid()}").mkdir(mode=0o777)
    (tmp_path / f"meterai-turns-{os.getuid()}").chmod(0o777)
    with pytest.raises(OSError, match="not ours alone"), turns.turn(name="t8"):
        pass
