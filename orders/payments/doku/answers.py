"""From DOKU's JSON to the contract's types. Invoice, amount and, where told, currency are checked, not assumed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import urlsplit

from orders.payments.doku.invoices import reference_of
from orders.payments.gateway import Charge, Instructions, PaymentError, Standing, Started, Status
from orders.payments.http import Fields

NAME = "DOKU"
WIB = timezone(timedelta(hours=7))
MONEY = re.compile(r"([0-9]{1,12})(?:\.0{1,2})?")

# Their words to ours, written out: should they add one, we refuse it instead of guessing.
TRANSACTIONS = {
    "PENDING": Status.PENDING,
    "REDIRECT": Status.PENDING,
    "TIMEOUT": Status.PENDING,  # "call Check Status API to get final status"
    "SUCCESS": Status.PAID,
    "FAILED": Status.FAILED,
    "EXPIRED": Status.EXPIRED,
    "REFUNDED": Status.REFUNDED,
}
ORDERS = {
    "ORDER_GENERATED": Status.PENDING,
    "ORDER_RECOVERED": Status.PENDING,
    "ORDER_EXPIRED": Status.EXPIRED,
}
WITH_MONEY = frozenset({Status.PAID, Status.REFUNDED})


def started(answer: Fields, *, charge: Charge, invoice: str, secure: bool) -> Started:
    """`secure`: the page must be reached by https.

    Raises PaymentError, permanent when DOKU took something else than we asked for.
    """
    response = answer.object("response")
    order, payment = response.object("order"), response.object("payment")
    if (order.raw("invoice_number"), _rupiah(order, "amount")) != (invoice, charge.amount):
        raise PaymentError("DOKU took another charge than was asked for.", permanent=True)
    _refuse_foreign(order)
    page = payment.text("url")
    parts = urlsplit(page)
    if parts.scheme not in ({"https"} if secure else {"https", "http"}) or not parts.hostname or parts.username:
        raise payment.strange("url")
    expires_at = _wib(payment, "expired_date") if "expired_date" in payment else charge.expires_at
    instructions = Instructions(qr_string=None, va_number=None, va_bank=None, pay_url=page, expires_at=expires_at)
    return Started(gateway_reference=invoice, instructions=instructions)


def standing(answer: Fields) -> Standing:
    """Raises PaymentError when the answer is not about an invoice of ours in a status we know."""
    order = answer.object("order")
    invoice = order.text("invoice_number")
    try:
        reference = reference_of(invoice)
    except ValueError as error:
        raise PaymentError("DOKU answered about a stranger's invoice.", permanent=True) from error
    _refuse_foreign(order)
    transaction = answer.object("transaction") if "transaction" in answer else None
    status = _status(order, transaction)
    amount = _rupiah(order, "amount")
    dated = transaction is not None and "date" in transaction and status in WITH_MONEY
    return Standing(
        gateway_reference=invoice,
        reference=reference,
        status=status,
        amount=amount,
        currency="IDR",
        paid_at=_utc(transaction, "date") if transaction is not None and dated else None,
        refunded=amount if status is Status.REFUNDED else 0,
    )


def _status(order: Fields, transaction: Fields | None) -> Status:
    """The transaction's word, once there is one; until it is decided, the order may run out of time before it."""
    told = order.text_or_none("status")
    page = _known(ORDERS, told) if told else None
    word = transaction.text_or_none("status") if transaction is not None else None
    if word is None:
        if page is None:
            raise order.strange("status")
        return page
    status = _known(TRANSACTIONS, word)
    return Status.EXPIRED if status is Status.PENDING and page is Status.EXPIRED else status


def _known(words: dict[str, Status], word: str) -> Status:
    if word not in words:
        raise PaymentError("DOKU answered with an unknown status.", permanent=False)
    return words[word]


def _refuse_foreign(order: Fields) -> None:
    """DOKU's orders are in rupiah, and its status does not repeat it; another word for it is refused."""
    if order.raw("currency") not in (None, "IDR"):
        raise PaymentError("DOKU answered in another currency than rupiah.", permanent=True)


def _rupiah(fields: Fields, name: str) -> int:
    """Their money is a number in one answer and text in the other."""
    value = fields.raw(name)
    if isinstance(value, str):
        digits = MONEY.fullmatch(value)
        if not digits:
            raise fields.strange(name)
        return int(digits[1])
    return fields.rupiah(name)


def _wib(fields: Fields, name: str) -> datetime:
    """20260904104531, Jakarta's time."""
    text = fields.text(name)
    try:
        return datetime.strptime(f"{text}+0700", "%Y%m%d%H%M%S%z").astimezone(UTC)
    except ValueError as error:
        raise fields.strange(name) from error


def _utc(fields: Fields, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(fields.text(name))
    except ValueError as error:
        raise fields.strange(name) from error
    if moment.tzinfo is None:
        raise fields.strange(name)
    return moment.astimezone(UTC)
