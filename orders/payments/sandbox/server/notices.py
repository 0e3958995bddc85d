"""Notifications as rows: what is to be said, when, and the mischief ordered for them."""

from __future__ import annotations

import json
import random
import secrets
import sqlite3
from datetime import UTC, datetime
from typing import Any

REORDER_SECONDS = 5.0
NUMBERS = {"delay_seconds": 3600, "drop_share": 1, "answer_seconds": 60}
"""What may be set to a number, and the most of each."""
SWITCHES = ("duplicate", "reorder", "silent")


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
    ordered = mischief(c)
    # Lost is the notification, with all its copies: the shop never hears of this change.
    lost = random.random() < ordered["drop_share"]  # noqa: S311 - mischief, no secret
    for _ in range(2 if ordered["duplicate"] else 1):
        _leave(c, event, number, body, ordered, at=at, forged=forged, lost=lost)


def repeat(c: sqlite3.Connection, number: str, *, at: float) -> bool:
    """Leave the payment's last true notification once more, same event and body. False: there is none."""
    query = "select event, body from notification where payment = ? and not forged order by id desc limit 1"
    last = c.execute(query, (number,)).fetchone()
    if last is None:
        return False
    _leave(c, last["event"], number, last["body"], mischief(c), at=at, forged=False, lost=False)
    return True


def mischief(c: sqlite3.Connection) -> dict[str, Any]:
    """{delay_seconds: 0..3600, drop_share: 0..1, duplicate, reorder: bool, answer_seconds: 0..60, silent: bool}"""
    row = c.execute("select * from mischief").fetchone()
    return {name: row[name] for name in NUMBERS} | {name: bool(row[name]) for name in SWITCHES}


def order_mischief(c: sqlite3.Connection, wish: dict[str, Any]) -> None:
    """Raises ValueError when the wish is not as `mischief` shows it."""
    for name, most in NUMBERS.items():
        if type(wish.get(name)) not in (int, float) or not 0 <= wish[name] <= most:
            raise ValueError(f"{name} must be a number from 0 to {most}.")
    for name in SWITCHES:
        if type(wish.get(name)) is not bool:
            raise ValueError(f"{name} must be true or false.")
    names = (*NUMBERS, *SWITCHES)
    assigned = ", ".join(f"{name} = :{name}" for name in names)
    c.execute(f"update mischief set {assigned}", {name: wish[name] for name in names})  # noqa: S608 - names of our own


def _leave(
    c: sqlite3.Connection,
    event: str,
    number: str,
    body: str,
    ordered: dict[str, Any],
    *,
    at: float,
    forged: bool,
    lost: bool,
) -> None:
    scatter = random.random() * REORDER_SECONDS if ordered["reorder"] else 0  # noqa: S311
    due_at = at + ordered["delay_seconds"] + scatter
    c.execute(
        "insert into notification (event, payment, body, forged, state, due_at) values (?, ?, ?, ?, ?, ?)",
        (event, number, body, forged, "dropped" if lost else "waiting", due_at),
    )
