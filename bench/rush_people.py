"""People for bench/rush.py, in a process of their own: they join, look politely, enter and order, or go away.

python -m bench.rush_people SITE PLAN: PLAN is JSON {"base", "spike", "from", "until", "end", "leave", "visit"}: people
a second in calm and in the spike, seconds of its beginning and end and of the whole, the part that leaves the line,
seconds in the shop. Prints one line of JSON for each thing that happened.
"""

import asyncio
import json
import random
import secrets
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from orders.rooms import estimate

SLUG = "toko"


class People:
    """All of them, on one clock that begins with the process."""

    def __init__(self, site: str, plan: dict[str, Any]) -> None:
        self.parts, self.plan, self.dice = urlsplit(site), plan, random.Random(1)
        self.began = time.monotonic()
        self.rest: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    @property
    def now(self) -> float:
        return time.monotonic() - self.began

    def tell(self, what: str, **more: Any) -> None:
        print(json.dumps({"t": round(self.now, 2), "what": what, **more}), flush=False)

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """(status, JSON or nothing); status 0: no answer. Connections are kept and shared, as a proxy keeps them."""
        sent = json.dumps(body) if body is not None else ""
        address = ".".join(str(secrets.randbelow(254) + 1) for _ in range(3))
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.parts.netloc}\r\nX-Forwarded-For: 10.{address}\r\n"
        head += "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head += f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n" if sent else ""
        for _attempt in range(2):
            kept = self.rest.pop() if self.rest else None
            try:
                reader, writer = kept or await asyncio.open_connection(self.parts.hostname, self.parts.port)
                writer.write(f"{head}\r\n{sent}".encode())
                status, got = await asyncio.wait_for(_answer(reader), 30)
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                if kept is None:
                    return 0, None
                continue  # the server had closed it while it lay idle
            self.rest.append((reader, writer))
            return status, json.loads(got) if got[:1] == b"{" else None
        return 0, None

    async def run(self) -> None:
        """So many people in each second."""
        tasks = []
        for second in range(int(self.plan["end"])):
            spike = self.plan["from"] <= second < self.plan["until"]
            rate = self.plan["spike"] if spike else self.plan["base"]
            for _one in range(int(rate) + (self.dice.random() < rate % 1)):
                tasks.append(asyncio.create_task(self.person(self.dice.random())))
            await asyncio.sleep(max(0.0, second + 1 - self.now))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def person(self, late: float) -> None:
        await asyncio.sleep(late)
        headers: dict[str, str] = {}
        status, held = await self.ask("POST", f"/api/v1/rooms/{SLUG}/tickets", {})
        if status == 201:
            place, joined = held["place"], self.now
            self.tell("joined", minutes=place["minutes"])
            token = await self.wait(held["ticket"], place, joined)
            if not token:
                return
            headers["X_Queue_Pass"] = token
        elif status != 409:
            self.tell("join failed", status=status)
            return
        else:
            self.tell("walked in")
        await asyncio.sleep(self.dice.expovariate(1 / self.plan["visit"]))
        await self.buy(headers)

    async def wait(self, ticket: str, place: dict[str, Any], joined: float) -> str:
        """Look as often as the file says; enter when called. The ticket's pass, or nothing for who went away."""
        leaves = self.dice.random() < self.plan["leave"]
        shown, number, minutes = float("inf"), place["number"], place["minutes"]
        while True:
            status, told = await self.ask("GET", f"/antre/{SLUG}.json")
            self.tell("looked", ok=status == 200)
            if status == 200:
                ahead = max(0, number - told["n"] - 1)
                if ahead > shown:
                    self.tell("rose")
                shown = ahead
                if minutes is None and ahead and told["r"]:
                    # The first range that the page could show.
                    minutes, joined = estimate.minutes(ahead, velocities=tuple(told["r"])), self.now
                if number <= told["n"] and told["s"] == "q":
                    self.tell("called", waited=self.now - joined, minutes=minutes, leaves=leaves)
                    break
                if told["s"] == "o":
                    return ""
            least, most, jitter = told["i"] if status == 200 else (5, 15, 20)
            pace = min(most, max(least, ahead / told["r"][1] * 6)) if status == 200 and told["r"] else min(most, 15)
            await asyncio.sleep(pace * (1 + self.dice.uniform(-jitter, jitter) / 100))
        if leaves:
            return ""
        await asyncio.sleep(self.dice.uniform(0.2, 2))
        began = self.now
        status, given = await self.ask("POST", f"/api/v1/rooms/{SLUG}/passes", {"ticket": ticket})
        self.tell("entered", status=status, took=self.now - began)
        return str(given["token"]) if status == 200 else ""

    async def buy(self, headers: dict[str, str]) -> None:
        """An order through the API, and a look at it."""
        wish = {"quantity": 1, "email": f"siti{secrets.token_hex(5)}@contoh.example", "method": "qris"}
        began = self.now
        status, _order = await self.ask(
            "POST", "/api/v1/orders", wish, Idempotency_Key=secrets.token_hex(16), **headers
        )
        self.tell("ordered", status=status, took=self.now - began)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].split(b"\r\n")[0]
    body = await reader.readexactly(int(length)) if length else b""
    if b"transfer-encoding: chunked" in head:
        while size := int((await reader.readuntil(b"\r\n")).strip() or b"0", 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
    return int(head.split(b" ", 2)[1]), body


if __name__ == "__main__":
    site, plan = sys.argv[1:]
    asyncio.run(People(site, json.loads(plan)).run())
