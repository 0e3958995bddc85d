"""From the sandbox's JSON to the contract's types. Type, amount and currency are checked, not assumed."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from orders.payments.gateway import Charge, Instructions, Method, PaymentError, Standing, Started, Status

ID = re.compile(r"SBX[0-9A-Z]{20}")

# Their words to ours, written out: should they add one, we refuse it instead of guessing.
STATUSES = {
    "pending": Status.PENDING,
    "paid": Status.PAID,
    "expired": Status.EXPIRED,
    "failed": Status.FAILED,
    "reversed": Status.REVERSED,
    "refunded": Status.REFUNDED,
}
WITH_MONEY = frozenset({Status.PAID, Status.REVERSED, Status.REFUNDED})


def started(answer: object, *, charge: Charge) -> Started:
    """Raises PaymentError, permanent when the sandbox took something else than we asked for."""
    payment = _object(answer)
    asked = (charge.reference, charge.amount, "IDR", charge.method.value)
    taken = (payment.get("reference"), payment.get("amount"), payment.get("currency"), payment.get("method"))
    if taken != asked:
        raise PaymentError("The sandbox took another charge than was asked for.", permanent=True)
    instructions = Instructions(
        qr_string=_text_or_none(payment, "qr_string"),
        va_number=_text_or_none(payment, "va_number"),
        va_bank=_text_or_none(payment, "va_bank"),
        pay_url=_text_or_none(payment, "pay_url"),
        expires_at=_time(payment, "expires_at"),
    )
    needed = instructions.qr_string if charge.method is Method.QRIS else instructions.va_number
    if not needed:
        raise PaymentError("The sandbox's answer does not say how to pay.", permanent=False)
    return Started(gateway_reference=_id(payment), instructions=instructions)


def standing(answer: object) -> Standing:
    """Raises PaymentError when the answer is not a payment in rupiah in a status we know."""
    payment = _object(answer)
    status = STATUSES.get(_text(payment, "status"))
    if status is None:
        raise PaymentError("The sandbox answered with an unknown status.", permanent=False)
    if payment.get("currency") != "IDR":
        raise PaymentError("The sandbox answered in another currency than rupiah.", permanent=True)
    money = status in WITH_MONEY
    return Standing(
        gateway_reference=_id(payment),
        reference=_text(payment, "reference"),
        status=status,
        amount=_rupiah(payment, "amount_received" if money else "amount"),
        currency="IDR",
        paid_at=_time(payment, "paid_at") if money else None,
        refunded=_rupiah(payment, "amount_refunded"),
    )


def found(answer: object) -> Standing | None:
    """The only payment of a list, or None for an empty list. Raises PaymentError."""
    listed = _object(answer).get("data")
    if not isinstance(listed, list) or len(listed) > 1:
        raise PaymentError("The sandbox's answer is not a list of at most one payment.", permanent=False)
    return standing(listed[0]) if listed else None


def refunded(answer: object, *, refund_key: str, amount: int) -> None:
    """Raises PaymentError when the sandbox refunded something else than we asked for."""
    refund = _object(answer)
    if (refund.get("refund_key"), refund.get("amount")) != (refund_key, amount):
        raise PaymentError("The sandbox refunded something else than was asked for.", permanent=True)


def _object(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise _strange("object")
    return answer


def _text(payment: dict[str, Any], field: str) -> str:
    value = payment.get(field)
    if not isinstance(value, str) or not value:
        raise _strange(field)
    return value


def _text_or_none(payment: dict[str, Any], field: str) -> str | None:
    return None if payment.get(field) is None else _text(payment, field)


def _id(payment: dict[str, Any]) -> str:
    value = _text(payment, "id")
    if not ID.fullmatch(value):
        raise _strange("id")
    return value


def _rupiah(payment: dict[str, Any], field: str) -> int:
    value = payment.get(field)
    if type(value) is not int or value < 0:  # bool is an int in Python, but no money
        raise _strange(field)
    return value


def _time(payment: dict[str, Any], field: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(payment, field))
    except ValueError as error:
        raise _strange(field) from error
    if moment.tzinfo is None:
        raise _strange(field)
    return moment


def _strange(field: str) -> PaymentError:
    """Names the field, never its value: an answer may hold anything."""
    return PaymentError(f"The sandbox's answer has no usable {field}.", permanent=False)
