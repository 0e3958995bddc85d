"""Strangers' files are read in a process of their own, with limits on time and memory and without our
environment.

The caller's side is `examine`, `draw`, `repair`, `suggest` and `inspect`; the other side is `python -m
stamping.pdf.child`. On the wire, both ways: one line of JSON, then the bytes.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from stamping.pdf.facts import Inspection
from stamping.pdf.geometry import Placement
from stamping.pdf.trouble import Hostile, Refused, Unreadable

if TYPE_CHECKING:
    from stamping.pdf.pictures import Picture
    from stamping.pdf.preflight import Preflight
    from stamping.pdf.suggesting import Suggestion

__all__ = ["Hostile", "Unreadable", "draw", "examine", "inspect", "repair", "suggest"]

CPU_SECONDS = 10
WALL_SECONDS = 15
MEMORY_BYTES = 1_500_000_000
PROJECT = str(Path(__file__).resolve().parents[2])
"""Where the child finds our modules."""
ENVIRONMENT = {"PYTHONPATH": PROJECT, "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}
"""All that a child sees of ours: no secret can leak through a file."""


def examine(source: bytes, max_bytes: int, **limits: Any) -> "Preflight":
    """`preflight.examine` in a child. Raises Hostile."""
    from stamping.pdf import preflight

    if len(source) > max(max_bytes, limits.get("upload_bytes", 0)):
        return preflight.examine(source, max_bytes)  # refused by its length alone: not worth a process
    facts, _bytes = _ask("examine", source, max_bytes=max_bytes, **limits)
    return preflight.Preflight.from_json(facts)


def draw(source: bytes, page: int, width: int) -> "Picture":
    """`pictures.draw` in a child. Raises Hostile, Unreadable, ValueError for a page or width out of range."""
    from stamping.pdf.pictures import Picture

    facts, data = _ask("draw", source, page=page, width=width)
    return Picture(data=data, **facts)


def repair(source: bytes) -> bytes:
    """`repairing.repair` in a child. Raises Hostile, Unreadable."""
    return _ask("repair", source)[1]


def suggest(source: bytes, page: int | None = None) -> "Suggestion":
    """`suggesting.suggest` in a child. Raises Hostile, Unreadable, Refused."""
    from stamping.pdf.suggesting import Suggestion

    facts, _bytes = _ask("suggest", source, page=page)
    return Suggestion(placement=Placement(**facts["placement"]), how=facts["how"], covers=facts["covers"])


def inspect(*, source: bytes, roots: tuple[x509.Certificate, ...], at: datetime) -> Inspection:
    """`inspecting.inspect` in a child. Never raises for what is in the file: `problem` is then `hostile`."""
    pems = [root.public_bytes(Encoding.PEM).decode() for root in roots]
    try:
        facts, _bytes = _ask("inspect", source, roots=pems, at=at.isoformat())
    except Hostile:
        return Inspection(problem="hostile")
    return Inspection.from_json(facts)


def _ask(verb: str, source: bytes, **options: Any) -> tuple[dict[str, Any], bytes]:
    """One question to one child."""
    order = json.dumps({"verb": verb, **options}).encode() + b"\n"
    command = [sys.executable, "-s", "-m", "stamping.pdf.child"]
    try:
        done = subprocess.run(
            command,
            input=order + source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
            timeout=WALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Hostile from error
    head, _newline, data = done.stdout.partition(b"\n")
    if done.returncode != 0 or not head:
        raise Hostile
    answer = json.loads(head)
    if "refused" in answer:
        raise Refused(answer["refused"])
    if "error" in answer:
        raise {"unreadable": Unreadable, "range": ValueError}[answer["error"]](answer["error"])
    return answer, data


def main() -> None:
    """The child's side: limits first, then read, then answer."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    order = json.loads(sys.stdin.buffer.readline())
    source = sys.stdin.buffer.read()
    # Whatever a library prints must not get between us and the caller.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        facts, data = VERBS[order.pop("verb")](source, **order)
    except Refused as refused:
        facts, data = {"refused": refused.code}, b""
    except Unreadable:
        facts, data = {"error": "unreadable"}, b""
    except ValueError:
        facts, data = {"error": "range"}, b""
    answers.write(json.dumps(facts).encode() + b"\n" + data)
    answers.flush()


def _examine(source: bytes, **limits: Any) -> tuple[dict[str, Any], bytes]:
    from stamping.pdf import preflight

    return preflight.examine(source, **limits).as_json(), b""


def _draw(source: bytes, page: int, width: int) -> tuple[dict[str, Any], bytes]:
    from stamping.pdf import pictures

    picture = pictures.draw(source, page, width)
    size = {"width": picture.width, "height": picture.height}
    return {"content_type": picture.content_type, **size}, picture.data


def _repair(source: bytes) -> tuple[dict[str, Any], bytes]:
    from stamping.pdf import repairing

    return {}, repairing.repair(source)


def _suggest(source: bytes, page: int | None) -> tuple[dict[str, Any], bytes]:
    from stamping.pdf import suggesting

    return asdict(suggesting.suggest(source, page=page)), b""


def _inspect(source: bytes, roots: list[str], at: str) -> tuple[dict[str, Any], bytes]:
    from stamping.pdf import inspecting

    loaded = tuple(x509.load_pem_x509_certificate(pem.encode()) for pem in roots)
    found = inspecting.inspect(source=source, roots=loaded, at=datetime.fromisoformat(at))
    return found.as_json(), b""


# Each verb imports what it needs and no more: pyHanko alone takes half a second.
VERBS: dict[str, Callable[..., tuple[dict[str, Any], bytes]]] = {
    "examine": _examine,
    "draw": _draw,
    "repair": _repair,
    "suggest": _suggest,
    "inspect": _inspect,
}

if __name__ == "__main__":
    main()
