"""Reading seals in a process of its own: the verb `seals` of a child under `child`'s limits.

On the wire, both ways: one line of JSON, then the bytes.
"""

import json
import subprocess
import sys
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from stamping.pdf import child
from stamping.pdf.seal_facts import Reading

__all__ = ["read"]


def read(*, source: bytes, roots: tuple[x509.Certificate, ...], at: datetime, keep_open: int = -1) -> Reading:
    """`seal_reading.read` in a child. Never raises for what is in the file: `problem` is then `hostile`.

    `keep_open` is a file descriptor that the child shall hold as well: a lock on it outlives us then, as the child may.
    """
    pems = [root.public_bytes(Encoding.PEM).decode() for root in roots]
    question = json.dumps({"verb": "seals", "roots": pems, "at": at.isoformat()}).encode() + b"\n"
    try:
        done = subprocess.run(
            [sys.executable, "-s", "-m", "stamping.pdf.seal_child"],
            input=question + source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # None of our environment: no secret of ours can leak through a file.
            env={"PYTHONPATH": child.PROJECT, "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"},
            timeout=child.WALL_SECONDS,
            check=False,
            pass_fds=(keep_open,) if keep_open >= 0 else (),
        )
        answer = json.loads(done.stdout) if done.returncode == 0 else {"error": "ended"}
    except (subprocess.TimeoutExpired, ValueError):
        answer = {"error": "silent"}
    return Reading(problem="hostile") if "error" in answer else Reading.from_json(answer)


def _seals(source: bytes, roots: list[str], at: str) -> tuple[dict[str, Any], bytes]:
    from stamping.pdf import seal_reading

    loaded = tuple(x509.load_pem_x509_certificate(pem.encode()) for pem in roots)
    return seal_reading.read(source=source, roots=loaded, at=datetime.fromisoformat(at)).as_json(), b""


if __name__ == "__main__":
    child.VERBS["seals"] = _seals
    child.main()
