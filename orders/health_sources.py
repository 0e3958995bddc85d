"""Measures of the shop's health that are read from its own tables, by real outcomes."""

from datetime import datetime, timedelta

from django.db import connection

# Payments of the last minute; the first seconds are always a wait.
_LOOKED_AT = timedelta(seconds=60)
_PAY = """
SELECT percentile_disc(0.95) WITHIN GROUP (
    ORDER BY CASE WHEN state = 'started' THEN extract(epoch FROM %(at)s - created_at) ELSE 0 END)
FROM orders_payment JOIN (SELECT id AS order_key FROM orders_order ORDER BY id DESC LIMIT 1000) newest
    ON newest.order_key = orders_payment.order_id
WHERE created_at BETWEEN %(since)s AND %(at)s
"""


def pay(*, at: datetime) -> tuple[str, float] | None:
    """("pay", seconds): how long one payment in twenty of the last minute has waited in vain for its gateway.

    None when nobody paid. The newest thousand orders are looked at, by their key.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PAY, {"at": at, "since": at - _LOOKED_AT})
        value = cursor.fetchone()[0]
    return None if value is None else ("pay", float(value))
