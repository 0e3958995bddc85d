"""Imported: serials come in as a file, whole or not at all, and a second person puts them on sale."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from . import states
from .ledger import record
from .models import Batch, Extent, User

# Twice the transactions expected at one moment, so that each finds an extent nobody holds.
EXTENTS_PER_BATCH = 128
REPORT_LINES = 1000
_HEADERS = {"serial", "sn", "nomor_seri", "code"}


@dataclass(frozen=True)
class RefusedLine:
    """A line of the delivery that cannot be taken: its number (from 1) and the reason as a stable code."""

    number: int
    reason: str

    REASONS = {
        "malformed": _("bukan 22 huruf besar atau angka"),
        "twice": _("sudah ada di baris sebelumnya"),
        "known": _("sudah pernah diimpor"),
    }

    def sentence(self) -> str:
        """The reason as a person reads it."""
        return str(self.REASONS[self.reason])


class DeliveryRefused(Exception):
    """The file holds lines that cannot be taken; nothing was imported. `lines` has at most REPORT_LINES of them."""

    def __init__(self, lines: list[RefusedLine]) -> None:
        super().__init__(f"{len(lines)} lines refused")
        self.lines = lines


class Mismatch(Exception):
    """The file is empty, or its count or checksum is not what the issuer announced; nothing was imported."""


class AlreadyImported(Exception):
    """A batch with this reference is here already; nothing was imported."""


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
    """Import a delivery file (CSV, the serial in the first column, a heading line allowed) as a DRAFT batch.

    Streams, so memory does not grow with the file. Raises DeliveryRefused, Mismatch, AlreadyImported.
    """
    digest = hashlib.sha256()
    with transaction.atomic():
        _one_at_a_time()
        if Batch.objects.filter(reference=reference).exists():
            raise AlreadyImported(reference)
        count = _stage(_rows(_hashed(delivery, digest)))
        _check(count=count, sha256=digest.hexdigest(), expected_count=expected_count, expected_sha256=expected_sha256)
        if refused := _refused_lines():
            raise DeliveryRefused(refused)
        batch = Batch.objects.create(
            reference=reference, count=count, sha256=digest.hexdigest(), imported_at=at, imported_by=by
        )
        states.note(batch, old="", new=batch.state, at=at, actor=by.username)
        _keep(batch)
        record(
            batch=batch, source="outside", target="draft", quantity=count, at=at, actor=by.username, reference=reference
        )
    return batch


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


def _one_at_a_time() -> None:
    """Deliveries are imported one after the other, so that each is compared with all the others."""
    with connection.cursor() as cursor:
        # Waiting and importing take longer than any statement of a web request may; for this transaction only.
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('meterai.import', 0))")


def _hashed(delivery: BinaryIO, digest: "hashlib._Hash") -> Iterator[bytes]:
    for line in delivery:
        digest.update(line)
        yield line


def _rows(lines: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, start=1):
        first = line.decode("utf-8-sig", "replace").split(",", 1)[0].strip().strip('"')
        # PostgreSQL takes no NUL in text; any other rubbish is refused by the pattern below, with its line number.
        first = first.replace("\x00", "?")[:100]
        if first and not (number == 1 and first.lower() in _HEADERS):
            yield number, first


def _stage(rows: Iterable[tuple[int, str]]) -> int:
    count = 0
    with connection.cursor() as cursor:
        # A second import inside one outer transaction finds the first one's table.
        cursor.execute("DROP TABLE IF EXISTS pg_temp.delivery")
        cursor.execute("CREATE TEMP TABLE delivery (line bigint NOT NULL, code text NOT NULL) ON COMMIT DROP")
        with cursor.copy("COPY delivery (line, code) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
                count += 1
        cursor.execute("CREATE INDEX ON delivery (code)")
        cursor.execute("ANALYZE delivery")
    return count


def _check(*, count: int, sha256: str, expected_count: int | None, expected_sha256: str) -> None:
    if not count:
        raise Mismatch("empty")
    if expected_count is not None and expected_count != count:
        raise Mismatch("count")
    if expected_sha256 and expected_sha256.lower() != sha256:
        raise Mismatch("sha256")


def _refused_lines() -> list[RefusedLine]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT line, 'malformed' FROM delivery WHERE code !~ '^[A-Z0-9]{22}$'
            UNION ALL
            SELECT d.line, 'known' FROM delivery d JOIN meterai_serial s ON s.code = d.code
            UNION ALL
            SELECT line, 'twice' FROM (
                SELECT line, row_number() OVER (PARTITION BY code ORDER BY line) AS nth FROM delivery) numbered
            WHERE nth > 1
            ORDER BY 1 LIMIT %s
            """,
            [REPORT_LINES],
        )
        return [RefusedLine(number, reason) for number, reason in cursor.fetchall()]


def _keep(batch: Batch) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO meterai_serial (code, batch_id, ordinal)"
            " SELECT code, %s, row_number() OVER (ORDER BY line) FROM delivery ORDER BY line",
            [batch.pk],
        )
