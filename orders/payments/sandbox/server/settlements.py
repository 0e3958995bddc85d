"""The sandbox's settlement report of a day: what came, what was sent back and what a bank took back, as CSV.

A day runs from midnight to midnight in Jakarta. Each change of a payment left a notification, lost ones included, and
that is the history the report is read from; so the report of a day that is over never changes.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from orders.payments.sandbox.server.web import Refused

WIB = ZoneInfo("Asia/Jakarta")
HEADINGS = ("payment", "reference", "kind", "gross", "fee", "happened_at")
# What the sandbox keeps of money that came: QRIS 0.7 %, as the central bank set it; a virtual account Rp4.000 each.
QRIS_PER_MILLE, VA_FEE = 7, 4_000

_HISTORY = """
select min(notification.id) as place, payment.*, body from notification
join payment on payment.id = notification.payment
where not forged and (received > 0)
group by event order by payment.id, place
"""
_REFUNDS = """
select refund.payment as id, reference, refund.amount, refund.created_at from refund
join payment on payment.id = refund.payment
where refund.created_at >= ? and refund.created_at < ?
"""


def day(text: str) -> date:
    """2026-11-24. Raises Refused (400)."""
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(400, "date", "Ask with ?date=YYYY-MM-DD.") from None


def report(c: sqlite3.Connection, wanted: date) -> bytes:
    """The CSV of that day, with its heading even when nothing happened; in the order of time."""
    first = datetime.combine(wanted, time(), WIB)
    last = first + timedelta(days=1)
    rows = [row for row in _received(c) if first <= row["happened_at"] < last]
    rows += [_refund(row) for row in c.execute(_REFUNDS, (first.timestamp(), last.timestamp()))]
    out = io.StringIO()
    writer = csv.DictWriter(out, HEADINGS, lineterminator="\r\n")
    writer.writeheader()
    for row in sorted(rows, key=lambda row: (row["happened_at"], row["payment"])):
        writer.writerow(row | {"happened_at": row["happened_at"].isoformat(timespec="milliseconds")})
    return out.getvalue().encode()


def _received(c: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    """One row each time that money came, and one for what a bank took back."""
    payment, so_far = "", 0
    for row in c.execute(_HISTORY):
        said = json.loads(row["body"])
        if row["id"] != payment:
            payment, so_far = row["id"], 0
        status, came = said["data"]["status"], said["data"]["amount"]
        at = datetime.fromisoformat(said["created_at"]).astimezone(WIB)
        if status == "paid" and came > so_far:
            yield _row(row, kind="payment", gross=came - so_far, at=at) | {"fee": _fee(row["method"], came - so_far)}
            so_far = came
        elif status == "reversed":
            yield _row(row, kind="reversal", gross=row["received"] - row["refunded"], at=at)


def _refund(row: sqlite3.Row) -> dict[str, Any]:
    at = datetime.fromtimestamp(row["created_at"], tz=UTC).astimezone(WIB)
    return _row(row, kind="refund", gross=row["amount"], at=at)


def _row(payment: sqlite3.Row, *, kind: str, gross: int, at: datetime) -> dict[str, Any]:
    return {
        "payment": payment["id"],
        "reference": payment["reference"],
        "kind": kind,
        "gross": gross,
        "fee": 0,
        "happened_at": at,
    }


def _fee(method: str, gross: int) -> int:
    return gross * QRIS_PER_MILLE // 1000 if method == "qris" else VA_FEE
