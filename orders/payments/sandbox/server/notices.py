"""Notifications as rows: what is to be said, when, and the mischief ordered for them."""

from __future__ import annotations

import json
import random
import secrets
import sqlite3
from datetime import UTC, datetime
from typing import Any

REORDER_SECONDS = 5.0
MISCHIEF = ("delay_seconds", "drop_share", "duplicate", "reorder")


def leave(c: sqlite3.Connection, number: str, *, at: float, forged: bool = False) -> None:
    """Leave a notification about the payment for the sender. A forged one claims that it is paid."""
    payment = c.execute("select * from payment where id = ?", (number,)).fetchone()
    said = {
        "type": "payment.updated",
        "created_at": datetime.fromtimestamp(at, tz=UTC).isoformat(),
        "data": {
            "id": number,
            "reference": payment["reference"],
            "status": "paid" if forged else payment["status"],
            "amount": payment["received"] or payment["amount"],
            "currency": "IDR",
        },
    }
    event, body = f"msg_{secrets.token_hex(12)}", json.dumps(said)
    copies = 2 if mischief(c)["duplicate"] else 1
    for _ in range(copies):
        _leave(c, event, number, body, at=at, forged=forged)


def repeat(c: sqlite3.Connection, number: str, *, at: float) -> bool:
    """Leave the payment's last true notification once more, same event and body. False: there is none."""
    query = "select event, body from notification where payment = ? and not forged order by id desc limit 1"
    last = c.execute(query, (number,)).fetchone()
    if last is None:
        return False
    _leave(c, last["event"], number, last["body"], at=at, forged=False)
    return True


def mischief(c: sqlite3.Connection) -> dict[str, Any]:
    """{delay_seconds: float, drop_share: 0..1, duplicate: bool, reorder: bool}"""
    row = c.execute("select * from mischief").fetchone()
    return {
        "delay_seconds": row["delay_seconds"],
        "drop_share": row["drop_share"],
        "duplicate": bool(row["duplicate"]),
        "reorder": bool(row["reorder"]),
    }


def order_mischief(c: sqlite3.Connection, wish: dict[str, Any]) -> None:
    """Raises ValueError when the wish is not as `mischief` shows it."""
    numbers = ("delay_seconds", 3600), ("drop_share", 1)
    for name, most in numbers:
        if type(wish.get(name)) not in (int, float) or not 0 <= wish[name] <= most:
            raise ValueError(f"{name} must be a number from 0 to {most}.")
    for name in ("duplicate", "reorder"):
        if type(wish.get(name)) is not bool:
            raise ValueError(f"{name} must be true or false.")
    c.execute(
        "update mischief set delay_seconds = ?, drop_share = ?, duplicate = ?, reorder = ?",
        tuple(wish[name] for name in MISCHIEF),
    )


def _leave(c: sqlite3.Connection, event: str, number: str, body: str, *, at: float, forged: bool) -> None:
    ordered = mischief(c)
    state = "dropped" if random.random() < ordered["drop_share"] else "waiting"  # noqa: S311 - mischief, no secret
    scatter = random.random() * REORDER_SECONDS if ordered["reorder"] else 0  # noqa: S311
    due_at = at + ordered["delay_seconds"] + scatter
    c.execute(
        "insert into notification (event, payment, body, forged, state, due_at) values (?, ?, ?, ?, ?, ?)",
        (event, number, body, forged, state, due_at),
    )
