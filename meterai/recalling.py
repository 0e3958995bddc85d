"""Recalled: a batch or a range of it is withdrawn. What is unsold becomes VOID; what is sold stays, and is counted.

Nothing of the range may be left for sale: not in an extent, not in the pool, not held by an order that waits for its
money. A serial on its way between those is seen in none of them, so a recall stops the shop for a moment: EXCLUSIVE
locks on extents and pool wait for every sale and release under way, and those that come wait at the door. (A lesser
lock would let them lock rows by FOR UPDATE first, and then each would wait for the other.) Reading goes on.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle, islice

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from . import states, withdrawing
from .ledger import record
from .models import Batch, Recall, Reseller, Serial, User, Withdrawn

# The locks are taken one after the other, and a sale takes its own in another order: should each hold what the other
# wants, the recall lets go, well before PostgreSQL looks for such a knot (deadlock_timeout, 1 s) and cuts it at either
# end. The same patience bounds how long the shop waits behind a recall that waits for one slow sale.
PATIENCE, TRIES = "400ms", 10
# Sales draw on the pool first and then on extents; while the pool is empty, the other way round.
_DOORS = ("meterai_extent, meterai_pooled", "meterai_pooled, meterai_extent")
# Of two recalls of one batch, the second waits for the first.
_QUEUE = "5s"

# Place, seller (None: the official shop) and how many became VOID there.
Voided = tuple[str, int | None, int]


class Busy(Exception):
    """Sales under way did not end in time; nothing was withdrawn. The same recall may be tried again."""


class OutOfRange(Exception):
    """The range is empty, or reaches beyond the batch."""


class NotWhole(Exception):
    """A batch that is not on sale yet is withdrawn as a whole or not at all."""


class NothingLeft(Exception):
    """The range was recalled before, and nothing in it can be withdrawn any more."""


class UnknownSerial(Exception):
    """There is no such serial."""


class NotOneBatch(Exception):
    """The two serials belong to different batches."""


@dataclass(frozen=True)
class Outlook:
    """What a recall meets in its range, in pieces: the first three become VOID."""

    unsold: int
    pooled: int
    reserved: int
    # Sold or affixed: they stay, and their buyers are listed.
    sold: int

    @property
    def voided(self) -> int:
        return self.unsold + self.pooled + self.reserved


_WITHDRAWN = """
SELECT code FROM meterai_serial serial
WHERE code = ANY(%(serials)s) AND EXISTS (
    SELECT FROM meterai_withdrawn gone
    WHERE gone.batch_id = serial.batch_id AND int8range(gone.first, gone.past) @> serial.ordinal::bigint)
"""


def recall(*, batch: Batch, reason: str, by: User, at: datetime, first: int = 1, last: int | None = None) -> Recall:
    """Withdraw ordinals `first` to `last` (both included) of `batch`, the whole of it by default.

    What was withdrawn before is left alone. Raises OutOfRange, NotWhole, NothingLeft, Busy; nothing was moved then.
    """
    last = batch.count if last is None else last
    if not 1 <= first <= last <= batch.count:
        raise OutOfRange(f"{first}-{last} of {batch.count}")
    try:
        with transaction.atomic():
            return _recall(Recall(batch=batch, first=first, last=last, reason=reason, at=at, by=by))
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise Busy(batch.reference) from error
        raise


def foresee(*, batch: Batch, first: int, last: int) -> Outlook:
    """What a recall of this range would meet at this moment."""
    size = last - first + 1
    if batch.state == Batch.State.DRAFT:
        return Outlook(unsold=size, pooled=0, reserved=0, sold=0)
    unsold, pooled, reserved, gone = withdrawing.standing(Recall(batch=batch, first=first, last=last))
    return Outlook(unsold, pooled, reserved, sold=size - unsold - pooled - reserved - gone)


def ordinals(*, first: str, last: str) -> tuple[Batch, int, int]:
    """The batch and the two ordinals that two serials name. Raises UnknownSerial, NotOneBatch."""
    found = Serial.objects.select_related("batch").in_bulk([first, last])
    for code in (first, last):
        if code not in found:
            raise UnknownSerial(code)
    if found[first].batch_id != found[last].batch_id:
        raise NotOneBatch(first, last)
    return found[first].batch, found[first].ordinal, found[last].ordinal


def withdrawn(serials: Collection[str]) -> set[str]:
    """Which of these serials are VOID although they have no Stamp: nobody had taken them when they were recalled."""
    with connection.cursor() as cursor:
        cursor.execute(_WITHDRAWN, {"serials": list(serials)})
        return {row[0] for row in cursor.fetchall()}


def reference_of(recall: Recall) -> str:
    """What its lines in the book of stock are found by."""
    return f"recall {recall.pk}"


def _recall(wanted: Recall) -> Recall:
    _wait_at_most(_QUEUE)
    # The batch first, as `stocking.activate` does. Not FOR UPDATE, for which every sale of the batch would wait.
    batch = wanted.batch = Batch.objects.select_for_update(no_key=True).get(pk=wanted.batch_id)
    if batch.state == Batch.State.DRAFT and not withdrawing.is_whole(wanted):
        raise NotWhole(batch.reference)
    # The row is written once, when it is known how many; what it withdraws names it before.
    wanted.pk = _next_number()
    voided = _void_draft(wanted) if batch.state == Batch.State.DRAFT else _void(wanted)
    wanted.voided = sum(count for _, _, count in voided)
    if not wanted.voided and _was_recalled(wanted):
        raise NothingLeft(batch.reference)
    # What remains: counting millions of sold stamps one by one would keep the shop waiting for seconds.
    wanted.sold = wanted.last - wanted.first + 1 - withdrawing.gone(wanted)
    wanted.save(force_insert=True)
    _book(wanted, voided)
    if withdrawing.is_whole(wanted) and batch.state != Batch.State.RECALLED:
        states.move(batch, to=Batch.State.RECALLED, at=wanted.at, actor=wanted.by.username, reason=wanted.reason)
    return wanted


def _void_draft(wanted: Recall) -> list[Voided]:
    Withdrawn.objects.create(recall_id=wanted.pk, batch=wanted.batch, first=wanted.first, past=wanted.last + 1)
    return [("draft", None, wanted.last)]


def _void(wanted: Recall) -> list[Voided]:
    """Stop the shop until the transaction ends, and withdraw all that is unsold in the range.

    Who is paying for a stamp at this moment has it sold before, or finds it void.
    """
    places = {"reserved": _stop_the_shop, "extents": withdrawing.from_extents, "pool": withdrawing.from_pool}
    return [(place, seller, count) for place, leave in places.items() for seller, count in leave(wanted)]


def _stop_the_shop(wanted: Recall) -> withdrawing.Counts:
    """Nothing goes in or out of extents and pool from here on, and what was reserved in the range is void."""
    for doors in islice(cycle(_DOORS), TRIES):
        try:
            with transaction.atomic():
                _wait_at_most(PATIENCE)
                with connection.cursor() as cursor:
                    cursor.execute(f"LOCK TABLE {doors} IN EXCLUSIVE MODE")
                return withdrawing.from_orders(wanted)
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
    raise Busy(wanted.batch.reference)


def _wait_at_most(patience: str) -> None:
    """For each lock from here to the end of the transaction, or of the savepoint if that is taken back."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [patience])


def _next_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('meterai_recall', 'id'))")
        return int(cursor.fetchone()[0])


def _was_recalled(wanted: Recall) -> bool:
    return Recall.objects.filter(batch=wanted.batch, first__lte=wanted.first, last__gte=wanted.last).exists()


def _book(recall: Recall, voided: list[Voided]) -> None:
    sellers = Reseller.objects.in_bulk([seller for _, seller, _ in voided if seller])
    for place, seller, count in voided:
        record(
            batch=recall.batch,
            reseller=sellers[seller] if seller else None,
            source=place,
            target="void",
            quantity=count,
            at=recall.at,
            actor=recall.by.username,
            reference=reference_of(recall),
            reason=recall.reason,
        )
