"""Followed: whether anything that an order's page shows has changed, told by one cheap question.

Thousands of pages ask every few seconds while people pay. Most answers are "no", and must cost next to nothing.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from orders.models import Order, Payment
from orders.showing import SILENCE

from . import silence
from .models import Document
from .silence import Silence

MOST_COUNTED = 1000
TOLD_AFTER = timedelta(seconds=30)
"""A silence that is shorter is a hiccup, and nobody need read of it."""

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
    told = silence_told(at=at) if queued else None
    own = (told and told.since, order.state, order.total, order.email, order.link_version, get_language())
    return hashlib.sha256(repr((rows, clock, own, places(queued))).encode()).hexdigest()[:24]


def places(moments: Sequence[datetime]) -> list[int]:
    """How many documents were accepted before each of these moments and still wait; counted up to MOST_COUNTED."""
    if not moments:
        return []
    waiting = Document.objects.filter(state=Document.State.QUEUED, queued_at__lt=max(moments)).order_by("queued_at")
    before = [moment for moment in waiting.values_list("queued_at", flat=True)[:MOST_COUNTED] if moment]
    return [bisect_left(before, moment) for moment in moments]


def silence_told(*, at: datetime) -> Silence | None:
    """The silence of the authority, once it has lasted long enough for people to be told. No query."""
    known = silence.current()
    return known if known is not None and at - known.since >= TOLD_AFTER else None


def silence_words(*, document: Document | None, at: datetime) -> str:
    """What the page of a queued document, or of an order (None), says in a silence; empty when there is none."""
    known = silence_told(at=at)
    if known is None:
        return ""
    since = {"since": _moment(known.since, at)}
    if known.is_ours:
        begun = _("Pembubuhan terhenti sejak %(since)s karena gangguan di pihak kami.") % since
    else:
        begun = _("Penerbit belum menjawab sejak %(since)s.") % since
    return f"{begun} {_place_words(document)}"


def _place_words(document: Document | None) -> str:
    if document is None or document.queued_at is None:
        return _("Urutan dokumen Anda tetap, dan e-meterai Anda aman.")
    (ahead,) = places([document.queued_at])
    if ahead >= MOST_COUNTED:
        return _("Lebih dari %(count)s dokumen di depan Anda; e-meterai Anda aman.") % {"count": MOST_COUNTED}
    return _("Dokumen Anda nomor %(number)s dalam antrean; e-meterai Anda aman.") % {"number": ahead + 1}


def _moment(moment: datetime, at: datetime) -> str:
    """The time of day, with its date when that is not today's."""
    then, now = timezone.localtime(moment), timezone.localtime(at)
    return date_format(then, "TIME_FORMAT" if then.date() == now.date() else "DATETIME_FORMAT")
