"""What a tester can bring about by hand: a function each, of the name used in the API and on the page."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from orders.payments.sandbox.server import notices, payments
from orders.payments.sandbox.server.web import Refused

Action = Callable[..., None]


def act(c: sqlite3.Connection, number: str, *, action: str, amount: int | None, at: float) -> None:
    """`amount` in rupiah serves pay_wrong_amount only. Raises Refused (404, 409, 422)."""
    payment = payments.get(c, number, at=at)
    if action not in ACTIONS:
        raise Refused(422, "unknown_action", f"action must be one of {', '.join(ACTIONS)}.")
    ACTIONS[action](c, payment, amount=amount, at=at)


def pay(c: sqlite3.Connection, payment: sqlite3.Row, *, amount: int | None, at: float) -> None:
    """The buyer pays in time."""
    _only_pending(payment)
    payments.receive(c, payment["id"], amount=payment["amount"], at=at)


def pay_late(c: sqlite3.Connection, payment: sqlite3.Row, *, amount: int | None, at: float) -> None:
    """The time runs out, and then the money comes."""
    if payment["status"] == "pending":
        payments.close(c, payment["id"], status="expired", at=at)
    elif payment["status"] != "expired":
        raise Refused(409, "wrong_state", "The payment is neither pending nor expired.")
    payments.receive(c, payment["id"], amount=payment["amount"], at=at)


def pay_twice(c: sqlite3.Connection, payment: sqlite3.Row, *, amount: int | None, at: float) -> None:
    """The buyer pays, and pays once more: the gateway has received twice the amount."""
    if payment["status"] == "pending":
        payments.receive(c, payment["id"], amount=payment["amount"], at=at)
    elif payment["status"] != "paid":
        raise Refused(409, "wrong_state", "The payment is neither pending nor paid.")
    payments.receive(c, payment["id"], amount=payment["amount"], at=at)


def pay_wrong_amount(c: sqlite3.Connection, payment: sqlite3.Row, *, amount: int | None, at: float) -> None:
    """The buyer pays `amount` rupiah, or one tenth less than asked."""
    _only_pending(payment)
    wrong = (payment["amount"] * 9 // 10 or 2) if amount is None else amount
    payments.receive(c, payment["id"], amount=wrong, at=at)


def expire(c: sqlite3.Connection, payment: sqlite3.Row, *, amount: int | None, at: float) -> None:
    """The time runs out now."""
    payments.close(c, payment["id"], status="expired", at=at)


def fail(c: sqlite3.Connection, payment: sqlite3.Row, *, amount: int | None, at: float) -> None:
    """The bank denies the payment."""
    payments.close(c, payment["id"], status="failed", at=at)


def reverse(c: sqlite3.Connection, payment: sqlite3.Row, *, amount: int | None, at: float) -> None:
    """The bank takes paid money back."""
    payments.reverse(c, payment["id"], at=at)


def duplicate(c: sqlite3.Connection, payment: sqlite3.Row, *, amount: int | None, at: float) -> None:
    """The last notification is sent once more."""
    if not notices.repeat(c, payment["id"], at=at):
        raise Refused(409, "nothing_to_repeat", "Nothing was notified about this payment yet.")


def forge(c: sqlite3.Connection, payment: sqlite3.Row, *, amount: int | None, at: float) -> None:
    """A stranger claims that the payment is paid, with a signature of their own."""
    notices.leave(c, payment["id"], at=at, forged=True)


ACTIONS: dict[str, Action] = {
    action.__name__: action
    for action in (pay, pay_late, pay_twice, pay_wrong_amount, expire, fail, reverse, duplicate, forge)
}


def _only_pending(payment: sqlite3.Row) -> None:
    if payment["status"] != "pending":
        raise Refused(409, "wrong_state", "The payment is not pending.")
