"""Followed: whether anything that an order's page shows has changed, told by one cheap question.

Thousands of pages ask every few seconds while people pay. Most answers are "no", and must cost next to nothing.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.utils.translation import get_language

from orders.models import Order, Payment
from orders.showing import SILENCE

from .models import Document

MOST_COUNTED = 1000

# One row for everything the page shows; each by the index of its foreign key.
_SHOWN = """
SELECT 'payment', id::text, state, asked_at, created_at FROM orders_payment WHERE order_id = %(order)s
UNION ALL SELECT 'refund', refund.id::text, refund.state, refund.sent_at, refund.done_at
    FROM orders_refund refund JOIN orders_payment payment ON payment.id = refund.payment_id
    WHERE payment.order_id = %(order)s
UNION ALL SELECT 'receipt', id::text, coalesce(number, 0)::text, issued_at, NULL
    FROM orders_receipt WHERE order_id = %(order)s
UNION ALL SELECT 'document', id::text, state, confirmed_at, queued_at
    FROM stamping_document WHERE order_id = %(order)s
UNION ALL SELECT 'stamp', stamp.serial_id, stamp.state, stamp.changed_at, NULL
    FROM orders_line line JOIN meterai_stamp stamp ON stamp.serial_id = line.serial_id
    WHERE line.order_id = %(order)s AND line.released_at IS NULL
ORDER BY 1, 2
"""


def version(*, order: Order, at: datetime) -> str:
    """A short text that is another one as soon as the page would say something else.

    One query, and one more while a document of the order is queued: its place in the queue is part of the page.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SHOWN, {"order": order.pk})
        rows = cursor.fetchall()
    queued = [row[4] for row in rows if row[0] == "document" and row[2] == Document.State.QUEUED]
    # What changes by time alone: a gateway that is silent for too long, and the deadline.
    silent = [at - row[4] >= SILENCE for row in rows if row[0] == "payment" and row[2] == Payment.State.STARTED]
    clock = (silent, at >= order.expires_at)
    own = (order.state, order.total, order.email, order.link_version, get_language())
    return hashlib.sha256(repr((rows, clock, own, places(queued))).encode()).hexdigest()[:24]


def places(moments: Sequence[datetime]) -> list[int]:
    """How many documents were accepted before each of these moments and still wait; counted up to MOST_COUNTED."""
    if not moments:
        return []
    waiting = Document.objects.filter(state=Document.State.QUEUED, queued_at__lt=max(moments)).order_by("queued_at")
    before = [moment for moment in waiting.values_list("queued_at", flat=True)[:MOST_COUNTED] if moment]
    return [bisect_left(before, moment) for moment in moments]
