"""Unsold serials pass from one seller to another: cut out of the extents of the one, given to the other as extents.

`None` is the official shop. Callers hold the transaction and write the book. Sales go on meanwhile: the near end of an
extent, where they take from, stays where it is, and few extents are held at a time.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F

from .conserving import available
from .models import Extent, Reseller
from .taking import SoldOut

# Locked by one query: a giver with many extents still has others to sell from.
FEW = 8

_FROM_POOL = """
WITH gone AS (
    DELETE FROM meterai_pooled WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM meterai_pooled WHERE coalesce(reseller_id, 0) = coalesce(%(giver)s, 0)
        LIMIT %(wanted)s FOR UPDATE SKIP LOCKED))
    RETURNING serial_id, batch_id
), came AS (
    INSERT INTO meterai_pooled (serial_id, batch_id, reseller_id, released_at)
    SELECT serial_id, batch_id, %(taker)s, %(at)s FROM gone
)
SELECT batch_id, count(*) FROM gone GROUP BY batch_id
"""


class Moved(NamedTuple):
    """So many serials of a batch that were in one place (extents or pool) and are in the same place of the taker."""

    batch_id: int
    place: str
    quantity: int


class _Range(NamedTuple):
    batch_id: int
    first: int
    past: int


def carve(*, giver: Reseller | None, taker: Reseller | None, quantity: int, pieces: int, at: datetime) -> list[Moved]:
    """Pass `quantity` unsold serials on: from the far ends of extents, and only then from the pool.

    The taker gets them in about `pieces` extents, so that so many buyers can be served at a time. Raises SoldOut, with
    nothing moved: under SKIP LOCKED "none left" means "look again", and that is done once, waiting, with nothing held.
    """
    if available(reseller_id=_pk(giver)) < quantity:
        raise SoldOut  # without touching what others sell from
    try:
        with transaction.atomic():
            return _carve(giver, taker, quantity, pieces, at, waits=False)
    except SoldOut:
        with transaction.atomic():
            return _carve(giver, taker, quantity, pieces, at, waits=True)


def _carve(
    giver: Reseller | None, taker: Reseller | None, quantity: int, pieces: int, at: datetime, *, waits: bool
) -> list[Moved]:
    ranges = list(_cut(giver, quantity, waits=waits))
    moved: Counter[tuple[int, str]] = Counter()
    for one in ranges:
        moved[one.batch_id, "extents"] += one.past - one.first
    if short := quantity - moved.total():
        for batch_id, count in _from_pool(giver, taker, short, at):
            moved[batch_id, "pool"] += count
    if moved.total() != quantity:
        raise SoldOut
    step = -(-quantity // pieces)
    Extent.objects.bulk_create(
        Extent(batch_id=one.batch_id, reseller=taker, next=start, end=min(start + step, one.past))
        for one in _joined(ranges)
        for start in range(one.first, one.past, step)
    )
    return [Moved(batch_id, place, count) for (batch_id, place), count in sorted(moved.items())]


def _cut(giver: Reseller | None, quantity: int, *, waits: bool) -> Iterator[_Range]:
    """Up to `quantity` ordinals off the giver's extents; one that gives all it has is removed.

    The largest that nobody holds first; or, waiting, in the order of keys, as `meterai_take` waits, so that two that
    wait never wait for each other.
    """
    extents = Extent.objects.filter(reseller=giver, next__lt=F("end")).select_for_update(skip_locked=not waits)
    extents = extents.order_by("pk" if waits else F("next") - F("end"))
    left, reached = quantity, 0
    while left and (held := list(extents.filter(pk__gt=reached)[:FEW])):
        used_up = []
        for extent in held:
            part = min(left, extent.end - extent.next)
            if not part:
                break
            if part == extent.end - extent.next:
                used_up.append(extent.pk)
            else:
                Extent.objects.filter(pk=extent.pk).update(end=F("end") - part)
            yield _Range(extent.batch_id, extent.end - part, extent.end)
            left -= part
        Extent.objects.filter(pk__in=used_up).delete()
        reached = held[-1].pk if waits else 0


def _from_pool(giver: Reseller | None, taker: Reseller | None, wanted: int, at: datetime) -> list[tuple[int, int]]:
    """What came back to the giver and nobody reaches for at this moment: batches and counts. Never waits."""
    values = {"giver": _pk(giver), "taker": _pk(taker), "wanted": wanted, "at": at}
    with connection.cursor() as cursor:
        cursor.execute(_FROM_POOL, values)
        return [(int(batch_id), int(count)) for batch_id, count in cursor.fetchall()]


def _joined(ranges: Iterable[_Range]) -> Iterator[_Range]:
    """The same ordinals in as few ranges as possible: what was cut up for a lease becomes whole when it comes back."""
    ordered = sorted(ranges)
    if not ordered:
        return
    start = ordered[0]
    for one, following in pairwise([*ordered, _Range(0, 0, 0)]):
        if (one.batch_id, one.past) != (following.batch_id, following.first):
            yield start._replace(past=one.past)
            start = following


def _pk(seller: Reseller | None) -> int | None:
    return seller.pk if seller else None
