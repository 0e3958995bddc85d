"""Imported: serials come in as a file, whole or not at all, and a second person puts them on sale."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import BinaryIO

from django.db import DataError, IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _

from . import staging, states
from .delivery_file import DeliveryFile
from .ledger import record
from .models import Batch, Extent, User

# Twice the transactions expected at one moment, so that each finds an extent nobody holds.
EXTENTS_PER_BATCH = 128
# Serials by one statement: some seconds of work, some megabytes of memory.
CHUNK = 100_000
# Of what `take_in` cannot take, the exception names so many lines.
REPORT_LINES = 1000


@dataclass(frozen=True)
class RefusedLine:
    """A line of the delivery that cannot be taken: its number (from 1) and the reason as a stable code.

    `found` is what stands in its first column, shortened; `place` the earlier line or the batch where that is already.
    """

    number: int
    reason: str
    found: str = ""
    place: str = ""

    REASONS = {
        "malformed": _("bukan 22 huruf besar atau angka"),
        "twice": _("sudah ada di baris %(place)s"),
        "known": _("sudah pernah diimpor, dalam kiriman %(place)s"),
        "surplus": _("melebihi jumlah menurut penerbit"),
    }

    def sentence(self) -> str:
        """The reason as a person reads it."""
        return str(self.REASONS[self.reason]) % {"place": self.place}


class DeliveryRefused(Exception):
    """The file holds lines that cannot be taken; nothing was imported. `lines` has at most REPORT_LINES of them."""

    def __init__(self, lines: list[RefusedLine]) -> None:
        super().__init__(f"{len(lines)} lines refused")
        self.lines = lines


class Mismatch(Exception):
    """The file is empty, or its count or checksum is not what the issuer announced; nothing was imported."""


class AlreadyImported(Exception):
    """A batch with this reference is here already; nothing was imported."""


class CannotBeKept(Exception):
    """The database refused a serial, so that nothing was kept; `refused_lines` tells which, and why."""


class SamePerson(Exception):
    """Who imports does not activate (four eyes)."""


def take_in(
    *,
    delivery: BinaryIO,
    reference: str,
    by: User,
    at: datetime,
    expected_count: int | None = None,
    expected_sha256: str = "",
) -> Batch:
    """Import a delivery file (see `delivery_file`) as a DRAFT batch, in one transaction; the caller's, if there is one.

    For what is not resumed; staff's deliveries go through `importing`. Streams, so memory does not grow with the file.
    Raises DeliveryRefused, Mismatch, AlreadyImported, delivery_file.Unreadable.
    """
    file = DeliveryFile(delivery)
    with transaction.atomic():
        one_at_a_time()
        staging.make(staging.TEMPORARY)
        count = 0
        for rows in chunks(file.serials(), CHUNK):
            staging.add(staging.TEMPORARY, rows, after=count)
            count += len(rows)
        if failure := mismatch(file=file, count=count, expected_count=expected_count, expected_sha256=expected_sha256):
            raise Mismatch(failure)
        sha256 = (expected_sha256 or file.text_sha256).lower()
        try:
            batch = keep(
                table=staging.TEMPORARY, reference=reference, count=count, sha256=sha256, by=by, at=at, chunk=CHUNK
            )
        except CannotBeKept as trouble:
            lines = list(refused_lines(staging.TEMPORARY, limit=REPORT_LINES))
            if not lines:
                raise
            raise DeliveryRefused(lines) from trouble
        staging.drop(staging.TEMPORARY)
    return batch


def keep(
    *,
    table: str,
    reference: str,
    count: int,
    sha256: str,
    by: User,
    at: datetime,
    chunk: int = CHUNK,
    on_kept: Callable[[int], None] | None = None,
) -> Batch:
    """Make a DRAFT batch of the `count` serials staged in `table`, within the caller's transaction.

    The database's own constraints find what cannot be taken: looking for it first would cost as much again, for every
    good delivery. Raises AlreadyImported, CannotBeKept; nothing is written then.
    """
    if Batch.objects.filter(reference=reference).exists():
        raise AlreadyImported(reference)
    try:
        with transaction.atomic():
            batch = Batch.objects.create(
                reference=reference, count=count, sha256=sha256, imported_at=at, imported_by=by
            )
            kept = staging.move_to_stock(table, batch_id=batch.pk, total=count, chunk=chunk, on_kept=on_kept)
            if kept != count:
                raise CannotBeKept(f"{reference}: {kept} of {count} were staged")
    except (IntegrityError, DataError) as error:
        raise CannotBeKept(reference) from error
    states.note(batch, old="", new=batch.state, at=at, actor=by.username)
    record(batch=batch, source="outside", target="draft", quantity=count, at=at, actor=by.username, reference=reference)
    return batch


def mismatch(*, file: DeliveryFile, count: int, expected_count: int | None, expected_sha256: str) -> str:
    """What of the announcement does not hold of a file that was read to its end: empty, count, sha256; or nothing."""
    if not count:
        return "empty"
    if expected_count is not None and expected_count != count:
        return "count"
    if expected_sha256 and not file.answers_to(expected_sha256):
        return "sha256"
    return ""


def refused_lines(table: str, *, most: int | None = None, limit: int | None = None) -> Iterator[RefusedLine]:
    """Every staged line that cannot be taken, in order; those beyond `most` serials are surplus. Slow."""
    for number, found, reason, place in staging.refused(table, most=most, limit=limit):
        yield RefusedLine(number=number, reason=reason, found=found, place=place)


def one_at_a_time() -> None:
    """Deliveries are kept one after the other, so that each is compared with all the others."""
    no_time_limit()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('meterai.import', 0))")


def no_time_limit() -> None:
    """Waiting and importing take longer than any statement of a web request may; for this transaction only."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")


def chunks(rows: Iterable[tuple[int, str]], size: int) -> Iterator[list[tuple[int, str]]]:
    """The same rows in lists of at most `size`."""
    waiting = iter(rows)
    while chunk := list(islice(waiting, size)):
        yield chunk


def activate(*, batch: Batch, by: User, at: datetime) -> None:
    """Put a DRAFT batch on sale in the official shop. Raises SamePerson, states.NoSuchArrow, states.MovedMeanwhile."""
    if batch.imported_by_id == by.pk:
        raise SamePerson(batch.reference)
    with transaction.atomic():
        states.move(batch, to=Batch.State.ACTIVE, at=at, actor=by.username, activated_at=at, activated_by=by)
        step = -(-batch.count // EXTENTS_PER_BATCH)
        starts = range(1, batch.count + 1, step)
        Extent.objects.bulk_create(
            Extent(batch=batch, next=start, end=min(start + step, batch.count + 1)) for start in starts
        )
        record(
            batch=batch,
            source="draft",
            target="extents",
            quantity=batch.count,
            at=at,
            actor=by.username,
            reference=batch.reference,
        )
