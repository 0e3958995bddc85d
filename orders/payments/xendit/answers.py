"""From Xendit's JSON to the contract's types. Type, amount and currency are checked, not assumed."""

from __future__ import annotations

import re
from datetime import datetime

from orders.payments.gateway import Charge, Instructions, Method, PaymentError, RefundStatus, Standing, Started, Status
from orders.payments.http import Answer, Fields

GATEWAY = "Xendit"
ID = re.compile(r"pr-[0-9A-Za-z-]{8,64}")

# Their words to ours, written out: should they add one, we refuse it instead of guessing. AWAITING_CAPTURE and UNKNOWN
# are left out on purpose: the one belongs to cards, the other says nothing.
STATUSES = {
    "PENDING": Status.PENDING,
    "REQUIRES_ACTION": Status.PENDING,
    "SUCCEEDED": Status.PAID,
    "EXPIRED": Status.EXPIRED,
    "FAILED": Status.FAILED,
    "CANCELED": Status.FAILED,
    "VOIDED": Status.REVERSED,  # unless our own refunds explain it: see standing()
}
WITH_MONEY = frozenset({Status.PAID, Status.REVERSED, Status.REFUNDED})
# What a refund of theirs may say; the false ones are final and moved no money.
REFUND_STATUSES = {
    "PENDING": RefundStatus.PENDING,
    "REQUIRES_ACTION": RefundStatus.PENDING,
    "SUCCEEDED": RefundStatus.DONE,
}
REFUND_REFUSALS = frozenset({"FAILED", "CANCELLED", "CANCELED"})
TYPES = {Method.QRIS: "QR_CODE", Method.VIRTUAL_ACCOUNT: "VIRTUAL_ACCOUNT"}


def started(answer: object, *, charge: Charge) -> Started:
    """Raises PaymentError, permanent when Xendit took something else than we asked for."""
    request = Fields(answer, gateway=GATEWAY)
    method = request.object("payment_method")
    asked = (charge.reference, charge.amount, "IDR", TYPES[charge.method])
    taken = (request.text("reference_id"), request.rupiah("amount"), request.text("currency"), method.text("type"))
    if taken != asked:
        raise PaymentError("Xendit took another charge than was asked for.", permanent=True)
    if charge.method is Method.QRIS:
        properties = method.object("qr_code").object("channel_properties")
        qr_string, va_number, va_bank = properties.text("qr_string"), None, None
    else:
        account = method.object("virtual_account")
        properties = account.object("channel_properties")
        qr_string, va_number, va_bank = None, properties.text("virtual_account_number"), account.text("channel_code")
    instructions = Instructions(
        qr_string=qr_string,
        va_number=va_number,
        va_bank=va_bank,
        pay_url=None,
        expires_at=_time(properties, "expires_at") if "expires_at" in properties else charge.expires_at,
    )
    return Started(gateway_reference=_id(request), instructions=instructions)


def standing(answer: object, *, refunded: int = 0) -> Standing:
    """`refunded`: rupiah of the refunds that succeeded. Raises PaymentError when this is no payment that we know."""
    request = Fields(answer, gateway=GATEWAY)
    status = STATUSES.get(request.text("status"))
    if status is None:
        raise PaymentError("Xendit answered with an unknown status.", permanent=False)
    if request.text("currency") != "IDR":
        raise PaymentError("Xendit answered in another currency than rupiah.", permanent=True)
    amount = request.rupiah("amount")
    # A code that ran out may leave its request pending for good: the method's own status says so.
    if status is Status.PENDING and request.object("payment_method").raw("status") == "EXPIRED":
        status = Status.EXPIRED
    # A full refund within a day turns into a void. A void that we did not ask for took the money back.
    if status in WITH_MONEY and refunded and refunded >= amount:
        status = Status.REFUNDED
    money = status in WITH_MONEY
    return Standing(
        gateway_reference=_id(request),
        reference=request.text("reference_id"),
        status=status,
        amount=amount,
        currency="IDR",
        paid_at=_time(request, "updated") if money else None,
        refunded=min(refunded, amount),
    )


def has_money(answer: object) -> bool:
    """Whether there may be refunds to ask about."""
    return STATUSES.get(str(Fields(answer, gateway=GATEWAY).raw("status"))) in WITH_MONEY


def found(answer: object) -> object | None:
    """The only payment request of a list, or None for an empty list. Raises PaymentError for more than one."""
    listed = Fields(answer, gateway=GATEWAY).raw("data")
    if not isinstance(listed, list) or len(listed) > 1:
        raise PaymentError("Xendit's answer is not a list of at most one payment.", permanent=False)
    return listed[0] if listed else None


def refunds(answer: object) -> list[Fields]:
    """The refunds of a list that is whole. Raises PaymentError when Xendit keeps some of it back."""
    page = Fields(answer, gateway=GATEWAY)
    if page.raw("has_more"):
        raise PaymentError("Xendit lists more refunds than we can count.", permanent=False)
    return page.objects("data")


def refunded(listed: list[Fields]) -> int:
    """Rupiah of the refunds that succeeded."""
    return sum(refund.rupiah("amount") for refund in listed if refund.text("status") == "SUCCEEDED")


def refund_status(refund: Fields, *, payment: str, refund_key: str, amount: int) -> RefundStatus:
    """Raises PaymentError, permanent, when this is another refund than we asked for, or Xendit refused it."""
    asked = (payment, refund_key, amount, "IDR")
    told = (
        refund.text("payment_request_id"),
        refund.text("reference_id"),
        refund.rupiah("amount"),
        refund.text("currency"),
    )
    if told != asked:
        raise PaymentError("Xendit refunded something else than was asked for.", permanent=True)
    status = refund.text("status")
    if status in REFUND_REFUSALS:
        raise PaymentError(f"Xendit refused the refund: {_word(refund.raw('failure_code'))}.", permanent=True)
    if status not in REFUND_STATUSES:
        raise PaymentError("Xendit answered with an unknown status of a refund.", permanent=False)
    return REFUND_STATUSES[status]


def error_code(answer: Answer) -> str:
    """The constant with which Xendit says what is wrong; empty when it says none."""
    told = answer.json()
    code = told.get("error_code") if isinstance(told, dict) else None
    return code if isinstance(code, str) else ""


def _id(request: Fields) -> str:
    value = request.text("id")
    if not ID.fullmatch(value):
        raise request.strange("id")
    return value


def _time(fields: Fields, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(fields.text(name))
    except ValueError as error:
        raise fields.strange(name) from error
    if moment.tzinfo is None:
        raise fields.strange(name)
    return moment


def _word(value: object) -> str:
    """A failure code as it may stand in a message: their constants are capitals, anything else is not repeated."""
    return value if isinstance(value, str) and re.fullmatch(r"[A-Z_]{1,60}", value) else "no reason given"
