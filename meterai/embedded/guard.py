"""Cleans up after a launcher that was killed hard.

SIGKILL leaves it no chance to stop what it started, so a small process beside it waits for its end. The next
start would recover as well, but until then the ports and the memory would stay taken.

    python -m meterai.embedded.guard PARENT DATA MARK [--remove]
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from . import processes


def start(*, data: Path, mark: str, remove: bool) -> subprocess.Popen[bytes]:
    """Start the guard of this process; `remove` says that the data folder goes too."""
    command = [sys.executable, "-m", __name__, str(os.getpid()), str(data), mark]
    return subprocess.Popen(
        command + ["--remove"] * remove,
        cwd=Path(__file__).parents[2],
        start_new_session=True,  # or Ctrl-C would end it together with the launcher
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def main() -> None:
    """Wait for the parent to end, then end what it left. One that ends well has ended the guard before."""
    parent, data, mark = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    # Not a pipe that closes: honcho's forked children would hold its other end open.
    while os.getppid() == parent:
        time.sleep(0.3)
    processes.end_marked(mark)
    if "--remove" in sys.argv[4:]:
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main()
