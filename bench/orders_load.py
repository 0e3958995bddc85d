"""Buyers for bench/orders.py, in a process of their own: each sends its next order when the last one is answered.

python -m bench.orders_load URL CLIENTS SECONDS api|form WARM_UP: prints one line of JSON. Plain sockets,
no HTTP library: the generator runs on the cores that it measures, and shall take little of them.
"""

import asyncio
import json
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable
from urllib.parse import quote, urlsplit

PATIENCE = 60  # seconds
GOOD = {"api": 201, "form": 303}


def api(host: str) -> bytes:
    """POST /api/v1/orders, as a program sends it."""
    body = json.dumps({"quantity": 1, "email": _email(), "method": "qris"})
    return _request(host, "/api/v1/orders", body, "application/json", f"Idempotency-Key: {secrets.token_hex(16)}")


def form(host: str) -> bytes:
    """The order form, as a browser sends it: with the token against forgery, in the cookie and in the form."""
    token = secrets.token_hex(16)
    fields = {"csrfmiddlewaretoken": token, "quantity": "1", "contact": _email(), "method": "sandbox:qris"}
    unique = f"{token[:8]}-{token[8:12]}-4{token[13:16]}-a{token[17:20]}-{token[20:]}"
    fields |= {"token": unique, "dokumen": "", "reseller": ""}
    body = "&".join(f"{name}={quote(value)}" for name, value in fields.items())
    return _request(host, "/beli/", body, "application/x-www-form-urlencoded", f"Cookie: csrftoken={token}")


WAYS: dict[str, Callable[[str], bytes]] = {"api": api, "form": form}


def _email() -> str:
    return f"siti{secrets.token_hex(5)}@contoh.example"


def _request(host: str, path: str, body: str, kind: str, header: str) -> bytes:
    # Everybody has an address of their own, as the proxy in front tells the shop: its limits are per address.
    address = ".".join(str(secrets.randbelow(254) + 1) for _ in range(3))
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}X-Forwarded-For: 10.{address}\r\n{header}\r\n\r\n{body}".encode()


class Tally:
    """Answers by status, and the seconds that each good one took, of those that came after the warming up."""

    def __init__(self, *, good: int, begins: float, ends: float) -> None:
        self.good, self.begins, self.ends = good, begins, ends
        self.statuses: Counter[int] = Counter()
        self.took: list[float] = []

    def add(self, status: int, began: float, ended: float) -> None:
        if not self.begins <= ended <= self.ends:
            return
        self.statuses[status] += 1
        if status == self.good:
            self.took.append(ended - began)


async def buy(url: str, make: Callable[[str], bytes], tally: Tally) -> None:
    """One buyer on one kept connection, until the time is over."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    while (began := time.monotonic()) < tally.ends:
        writer.write(make(parts.netloc))
        status = await asyncio.wait_for(_answer(reader), PATIENCE)
        tally.add(status, began, time.monotonic())
    writer.close()


async def _answer(reader: asyncio.StreamReader) -> int:
    """The status of one answer, read to its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].split(b"\r\n")[0]
    if b"transfer-encoding: chunked" in head:
        while int((await reader.readuntil(b"\r\n")).strip() or b"0", 16):
            await reader.readuntil(b"\r\n")
        await reader.readuntil(b"\r\n")
    elif length:
        await reader.readexactly(int(length))
    return int(head.split(b" ", 2)[1])


async def rush(url: str, *, clients: int, seconds: float, kind: str, warm_up: float) -> dict[str, object]:
    """Orders a second, and how long the answers took in milliseconds: median and 99th percentile."""
    began = time.monotonic() + warm_up
    tally = Tally(good=GOOD[kind], begins=began, ends=began + seconds)
    await asyncio.gather(*(buy(url, WAYS[kind], tally) for _ in range(clients)))
    took = sorted(tally.took) or [float("nan")]
    return {
        "per_s": len(tally.took) / seconds,
        "p50_ms": 1000 * took[len(took) // 2],
        "p99_ms": 1000 * took[min(len(took) - 1, int(len(took) * 0.99))],
        "refused": {status: count for status, count in tally.statuses.items() if status != tally.good},
    }


if __name__ == "__main__":
    url, clients, seconds, kind, warm_up = sys.argv[1:]
    measured = rush(url, clients=int(clients), seconds=float(seconds), kind=kind, warm_up=float(warm_up))
    print(json.dumps(asyncio.run(measured)))
