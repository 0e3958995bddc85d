"""Load on one address: by wrk where it is installed, else by sockets of our own, which take more of the machine.

python -m bench.queue_load URL CLIENTS SECONDS look|join|enter [TICKETS]: the way without wrk; prints one line of JSON.
"""

import asyncio
import json
import re
import secrets
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

from bench.orders_load import _answer
from bench.stock_database import Broken

WRK = shutil.which("wrk")
SCRIPT = Path(__file__).with_name("queue_requests.lua")
HOW = "load by wrk" if WRK else "wrk is not installed: load by a Python client, which reaches its own limit first"


@dataclass(frozen=True)
class Load:
    """What came back."""

    per_s: float
    count: int
    refused: int
    p99_ms: float


def load(url: str, *, clients: int, seconds: float, kind: str = "look", tickets: Path | None = None) -> Load:
    """Ask for as long; `kind` look, join or enter. Raises Broken when nothing was answered."""
    seconds = max(1, round(seconds))
    more = [kind, *([str(tickets)] if tickets else [])]
    if WRK:
        command = [WRK, "-t2", f"-c{clients}", f"-d{seconds}s", "--latency", "--timeout", "20s"]
        command += ["-s", str(SCRIPT), url, "--", *more] if kind != "look" else [url]
    else:
        command = [sys.executable, "-m", "bench.queue_load", url, str(clients), str(seconds), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
    if done.returncode:
        raise Broken(f"{' '.join(command)}: {done.stderr[-1000:]}")
    told = _of_wrk(done.stdout) if WRK else Load(**json.loads(done.stdout))
    if not told.count:
        raise Broken(done.stdout)
    return told


def _of_wrk(text: str) -> Load:
    count = int(_found(r"(\d+) requests in", text))
    refused = int(_found(r"Non-2xx or 3xx responses: (\d+)", text) or 0)
    rate = float(_found(r"Requests/sec:\s+([\d.]+)", text) or 0)
    number, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s|m)", text)[0]
    milliseconds = float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]
    return Load(rate * (1 - refused / max(1, count)), count, refused, milliseconds)


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""


async def _ask(url: str, kind: str, tickets: "cycle[str]", until: float, took: list[float]) -> int:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    refused = 0
    while (began := time.monotonic()) < until:
        address = ".".join(str(secrets.randbelow(254) + 1) for _ in range(3))
        head = f"Host: {parts.netloc}\r\nX-Forwarded-For: 10.{address}\r\n"
        body = {"look": "", "join": "{}", "enter": json.dumps({"ticket": next(tickets)})}[kind]
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{'POST' if body else 'GET'} {parts.path} HTTP/1.1\r\n{head}\r\n{body}".encode())
        refused += await _answer(reader) >= 400
        took.append(time.monotonic() - began)
    writer.close()
    return refused


async def _by_ourselves(url: str, clients: int, seconds: float, kind: str, tickets: list[str]) -> Load:
    took: list[float] = []
    until, line = time.monotonic() + seconds, cycle(tickets)
    refused = sum(await asyncio.gather(*(_ask(url, kind, line, until, took) for _ in range(clients))))
    took.sort()
    return Load((len(took) - refused) / seconds, len(took), refused, 1000 * took[int(len(took) * 0.99) - 1])


if __name__ == "__main__":
    url, clients, seconds, kind, *rest = sys.argv[1:]
    lines = Path(rest[0]).read_text().split() if rest else [""]
    print(json.dumps(vars(asyncio.run(_by_ourselves(url, int(clients), float(seconds), kind, lines)))))
