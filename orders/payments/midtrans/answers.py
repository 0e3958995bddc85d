"""From Midtrans's JSON to the contract's types. Reference, amount and currency are checked, not assumed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import urlsplit

from orders.payments.gateway import Charge, Instructions, Method, PaymentError, Standing, Started, Status
from orders.payments.http import Fields

NAME = "Midtrans"
ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_~.-]{0,38}")
"""An order_id as we send it: nothing that could climb in a path, and room for "-charge" in an Idempotency-Key."""
TRANSACTION_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
WIB = timezone(timedelta(hours=7))
MONEY = re.compile(r"([0-9]{1,12})(?:\.0{1,2})?")

# Their words to ours, written out: should they add one, we refuse it instead of guessing. The words of the second
# table mean a payment without money, or money taken back, depending on whether it had settled before.
STATUSES = {
    "pending": Status.PENDING,
    "authorize": Status.PENDING,
    "settlement": Status.PAID,
    "partial_refund": Status.PAID,
    "expire": Status.EXPIRED,
    "refund": Status.REFUNDED,
    "chargeback": Status.REVERSED,
    "partial_chargeback": Status.REVERSED,
}
GIVEN_UP = frozenset({"deny", "cancel", "failure"})

PAYMENT_TYPES = {Method.QRIS: "qris", Method.VIRTUAL_ACCOUNT: "bank_transfer"}


def started(payment: Fields, *, charge: Charge, bank: str, url: str) -> Started:
    """`url` is the API's own address, where the picture of a QR code lies.

    Raises PaymentError, permanent when Midtrans took something else than we asked for, or refused it.
    """
    asked = (charge.reference, charge.amount, "IDR", PAYMENT_TYPES[charge.method])
    taken = (
        payment.raw("order_id"),
        _rupiah(payment, "gross_amount"),
        payment.raw("currency"),
        payment.raw("payment_type"),
    )
    if taken != asked:
        raise PaymentError("Midtrans took another charge than was asked for.", permanent=True)
    if payment.raw("transaction_status") in GIVEN_UP:
        raise PaymentError("Midtrans refused the charge.", permanent=True)
    qris = charge.method is Method.QRIS
    qr_string = payment.text_or_none("qr_string") if qris else None
    instructions = Instructions(
        qr_string=qr_string,
        va_number=None if qris else _va_number(payment, bank),
        va_bank=None if qris else bank.upper(),
        pay_url=_picture(payment, url) if qris and not qr_string else None,
        expires_at=_time(payment, "expiry_time") if "expiry_time" in payment else charge.expires_at,
    )
    return Started(gateway_reference=charge.reference, instructions=instructions)


def standing(payment: Fields) -> Standing:
    """Raises PaymentError when the answer is not a payment in rupiah in a status we know."""
    word = payment.text("transaction_status").lower()
    status = _status(word, payment)
    if payment.raw("currency") != "IDR":
        raise PaymentError("Midtrans answered in another currency than rupiah, or in none.", permanent=True)
    reference, amount = payment.text("order_id"), _rupiah(payment, "gross_amount")
    return Standing(
        gateway_reference=reference,
        reference=reference,
        status=status,
        amount=amount,
        currency="IDR",
        paid_at=_time(payment, "settlement_time") if "settlement_time" in payment else None,
        refunded=_refunded(word, payment, amount),
    )


def refund_of(payment: Fields, *, refund_key: str, amount: int) -> bool | None:
    """Whether the bank has confirmed the refund of that key; None when Midtrans has no such refund.

    Raises PaymentError, permanent when the key was used for another amount.
    """
    for refund in payment.objects("refunds") if "refunds" in payment else []:
        if refund.raw("refund_key") == refund_key:
            if _rupiah(refund, "refund_amount") != amount:
                raise PaymentError("Midtrans refunded another amount under this key.", permanent=True)
            return "bank_confirmed_at" in refund
    return None


def _status(word: str, payment: Fields) -> Status:
    if word == "capture":  # a card's settlement before the day ends; final unless the fraud check doubts it
        return Status.PAID if payment.raw("fraud_status") == "accept" else Status.PENDING
    if word in GIVEN_UP:
        return Status.REVERSED if "settlement_time" in payment else Status.FAILED
    if word not in STATUSES:
        raise PaymentError("Midtrans answered with an unknown status.", permanent=False)
    return STATUSES[word]


def _refunded(word: str, payment: Fields, amount: int) -> int:
    if word not in ("refund", "partial_refund"):
        return 0
    if word == "refund" and "refund_amount" not in payment:
        return amount
    refunded = _rupiah(payment, "refund_amount")
    if refunded > amount:
        raise payment.strange("refund_amount")
    return refunded


def _va_number(payment: Fields, bank: str) -> str:
    if bank == "permata":
        number = payment.text("permata_va_number")
    else:
        numbers = [each.text("va_number") for each in payment.objects("va_numbers") if each.raw("bank") == bank]
        if len(numbers) != 1:
            raise payment.strange("va_numbers")
        number = numbers[0]
    if not re.fullmatch(r"[0-9]{6,32}", number):
        raise payment.strange("va_number")
    return number


def _picture(payment: Fields, url: str) -> str:
    """Where the QR code can be seen as a picture, when Midtrans does not tell what is written in it."""
    for action in payment.objects("actions") if "actions" in payment else []:
        if action.raw("name") == "generate-qr-code":
            picture = action.text("url")
            if urlsplit(picture).scheme not in {"https", urlsplit(url).scheme}:
                raise payment.strange("actions")
            return picture
    number = payment.text("transaction_id")
    if not TRANSACTION_ID.fullmatch(number):
        raise payment.strange("transaction_id")
    return f"{url}/v2/qris/{number}/qr-code"


def _rupiah(fields: Fields, name: str) -> int:
    """Their money is text with two decimals, which must be zero."""
    value = MONEY.fullmatch(fields.text(name))
    if not value:
        raise fields.strange(name)
    return int(value[1])


def _time(fields: Fields, name: str) -> datetime:
    """Their times are Jakarta's, without saying so."""
    try:
        moment = datetime.fromisoformat(fields.text(name))
    except ValueError as error:
        raise fields.strange(name) from error
    return moment.replace(tzinfo=moment.tzinfo or WIB).astimezone(UTC)
