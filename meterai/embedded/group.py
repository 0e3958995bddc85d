"""The processes of a running site as one group: they start together, and when one ends, all end."""

import multiprocessing
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from honcho.manager import SYSTEM_PRINTER_NAME, Manager
from honcho.printer import Message, Printer
from honcho.process import Process

from .data_folder import DataFolder

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def commands(*, host: str, port: int, sandbox_port: int | None, schedule: Path) -> dict[str, list[str]]:
    """The command of each process, by name. Without a sandbox port there is no sandbox gateway."""
    python = [sys.executable, "-m"]
    granian = [*python, "granian", "--interface", "wsgi", "--no-ws", "--workers-kill-timeout", "4"]
    celery = [*python, "celery", "-A", "meterai.celery"]
    queues = "seal,payments,outbox,support,housekeeping,imports"
    web = ["--host", host, "--port", str(port), "--workers", "2", "--blocking-threads", "8"]
    group = {
        "web": [*granian, *web, "meterai.wsgi:application"],
        "worker": [*celery, "worker", "-Q", queues, "-c", "2", "--without-gossip", "--without-mingle"],
        "beat": [*celery, "beat", "-s", str(schedule), "--pidfile="],
        "ticker": [sys.executable, "manage.py", "ticker"],
        "status": [sys.executable, "manage.py", "publish_status", "--every", "10"],
    }
    if sandbox_port:
        sandbox = [
            "--host",
            "127.0.0.1",
            "--port",
            str(sandbox_port),
            "--workers",
            "1",
            "--blocking-threads",
            "8",  # a slow or silent sandbox must still show its control page
        ]
        group["gateway"] = [*granian, *sandbox, "orders.payments.sandbox.server:application"]
    return group


class Group(Manager):  # type: ignore[misc]
    """honcho's manager, with a log file for each process and a second Ctrl-C that ends all at once."""

    def __init__(self, folder: DataFolder, *, when_started: Callable[[], None]) -> None:
        # honcho was written for fork, and newer Pythons have another default.
        multiprocessing.set_start_method("fork", force=True)
        self._output = LoggingPrinter(folder)
        super().__init__(self._output)
        self._process_ctor = Watcher
        self._when_started = when_started
        self.asked_to_stop = False
        self.first_ended: tuple[str, int] | None = None

    def add(self, name: str, command: list[str], *, environment: dict[str, str], cwd: Path) -> None:
        """Add a process; `exec` makes it the leader of its own group instead of a shell's child."""
        self.add_process(name, f"exec {shlex.join(command)}", env=environment, cwd=str(cwd))

    def show_output(self) -> None:
        """From now on print what the processes say; until then it is in their logs alone."""
        self._output.shown = True

    def terminate(self) -> None:
        """Ask every process to end. Does nothing before all have started: `watch` asks again."""
        if self._terminating or not self._all_started():
            return
        ended = ((name, one["returncode"]) for name, one in self._processes.items() if "returncode" in one)
        # honcho calls this when the first process has ended; later ones end because they were asked to.
        self.first_ended = next(ended, None)
        super().terminate()

    def loop(self) -> None:
        """Run until all have ended. A Ctrl-C that comes while they start waits until they can be stopped."""
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        super().loop()

    def _start(self) -> None:
        super()._start()
        for number in STOP_SIGNALS:
            signal.signal(number, self._asked)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        self._when_started()

    def _asked(self, number: int, frame: object) -> None:
        if self.asked_to_stop:
            self.kill()
        elif number == signal.SIGINT:
            print("\nStopping … (Ctrl-C again: at once)", file=sys.stderr, flush=True)
        self.asked_to_stop = True
        self.returncode = 0 if number == signal.SIGINT else 128 + number
        self.terminate()


class Watcher(Process):  # type: ignore[misc]
    """honcho's fork that starts a process and reads what it says. Signals of the terminal are not for it."""

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        """Start the process with signals as usual: a blocked or ignored one would stay so in it."""
        for number in STOP_SIGNALS:
            signal.signal(number, _nothing)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        super().run(events, ignore_signals)


def _nothing(number: int, frame: object) -> None:
    """A handler of one's own is dropped when a program is started; SIG_IGN would be inherited."""


class LoggingPrinter(Printer):  # type: ignore[misc]
    """Prints what the processes say, and keeps it in `log/NAME.log`."""

    def __init__(self, folder: DataFolder) -> None:
        super().__init__(sys.stdout)
        self._folder = folder
        self.shown = False
        self._logs: dict[str, IO[bytes]] = {}

    def write(self, message: Message) -> None:
        """Print one line of a process; honcho's own remarks are left out."""
        if message.name == SYSTEM_PRINTER_NAME:
            return
        if message.name not in self._logs:
            self._logs[message.name] = self._folder.log(message.name)
        data = message.data if isinstance(message.data, bytes) else message.data.encode()
        self._logs[message.name].write(data)
        self._logs[message.name].flush()
        if not self.shown:
            return
        try:
            super().write(message)
        except OSError:  # the terminal is gone; the log goes on
            self.shown = False
