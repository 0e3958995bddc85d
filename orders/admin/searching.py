"""One search box: whatever names an order leads to it, each kind of name by an index of its own."""

import re
from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

from django.db.models import Q, QuerySet

from meterai import codes
from meterai.models.serial import SERIAL_PATTERN

from .. import contacts
from ..models import Line, Order, Payment, Receipt, Refund
from ..ordering import CODE_PREFIX
from ..payments.registry import BUILDERS

_REFUND = re.compile(r"refund[\s-]*([0-9]{1,18})", re.IGNORECASE)
_RECEIPT = re.compile(r"(.{1,12})-([0-9]{1,9})")


def orders_named(typed: str) -> "QuerySet[Order]":
    """The orders that `typed` names exactly; none when it names nothing. Nothing is searched by a part of a word."""
    text = typed.strip()
    return Order.objects.filter(_contact(text) | Q(pk__in=_keys(text)))


def _keys(text: str) -> set[int]:
    keys: set[int] = set()
    if code := codes.tidy(text, prefix=CODE_PREFIX):
        keys |= set(Order.objects.filter(code=code).values_list("pk", flat=True))
    if re.fullmatch(SERIAL_PATTERN, text.upper()):
        keys |= set(Line.objects.filter(serial_id=text.upper()).values_list("order_id", flat=True))
    for rows in _rows(text):
        keys |= set(rows)
    return keys


def _rows(text: str) -> list[Iterable[int]]:
    """What else may be named so: a payment here or at a gateway, a refund, a receipt."""
    # The gateway's name stands first in the index.
    at_gateway = Payment.objects.filter(gateway__in=BUILDERS, gateway_reference=text[:80])
    found: list[Iterable[int]] = [at_gateway.values_list("order_id", flat=True)] if text else []
    with suppress(ValueError):
        found.append(Payment.objects.filter(pk=UUID(text)).values_list("order_id", flat=True))
    if named := _REFUND.fullmatch(text):
        refunds = Refund.objects.filter(pk=int(named[1]))
        found.append(refunds.values_list("payment__order_id", flat=True))
    if named := _RECEIPT.fullmatch(text.upper()):
        receipts = Receipt.objects.filter(series_id=named[1], number=int(named[2]))
        found.append(receipts.values_list("order_id", flat=True))
    return found


def _contact(text: str) -> Q:
    try:
        contact = contacts.parse(text)
    except contacts.NotAContact:
        return Q(pk__in=[])
    # The index knows only addresses that are not empty.
    return Q(email=contact.email) & ~Q(email="") if contact.email else Q(phone=contact.phone) & ~Q(phone="")
