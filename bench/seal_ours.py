"""Our kernel alone, for processes that shall load nothing else."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from stamping.authority import development
from stamping.authority.local import LocalEngine
from stamping.pdf import geometry, sealing

ADDRESS = "https://meterai.example/v/ABCDEFGHIJKLMN01234567/K7QX"
SERIAL = "ABCDEFGHIJKLMN01234567"


def ours(paths: development.Paths, source: bytes) -> Callable[[], bytes]:
    engine = LocalEngine.from_pkcs12(path=paths.signer, passphrase=paths.passphrase.read_text())
    placement = geometry.Placement(page=1, x=330, y=180)

    def seal() -> bytes:
        return sealing.seal(
            source=source,
            placement=placement,
            serial=SERIAL,
            verification_url=ADDRESS,
            reason_text="Meterai elektronik",
            engine=engine,
            at=datetime.now(UTC),
        ).data

    return seal


def peak_mb(authority: Path, source: Path) -> float:
    """Peak memory of a fresh process that seals `source` and does nothing else, in megabytes."""
    command = [sys.executable, "-m", "bench.seal_ours", str(authority), str(source)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def alone(core: int, authority: Path, source: bytes, seconds: float) -> float:
    """Documents a second of the clock, by a process on a core of its own."""
    os.sched_setaffinity(0, {core})
    seal = ours(development.Paths(authority), source)
    seal()
    done, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        seal()
        done += 1
    return done / spent


def _peak() -> float:
    """Megabytes. Not ru_maxrss: a child begins with what its parent had at the fork."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1_000


if __name__ == "__main__":
    work = ours(development.Paths(Path(sys.argv[1])), Path(sys.argv[2]).read_bytes())
    for _document in range(20):
        work()
    print(_peak())
