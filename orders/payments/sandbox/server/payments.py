"""What can happen to a payment. Each change leaves a notification in the same transaction.

pending -> paid | expired | failed;  expired, failed -> paid (late money);  paid -> paid (more money)
paid -> reversed | refunded
"""

from __future__ import annotations

import secrets
import sqlite3
import string
from datetime import UTC, datetime
from typing import Any

from orders.payments.sandbox.server import notices, qris
from orders.payments.sandbox.server.asking import Wanted
from orders.payments.sandbox.server.web import Refused

BANK = "SANDBOX"
ALPHABET = string.digits + string.ascii_uppercase


def create(c: sqlite3.Connection, wanted: Wanted, *, at: float) -> tuple[sqlite3.Row, bool]:
    """The payment and whether it is new: one for a reference, ever. Raises Refused (422) on a conflict."""
    known = by_reference(c, wanted.reference, at=at)
    if known:
        if known["asked"] != wanted.digest():
            raise Refused(422, "idempotency_conflict", "This reference was used for another request.")
        return known, False
    if wanted.expires_at <= at:
        raise Refused(422, "unprocessable", "expires_at must be in the future.")
    number = "SBX" + "".join(secrets.choice(ALPHABET) for _ in range(20))
    is_qris = wanted.method == "qris"
    c.execute(
        """insert into payment (id, reference, asked, amount, method, description, notify_url, return_url,
                                qr_string, va_number, status, expires_at, created_at)
           values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?)""",
        (
            number,
            wanted.reference,
            wanted.digest(),
            wanted.amount,
            wanted.method,
            wanted.description,
            wanted.notify_url,
            wanted.return_url,
            qris.text(amount=wanted.amount, reference_label=number) if is_qris else None,
            None if is_qris else "8808" + "".join(secrets.choice(string.digits) for _ in range(12)),
            wanted.expires_at,
            at,
        ),
    )
    return get(c, number, at=at), True


def get(c: sqlite3.Connection, number: str, *, at: float) -> sqlite3.Row:
    """Raises Refused (404)."""
    expire_due(c, at=at)
    row: sqlite3.Row | None = c.execute("select * from payment where id = ?", (number,)).fetchone()
    if row is None:
        raise Refused(404, "no_such_payment", "There is no such payment.")
    return row


def by_reference(c: sqlite3.Connection, reference: str, *, at: float) -> sqlite3.Row | None:
    expire_due(c, at=at)
    row: sqlite3.Row | None = c.execute("select * from payment where reference = ?", (reference,)).fetchone()
    return row


def latest(c: sqlite3.Connection, *, at: float) -> list[sqlite3.Row]:
    expire_due(c, at=at)
    return c.execute("select * from payment order by created_at desc, id limit 50").fetchall()


def expire_due(c: sqlite3.Connection, *, at: float) -> None:
    """Before every reading, so that nobody sees a payment pending past its time."""
    due = "update payment set status = 'expired' where status = 'pending' and expires_at <= ? returning id"
    for (number,) in c.execute(due, (at,)).fetchall():
        notices.leave(c, number, at=at)


def receive(c: sqlite3.Connection, number: str, *, amount: int, at: float) -> None:
    """Money comes: in time, late, or once more. A gateway cannot refuse what a bank has already moved."""
    arrow = """update payment set status = 'paid', received = received + ?, paid_at = coalesce(paid_at, ?)
               where id = ? and status in ('pending', 'expired', 'failed', 'paid')"""
    _moved(c.execute(arrow, (amount, at, number)), "Money cannot come to this payment any more.")
    notices.leave(c, number, at=at)


def close(c: sqlite3.Connection, number: str, *, status: str, at: float) -> None:
    """No money: `status` is expired or failed."""
    arrow = "update payment set status = ? where id = ? and status = 'pending'"
    _moved(c.execute(arrow, (status, number)), "The payment is not pending.")
    notices.leave(c, number, at=at)


def reverse(c: sqlite3.Connection, number: str, *, at: float) -> None:
    """The bank takes paid money back."""
    arrow = "update payment set status = 'reversed' where id = ? and status = 'paid'"
    _moved(c.execute(arrow, (number,)), "The payment is not paid.")
    notices.leave(c, number, at=at)


def refund(
    c: sqlite3.Connection, number: str, *, refund_key: str, amount: int, reason: str, at: float
) -> tuple[sqlite3.Row, bool]:
    """The refund and whether it is new. The key alone makes it one; raises Refused (409, 422)."""
    payment = get(c, number, at=at)
    query = "select * from refund where payment = ? and refund_key = ?"
    known: sqlite3.Row | None = c.execute(query, (number, refund_key)).fetchone()
    if known:
        if (known["amount"], known["reason"]) != (amount, reason):
            raise Refused(422, "refund_key_conflict", "This refund_key was used for another refund.")
        return known, False
    if payment["status"] != "paid":
        raise Refused(409, "not_refundable", "Only a paid payment can be refunded.")
    if amount > payment["received"] - payment["refunded"]:
        raise Refused(422, "too_much", "More than is left of the payment.")
    c.execute("insert into refund values (?, ?, ?, ?, ?)", (number, refund_key, amount, reason, at))
    c.execute(
        """update payment set refunded = refunded + :amount,
                              status = iif(refunded + :amount = received, 'refunded', 'paid')
           where id = :id""",
        {"amount": amount, "id": number},
    )
    notices.leave(c, number, at=at)
    made: sqlite3.Row = c.execute(query, (number, refund_key)).fetchone()
    return made, True


def shown(row: sqlite3.Row, *, url: str) -> dict[str, Any]:
    """A payment as the API shows it; `url` is this server's own address."""
    same = ("id", "reference", "amount", "status", "method", "qr_string", "va_number")
    return {name: row[name] for name in same} | {
        "currency": "IDR",
        "amount_received": row["received"],
        "amount_refunded": row["refunded"],
        "va_bank": BANK if row["va_number"] else None,
        "pay_url": f"{url}/pay/{row['id']}",
        "expires_at": iso(row["expires_at"]),
        "created_at": iso(row["created_at"]),
        "paid_at": iso(row["paid_at"]) if row["paid_at"] else None,
    }


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat()


def _moved(cursor: sqlite3.Cursor, message: str) -> None:
    if cursor.rowcount != 1:
        raise Refused(409, "wrong_state", message)
