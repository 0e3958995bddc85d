"""Mending in a process of its own, under `child`'s limits but with more time: pictures are decoded and drawn.

On the wire, both ways: one line of JSON, then the bytes.
"""

import json
import subprocess
import sys
from typing import Any

from stamping.pdf import child
from stamping.pdf.mendable import Kind, Measures, Wanted
from stamping.pdf.trouble import Hostile, Refused, Unreadable

__all__ = ["detail", "mend"]

CPU_SECONDS, WALL_SECONDS = 40, 50


def mend(source: bytes, *, kind: Kind, wanted: Wanted, keep_open: int = -1) -> tuple[bytes, Measures]:
    """`mending.mend` in a child. Raises Refused, Unreadable, Hostile.

    `keep_open` is a file descriptor that the child shall hold as well: a lock on it outlives us then, as the child may.
    """
    options = {"kind": kind.value, "max_bytes": wanted.max_bytes, "versions": list(wanted.versions)}
    facts, data = _ask("mend", source, keep_open, options)
    return data, Measures.from_json(facts)


def detail(source: bytes, *, page: int, left: float, top: float) -> bytes:
    """`comparing.detail` in a child: PNG. Raises Unreadable, Hostile, ValueError."""
    return _ask("detail", source, -1, {"page": page, "left": left, "top": top})[1]


def _ask(verb: str, source: bytes, keep_open: int, options: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    try:
        done = subprocess.run(
            [sys.executable, "-s", "-m", "stamping.pdf.mending_child"],
            input=json.dumps({"verb": verb, **options}).encode() + b"\n" + source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child.ENVIRONMENT,
            timeout=WALL_SECONDS,
            check=False,
            pass_fds=(keep_open,) if keep_open >= 0 else (),
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


def _mend(source: bytes, kind: str, max_bytes: int, versions: list[str]) -> tuple[dict[str, Any], bytes]:
    from stamping.pdf import mending

    oldest, newest = versions
    data, measures = mending.mend(source, Kind(kind), Wanted(max_bytes, (oldest, newest)))
    return measures.as_json(), data


def _detail(source: bytes, page: int, left: float, top: float) -> tuple[dict[str, Any], bytes]:
    from stamping.pdf import comparing

    return {}, comparing.detail(source, page=page, left=left, top=top)


if __name__ == "__main__":
    child.VERBS |= {"mend": _mend, "detail": _detail}
    child.CPU_SECONDS = CPU_SECONDS
    child.main()
