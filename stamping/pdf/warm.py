"""A warm child for many files: it loads the libraries once and then takes each file in a fork of its own, with limits.

    parent ── order + file ──> child ── fork ──> grandchild: reads, draws, seals, or looks again at what was sealed
           <── "sign this digest" ──────────────┤  (the key stays with the parent)
           ── signature ───────────────────────>┤
           <── outcome + sealed file ───────────┘

A file that hangs, eats memory or brings the reader down ends its grandchild; the child then ends as well and the next
file gets a new one. On the wire, both ways: one line of JSON, whose `length` says how many bytes follow it.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import IO, Any, TypeVar

from stamping.authority.engine import Engine, SealingError
from stamping.pdf import appearance, geometry, proofreading
from stamping.pdf.child import ENVIRONMENT, MEMORY_BYTES
from stamping.pdf.handling import Outcome, Wish, handle
from stamping.pdf.trouble import Hostile

CPU_SECONDS, WALL_SECONDS = 30, 60
LONGEST_ANSWER = 1_000_000_000
Said = TypeVar("Said")


class Warm:
    """One child. Takes one file at a time; use one a thread, and `close` it."""

    def __init__(self, *, cpu_seconds: int = CPU_SECONDS, wall_seconds: float = WALL_SECONDS) -> None:
        self._limits = {"cpu": cpu_seconds, "memory": MEMORY_BYTES}
        self._wall_seconds = wall_seconds
        self._process: subprocess.Popen[bytes] | None = None

    def handle(self, *, source: bytes, wish: Wish, engine: Engine) -> tuple[Outcome, bytes]:
        """`handling.handle` within the limits. Raises Hostile, SealingError."""
        order = {"wish": wish.as_json(), "bytes_reserved": engine.bytes_reserved}
        return self._within_limits(lambda process: self._talk(process, order, source, wish.at, engine))

    def look(
        self, *, source: bytes, sealed: bytes, serial: str, place: geometry.Placement, seen: float
    ) -> proofreading.Look:
        """`proofreading.look` within the limits. Raises Hostile."""
        asked = {"serial": serial, "place": asdict(place), "seen": seen}
        order = {"look": asked, "source_length": len(source), **self._limits}

        def ask(process: subprocess.Popen[bytes]) -> proofreading.Look:
            _send(_given(process.stdin), order, source + sealed)
            said, _data = _receive(_given(process.stdout))
            return proofreading.Look(**said["look"])

        return self._within_limits(ask)

    def _within_limits(self, talk: Callable[[subprocess.Popen[bytes]], Said]) -> Said:
        process = self._running()
        # Killing the child is what ends every wait of ours on its pipes.
        watchdog = threading.Timer(self._wall_seconds, _kill, [process])
        watchdog.start()
        try:
            return talk(process)
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            self.close()
            raise Hostile from error
        except BaseException:
            self.close()  # it still waits for a signature: the next file needs a child that listens
            raise
        finally:
            watchdog.cancel()

    def close(self) -> None:
        """End the child, and whatever it still does."""
        if self._process is None:
            return
        _kill(self._process)
        for pipe in (self._process.stdin, self._process.stdout):
            _shut(pipe)
        self._process.wait()
        self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-m", "stamping.pdf.warm"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=ENVIRONMENT,
                start_new_session=True,
            )
        return self._process

    def _talk(
        self, process: subprocess.Popen[bytes], order: dict[str, Any], source: bytes, at: datetime, engine: Engine
    ) -> tuple[Outcome, bytes]:
        questions, answers = _given(process.stdin), _given(process.stdout)
        _send(questions, {**order, **self._limits}, source)
        signed = 0
        while True:
            said, data = _receive(answers)
            if "digest" not in said:
                break
            if signed > 2:  # sealed, repaired and sealed again: no file needs a third
                raise EOFError
            signed += 1
            _send(questions, {}, engine.sign(digest=bytes.fromhex(said["digest"]), at=at))
        return Outcome.from_json(said["outcome"]), data


def _given(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise EOFError
    return pipe


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)  # it leads its own session: its forks are in the group
        except ProcessLookupError:
            return


def _shut(pipe: IO[bytes] | None) -> None:
    try:
        if pipe is not None:
            pipe.close()
    except OSError:
        return  # what was still buffered has no reader


def _send(pipe: IO[bytes], head: dict[str, Any], data: bytes) -> None:
    pipe.write(json.dumps({**head, "length": len(data)}).encode() + b"\n")
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    line = pipe.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    head = json.loads(line)
    length = int(head.pop("length"))
    if not 0 <= length <= LONGEST_ANSWER:
        raise ValueError("too long")
    data = pipe.read(length)
    if len(data) != length:
        raise EOFError
    return head, data


class _Asking:
    """The engine of the grandchild: it has no key and asks the parent for each signature."""

    def __init__(self, bytes_reserved: int, asks: IO[bytes], answers: IO[bytes]) -> None:
        self.bytes_reserved = bytes_reserved
        self._asks, self._answers = asks, answers

    def sign(self, *, digest: bytes, at: datetime) -> bytes:
        _send(self._asks, {"digest": digest.hex()}, b"")
        _head, signature = _receive(self._answers)
        if not signature:
            raise SealingError("no_signature", permanent=False)
        return signature


def main() -> None:
    """The child's side: a fork for each order, until the parent closes the pipe."""
    appearance.as_pdf(
        serial=appearance.PLACEHOLDER_SERIAL, address=appearance.PLACEHOLDER_ADDRESS
    )  # drawn once for all
    orders, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between us and the parent
    while True:
        try:
            order, source = _receive(orders)
        except EOFError:
            return
        fork = os.fork()
        if fork == 0:
            _take(order, source, orders, answers)
        _pid, status = os.waitpid(fork, 0)
        if status != 0:  # half an answer may be in the pipe: the parent must see its end
            sys.exit(1)


def _take(order: dict[str, Any], source: bytes, orders: IO[bytes], answers: IO[bytes]) -> None:
    """The grandchild: limits first, then the file. Ends the process."""
    ended = 1
    try:
        limit(cpu_seconds=order["cpu"], memory_bytes=order["memory"])
        if "look" in order:
            _send(answers, {"look": _look(order, source).as_json()}, b"")
        else:
            wish = Wish.from_json(order["wish"])
            outcome, data = handle(source=source, wish=wish, engine=_Asking(order["bytes_reserved"], answers, orders))
            _send(answers, {"outcome": outcome.as_json()}, data)
        ended = 0
    finally:
        os._exit(ended)


def _look(order: dict[str, Any], both: bytes) -> proofreading.Look:
    asked, length = order["look"], order["source_length"]
    return proofreading.look(
        source=both[:length],
        sealed=both[length:],
        serial=asked["serial"],
        place=geometry.Placement(**asked["place"]),
        seen=asked["seen"],
    )


def limit(*, cpu_seconds: int, memory_bytes: int) -> None:
    """Hold this process to so much of either, without dumps and without writing files."""
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


if __name__ == "__main__":
    main()
