"""Bulk: every file of a folder judged, and what can be sealed, sealed into another folder of the same shape.

    read -> done before? -> a limited child examines, places and seals -> write beside, then rename -> journal

Killed anywhere, it leaves whole files only; run again, it does what is missing. OUT/.meterai holds a lock, the journal
of what was written from what, and the files being written. Who seals is the run's `seals`: `Throwaway` here, with
serials that no batch holds, or `bulk_stock.Stocked`, with the sold stamps of an order.
"""

import base64
import fcntl
import hashlib
import json
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from .authority.engine import Engine, SealingError
from .bundle_wording import file as reason_of
from .pdf.geometry import Placement
from .pdf.handling import Outcome, Wish
from .pdf.trouble import Hostile
from .pdf.warm import Warm

KEPT = ".meterai"
"""The folder in OUT that is ours."""
MOST_BYTES = 100_000_000
HEAD = 1024
"""Where in a file its `%PDF-` must stand, in bytes."""


class FolderRefused(Exception):
    """These folders cannot be worked on; `code` is `no_input`, `into_input` or `in_use`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Judged:
    """The line of one file. `code` is empty when it was sealed; `again`: it had been sealed by an earlier run."""

    file: str
    verdict: str
    code: str = ""
    reason: str = ""
    milliseconds: int = 0
    serial: str = ""
    place: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    again: bool = False

    @property
    def judged(self) -> bool:
        """Whether something is now known of the file; it is not when the fault was ours."""
        return self.code not in OURS


OURS = frozenset({"engine", "not_written", "not_sealed_yet"})
Address = Callable[[str], str]


class Seals(Protocol):
    """Who seals one file after another, from several threads at once."""

    @property
    def order(self) -> str:
        """The code of the order whose stamps are used; empty without one."""

    def seal(self, *, name: str, source: bytes, place: Placement | None) -> tuple[dict[str, Any], bytes]:
        """(facts for its line, the sealed file); facts with a `code` are a refusal. Raises Hostile, SealingError."""

    def close(self) -> None:
        """Nothing more is to be sealed."""


@dataclass(frozen=True)
class Run:
    """What holds for a whole run. `place` is None where a free place is to be found."""

    source: Path
    out: Path
    seals: Seals
    place: Placement | None = None
    max_bytes: int = MOST_BYTES
    jobs: int = 1


def seal_folder(run: Run) -> Iterator[Judged]:
    """One line a file, in the order of their names, as they become known. Raises FolderRefused before the first."""
    _check(run.source, run.out)
    with _held(run.out) as journal, ThreadPoolExecutor(max_workers=run.jobs) as pool:
        try:
            yield from pool.map(lambda name: _judge(run, journal, name), _names(run.source))
        finally:
            pool.shutdown(cancel_futures=True)
            run.seals.close()


def specimen_serial(name: str, source: bytes) -> str:
    """A serial of 22 characters that no batch holds, the same for the same file at the same place."""
    digest = hashlib.sha256(os.fsencode(name) + b"\0" + source).digest()
    return "SPESIMEN" + base64.b32encode(digest).decode()[:14]


def _check(source: Path, out: Path) -> None:
    if not source.is_dir():
        raise FolderRefused("no_input")
    inside, outside = source.resolve(), out.resolve()
    if inside == outside or inside in outside.parents or outside in inside.parents:
        raise FolderRefused("into_input")


def _names(source: Path) -> list[str]:
    """Everything below the folder that is no folder, as paths from it; links to folders are not followed."""
    found = []
    for folder, folders, files in os.walk(source):
        linked = [one for one in folders if os.path.islink(os.path.join(folder, one))]
        found += [os.path.relpath(os.path.join(folder, one), source) for one in (*files, *linked)]
    return sorted(found)


class _Journal:
    """What was written from what: a line for each sealed file, on the disk before the run goes on."""

    def __init__(self, path: Path) -> None:
        self._lock, self._known = threading.Lock(), _read_lines(path)
        self._file = path.open("a", encoding="ascii")

    def find(self, name: str) -> dict[str, Any]:
        return self._known.get(name, {})

    def note(self, name: str, facts: dict[str, Any]) -> None:
        with self._lock:
            # A kill may have left half a line: the next one begins a line of its own.
            self._file.write("\n" + json.dumps({"file": name, **facts}) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
            self._known[name] = facts

    def close(self) -> None:
        self._file.close()


def _read_lines(path: Path) -> dict[str, dict[str, Any]]:
    known: dict[str, dict[str, Any]] = {}
    lines = path.read_text("ascii", errors="replace").splitlines() if path.exists() else []
    for line in lines:
        try:
            facts = json.loads(line)
            known[facts.pop("file")] = facts
        except (ValueError, KeyError, AttributeError):
            continue  # an empty line, or one that a kill cut off
    return known


@contextmanager
def _held(out: Path) -> Iterator[_Journal]:
    """Our folder in OUT, for this run alone."""
    ours = out / KEPT
    (ours / "new").mkdir(parents=True, exist_ok=True)
    with (ours / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FolderRefused("in_use") from None
        for left in (ours / "new").iterdir():
            left.unlink()
        journal = _Journal(ours / "journal.jsonl")
        try:
            yield journal
        finally:
            journal.close()


def _judge(run: Run, journal: _Journal, name: str) -> Judged:
    """One file, whatever it is. Never raises for what is in it or around it."""
    start = time.monotonic()
    try:
        facts = _attempt(run, journal, name)
    except _Unfit as unfit:
        facts = {"code": unfit.code}
    except Hostile:
        facts = {"code": "hostile"}
    except SealingError:
        facts = {"code": "engine"}
    except OSError:
        facts = {"code": "not_written"}
    code = facts.get("code", "")
    if code and code not in OURS:
        _drop_stale(run, journal, name)
    spent = round((time.monotonic() - start) * 1000)
    verdict, reason = ("refused", reason_of(code)) if code else ("sealed", "")
    return Judged(file=name, verdict=verdict, reason=reason, milliseconds=spent, **facts)


class _Unfit(Exception):
    """The file is not taken at all; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _attempt(run: Run, journal: _Journal, name: str) -> dict[str, Any]:
    source = _read(run.source / name, run.max_bytes)
    digest = hashlib.sha256(source).hexdigest()
    asked = {"input": digest, "asked": _place_json(run.place), "order": run.seals.order}
    known = journal.find(name)
    if known and asked.items() <= known.items() and _digest(run.out / name) == known["output"]:
        return {"serial": known["serial"], "place": known["place"], "notes": tuple(known["notes"]), "again": True}
    done, sealed = run.seals.seal(name=name, source=source, place=run.place)
    if done.get("code"):
        return done
    _write(run.out, name, sealed)
    kept = {key: done[key] for key in ("serial", "place", "notes")}
    journal.note(name, {**asked, "output": hashlib.sha256(sealed).hexdigest(), **kept})
    return done


@dataclass
class Throwaway:
    """Seals with SPESIMEN serials in limited children, one a thread; needs no database. `at` is aware."""

    engine: Engine
    address: Address
    reason: str
    at: datetime
    max_bytes: int = MOST_BYTES
    order: str = ""
    _own: threading.local = field(default_factory=threading.local)
    _children: list[Warm] = field(default_factory=list)

    def seal(self, *, name: str, source: bytes, place: Placement | None) -> tuple[dict[str, Any], bytes]:
        """See `Seals.seal`."""
        wish = Wish(
            serial=(serial := specimen_serial(name, source)),
            address=self.address(serial),
            reason=self.reason,
            at=self.at,
            max_bytes=self.max_bytes,
            place=place,
        )
        outcome, sealed = self._child().handle(source=source, wish=wish, engine=self.engine)
        if outcome.code:
            return {"code": outcome.code, "notes": outcome.notes}, b""
        return {"serial": serial, "place": _shown_place(outcome), "notes": outcome.notes}, sealed

    def close(self) -> None:
        """End every child."""
        for child in self._children:
            child.close()

    def _child(self) -> Warm:
        """This thread's own child."""
        own: Warm | None = getattr(self._own, "child", None)
        if own is None:
            own = self._own.child = Warm()
            self._children.append(own)
        return own


def _place_json(place: Placement | None) -> list[float] | None:
    return [place.page, place.x, place.y, place.size] if place else None


def _shown_place(outcome: Outcome) -> dict[str, Any] | None:
    return shown_place(outcome.place, outcome.how) if outcome.place else None


def shown_place(place: Placement, how: str) -> dict[str, Any]:
    """A place as a line of the report has it."""
    return {"page": place.page, "x": place.x, "y": place.y, "size": place.size, "how": how}


def _read(path: Path, max_bytes: int) -> bytes:
    """The bytes of a file that may be a PDF. Raises _Unfit: pipes, devices and folders are not opened."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _Unfit("not_a_file")
        with path.open("rb") as file:
            head = file.read(HEAD)
            if b"%PDF-" not in head:
                raise _Unfit("not_pdf" if head else "empty_file")
            source = head + file.read(max_bytes + 1 - len(head))
    except OSError:
        raise _Unfit("cannot_read") from None
    if len(source) > max_bytes:
        raise _Unfit("too_large")
    return source


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _write(out: Path, name: str, data: bytes) -> None:
    """Whole or not at all: written beside, on the disk, then renamed to its place."""
    target = out / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if out.resolve() not in target.parent.resolve().parents and target.parent.resolve() != out.resolve():
        raise OSError("a link leads out of the folder")
    new = out / KEPT / "new" / hashlib.sha256(os.fsencode(name)).hexdigest()
    with new.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(target)


def _drop_stale(run: Run, journal: _Journal, name: str) -> None:
    """Remove what an earlier run wrote from other bytes: a refused file must not look sealed."""
    known, target = journal.find(name), run.out / name
    if known and _digest(target) == known["output"]:
        target.unlink(missing_ok=True)
