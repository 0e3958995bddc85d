"""A limit for the whole machine on work that takes a processor: so many at once, whoever asks and in whichever process.

A turn is an exclusive lock on one of a few files. The kernel gives it back when its holder ends, however it ends, so no
turn is ever lost, nothing has to be swept, and no database connection is held meanwhile. A machine that is added brings
its own turns, as it brings its own processors. A child that inherits the file keeps the turn until it ends, too.
"""

import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

WAIT_SECONDS = 3.0
PAUSE_SECONDS = 0.05


class Busy(Exception):
    """No turn came free in time: ask again in a few seconds."""


def at_once() -> int:
    """Turns of this machine: one for each processor we may use, and at least two."""
    return max(2, len(os.sched_getaffinity(0)))


@contextmanager
def turn(*, name: str, most: int = 0, wait: float = WAIT_SECONDS) -> Iterator[int]:
    """Hold one of `most` turns (0: `at_once()`) of this name; gives the descriptor that holds it. Raises Busy after
    `wait` seconds."""
    held = _first_free(_folder(), name, most or at_once(), deadline=time.monotonic() + wait)
    try:
        yield held
    finally:
        os.close(held)


def _first_free(folder: Path, name: str, most: int, *, deadline: float) -> int:
    while True:
        for number in range(most):
            held = _try(folder / f"{name}.{number}")
            if held is not None:
                return held
        if time.monotonic() >= deadline:
            raise Busy(name)
        time.sleep(PAUSE_SECONDS)


def _try(path: Path) -> int | None:
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with suppress(BlockingIOError):
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return held
    os.close(held)
    return None


def _folder() -> Path:
    """A folder of our own under TMPDIR: another user of the machine must not be able to hold our turns."""
    folder = Path(tempfile.gettempdir()) / f"meterai-turns-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise OSError("the folder of turns is not ours alone")
    return folder
