"""Knowing and ending the processes that the launcher started, and no others.

Every process it starts carries a random mark in its environment, which its own children inherit. The mark is
kept in `run/server.json`. So whatever still carries it after a hard kill is ours for certain: unlike a
recorded pid it cannot have been given to another program, and unlike a start time it does not move when the
clock is set.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterable

import psutil

MARK = "METERAI_EMBEDDED_MARK"


def marked(mark: str) -> list[psutil.Process]:
    """The living processes that carry the mark, this one excepted."""
    found = []
    for process in psutil.process_iter():
        # Other users' processes cannot be read and are not ours; some end while we look.
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                found.append(process)
    return found


def end_marked(mark: str, *, patience: float = 8.0) -> int:
    """End all that carry the mark, politely, then at once; returns how many there were."""
    found = marked(mark)
    end(found, patience=patience)
    # A child born while its parent was being ended, or one whose parent was needed to end it.
    end(marked(mark), patience=0)
    return len(found)


def end(processes: Iterable[psutil.Process], *, patience: float) -> None:
    """Ask each process to stop, wait up to `patience` seconds for all of them, kill the rest."""
    processes = list(processes)
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            # PostgreSQL reads SIGTERM as "wait until every client has gone", SIGINT as "stop now, cleanly".
            process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=patience)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=5)


def stop(child: subprocess.Popen[bytes], *, with_signal: int, patience: float) -> None:
    """Stop one child of ours and collect it."""
    if child.poll() is None:
        child.send_signal(with_signal)
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            child.kill()
    child.wait()
