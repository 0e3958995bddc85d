"""The services without the site: for one command and thrown away after it, or kept running."""

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from . import environment
from .data_folder import DataFolder
from .errors import CannotStart
from .progress import Progress
from .services import Services

SETTINGS = "meterai.settings.testing"


def run(command: list[str], *, checkout: Path = environment.CHECKOUT) -> int:
    """Start services in a temporary folder, run the command, stop and remove them. Returns its exit code."""
    signal.signal(signal.SIGTERM, _leave)
    with throw_away() as (services, variables):
        child = subprocess.Popen(command, cwd=checkout, env=variables | services.mark_variable)
        try:
            return _exit_code(_wait(child))
        finally:
            if child.poll() is None:
                child.terminate()


def stay(folder: DataFolder) -> int:
    """Start the services of a data folder alone, print their addresses, and stay until asked to stop."""
    signal.signal(signal.SIGTERM, _leave)
    services = Services(folder)
    services.start(progress=Progress(total=2))
    try:
        for name, address in services.addresses.items():
            print(f"{name}={address}", flush=True)
        while not (fallen := services.fallen()):
            time.sleep(0.2)
        raise CannotStart(f"{fallen} ended by itself.", cure=f"read {folder.path('log', f'{fallen}.log')}")
    finally:
        services.stop()


@contextmanager
def throw_away() -> Iterator[tuple[Services, dict[str, str]]]:
    """Services and environment in a folder that goes with them, whatever happens."""
    root = Path(tempfile.mkdtemp(prefix="meterai-test-"))
    try:
        services = Services(DataFolder.make(root), throw_away=True)
        services.start(progress=Progress(total=2, quiet=True))
        try:
            yield (
                services,
                environment.for_processes(
                    services.folder,
                    settings=SETTINGS,
                    url="http://127.0.0.1:8000",
                    sandbox_url="http://127.0.0.1:8001",
                    addresses=services.addresses,
                ),
            )
        finally:
            services.stop()
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _wait(child: subprocess.Popen[bytes]) -> int:
    """Wait for it; Ctrl-C reaches it as well, and it may want a moment to say what it has found so far."""
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.wait(timeout=30)
        raise


def _exit_code(code: int) -> int:
    return code if code >= 0 else 128 - code


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
