"""How many stamps one person may buy in a period, where MAX_STAMPS_PER_PERSON sets it. The database refuses."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils.crypto import salted_hmac
from django.utils.timezone import localdate

from .models import Allowance, Order

_TAKE = """
INSERT INTO orders_allowance (person, first_day, taken, most) VALUES (%(person)s, %(day)s, %(count)s, %(most)s)
ON CONFLICT (person, first_day) DO UPDATE SET taken = orders_allowance.taken + excluded.taken, most = excluded.most
"""


class LimitReached(Exception):
    """This person would hold more stamps than one may buy in this period."""


def take(*, order: Order) -> None:
    """Count the order's stamps against its buyer's allowance. Raises LimitReached; the caller rolls back."""
    if not settings.MAX_STAMPS_PER_PERSON:
        return
    values: dict[str, Any] = {
        "person": person(order),
        "day": first_day(order.created_at),
        "count": order.quantity,
        "most": settings.MAX_STAMPS_PER_PERSON,
    }
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_TAKE, values)
    except IntegrityError as refusal:
        if "allowance_not_exceeded" not in str(refusal):
            raise
        raise LimitReached(order.code) from None


def give_back(*, orders: Iterable[Order]) -> None:
    """These orders lapsed: their stamps count no longer. The caller holds the orders' locks."""
    if not settings.MAX_STAMPS_PER_PERSON:
        return
    counts: Counter[tuple[str, date]] = Counter()
    for order in orders:
        counts[person(order), first_day(order.created_at)] += order.quantity
    people = {who for who, _day in counts}
    # In key order, so that two sweepers never wait for each other.
    for row in Allowance.objects.filter(person__in=people).order_by("pk").select_for_update(no_key=True):
        if count := counts[row.person, row.first_day]:
            row.taken = max(0, row.taken - count)
            row.save(update_fields=["taken"])


def person(order: Order) -> str:
    """The buyer, as a keyed digest of the contact: "a+b@x" and "a@x" are one."""
    name, at, host = order.email.partition("@")
    contact = f"{name.partition('+')[0]}{at}{host}" or order.phone
    return salted_hmac("orders.allowing", contact, algorithm="sha256").hexdigest()


def first_day(moment: datetime) -> date:
    """The first day of the period that `moment` falls in: periods of PERSON_LIMIT_DAYS, counted from 1 January 2024."""
    day = localdate(moment)
    return day - timedelta(days=(day - date(2024, 1, 1)).days % settings.PERSON_LIMIT_DAYS)
