"""The one shape of every benchmark: options, machine, table for people, one JSON object as the last line."""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]


@dataclass
class Report:
    """What was measured. A figure that could not be taken is None, with its reason in `notes`."""

    bench: str
    figures: dict[str, float | None] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def missing(self, name: str, reason: str) -> None:
        self.figures[name], self.notes[name] = None, reason


@dataclass(frozen=True)
class Options:
    """`seconds` is the time the whole run may take; `quick` is for noticing a regression, within 50 s."""

    quick: bool
    seconds: float


def run(bench: str, measure: Callable[[Options, Report], None], *, quick: float = 40, full: float = 240) -> None:
    """Read the options, measure, print. `quick` and `full` are the default lengths of a run, in seconds."""
    parser = argparse.ArgumentParser(prog=f"bench/run {bench}")
    parser.add_argument("--quick", action="store_true", help="finish within 50 s")
    parser.add_argument("--seconds", type=float, help="about how long the run may take")
    given = parser.parse_args()
    seconds = given.seconds or (quick if given.quick else full)
    report = Report(bench)
    measure(Options(quick=given.quick, seconds=seconds), report)
    print_report(report)


def print_report(report: Report) -> None:
    """The table, the notes, and the last line."""
    width = max(map(len, report.figures), default=0)
    for name, value in report.figures.items():
        print(f"{name:<{width}}  {'-' if value is None else f'{value:,.3f}':>14}  {report.notes.get(name, '')}")
    whole: dict[str, Any] = {
        "bench": report.bench,
        "machine": machine(),
        "commit": commit(),
        "figures": {name: None if value is None else round(value, 4) for name, value in report.figures.items()},
    }
    if report.notes:
        whole["notes"] = report.notes
    sys.stdout.flush()
    print(json.dumps(whole))


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "cpu": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def commit() -> str | None:
    """The commit measured, with a + when the files differ from it; None outside a checkout."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=PROJECT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
