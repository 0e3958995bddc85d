"""Recalled: who bought what was withdrawn, so that each buyer can be told."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from meterai.models import Recall, Stamp, Withdrawn
from meterai.spreadsheets import harmless

from . import contacts

# Read by one statement: a page at most, or some hundred kilobytes of a file.
CHUNK = 2000

# Sold when it was recalled; also what was refunded or made void later. (What the recall itself made void had not been
# sold, and changed at the very moment of the recall.) Serials are walked in order: no sort holds up the first rows.
_SOLD = """
SELECT serial.ordinal, serial.code, stamp.state, orders_order.code, orders_order.paid_at, reseller.name,
       orders_order.email, orders_order.phone
FROM meterai_serial serial
JOIN meterai_stamp stamp ON stamp.serial_id = serial.code
LEFT JOIN orders_line line ON line.serial_id = serial.code AND line.released_at IS NULL
LEFT JOIN orders_order ON orders_order.id = line.order_id
LEFT JOIN meterai_reseller reseller ON reseller.id = stamp.reseller_id
WHERE serial.batch_id = %(batch)s AND serial.ordinal >= %(first)s AND serial.ordinal < %(past)s
AND (stamp.state IN ('sold', 'affixed') OR stamp.state IN ('refunded', 'void') AND stamp.changed_at > %(at)s)
ORDER BY serial.ordinal LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Sale:
    """One serial that was sold when it was recalled. Empty where no order names it."""

    ordinal: int
    serial: str
    state: str
    order_code: str
    sold_at: datetime | None
    # Empty for the official shop.
    reseller: str
    # In full: for the buyer's own page, and for who may write to the buyer.
    email: str
    phone: str

    @property
    def contact(self) -> str:
        """Masked."""
        return ", ".join(contacts.mask(text) for text in (self.email, self.phone) if text)

    @property
    def state_in_words(self) -> str:
        return str(Stamp.State(self.state).label)

    @property
    def seller(self) -> str:
        return self.reseller or _("Toko resmi")


def buyers(recall: Recall, *, after: int = 0, chunk: int = CHUNK) -> Iterator[Sale]:
    """Every serial of the recalled range that was sold, in order, from behind the ordinal `after` on.

    Streams: a statement for each `chunk` rows, however large the batch is.
    """
    for first, past in _taken(recall, after):
        reached = first
        while rows := _read(recall, reached, past, chunk):
            yield from rows
            reached = rows[-1].ordinal + 1
            if len(rows) < chunk:
                break


def lines(sales: Iterable[Sale], *, unmask: bool) -> Iterator[str]:
    """The same as lines of a CSV file for a spreadsheet, contacts masked or in full."""
    writer = csv.writer(_Echo())
    heading = [
        _("nomor seri"),
        _("status"),
        _("kode pesanan"),
        _("terjual pada"),
        _("penjual"),
        _("surel"),
        _("telepon"),
    ]
    yield "\ufeff" + writer.writerow(heading)
    for sale in sales:
        reached = (sale.email, sale.phone) if unmask else (contacts.mask(sale.email), contacts.mask(sale.phone))
        sold_at = f"{localtime(sale.sold_at):%Y-%m-%d %H:%M:%S}" if sale.sold_at else ""
        row = (sale.serial, sale.state_in_words, sale.order_code, sold_at, sale.seller, *reached)
        yield writer.writerow([harmless(cell) for cell in row])


def _taken(recall: Recall, after: int) -> Iterator[tuple[int, int]]:
    """What of the range somebody once took, as ranges (the end excluded): between what was never taken.

    After a recall there is nothing else, so hardly a serial is looked at in vain, though few of ten million were sold.
    """
    first, past = max(recall.first, after + 1), recall.last + 1
    never = Withdrawn.objects.filter(batch=recall.batch_id, first__lt=past, past__gt=first).order_by("first")
    for start, end in [*never.values_list("first", "past"), (past, past)]:
        if first < start:
            yield first, min(start, past)
        first = max(first, end)


def _read(recall: Recall, first: int, past: int, limit: int) -> list[Sale]:
    values: dict[str, Any] = {"batch": recall.batch_id, "first": first, "past": past, "at": recall.at, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(_SOLD, values)
        return [
            Sale(ordinal, serial, state, code or "", paid_at, reseller or "", email or "", phone or "")
            for ordinal, serial, state, code, paid_at, reseller, email, phone in cursor.fetchall()
        ]


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text
