"""Imported, by staff: a delivery is read piece by piece, survives a kill of its reader, and ends whole or refused.

What is staged stays staged: each piece in one transaction with the note of how far it reaches. Whoever goes on reads
the file again from its beginning and compares digests, so that two different files never make one batch.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO, cast

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet

from . import claiming, refusing, staging, states, stocking
from .delivery_file import DeliveryFile, Unreadable
from .holding import ClaimLost, Hold
from .models import Delivery
from .receiving import LEASE

# So often workers may fail at one upload before it is refused.
MOST_ATTEMPTS = 10
# A file that cannot be read has no lines to report.
_ABOUT_LINES = ("lines", "count", "sha256")


@dataclass(frozen=True)
class Progress:
    """How far it is: `done` of `total` bytes of the file while "reading", of serials while "keeping"."""

    step: str
    done: int
    total: int


def nobody_listens(progress: Progress) -> None:
    """For a worker: the row tells enough."""


@dataclass(frozen=True)
class _Work:
    """One try at a delivery: the row as it was claimed, the hold on it, and how to go about it."""

    delivery: Delivery
    hold: Hold
    chunk: int = stocking.CHUNK
    tell: Callable[[Progress], None] = nobody_listens

    @property
    def table(self) -> str:
        return staging.table_of(self.delivery.pk)

    def write(self, **columns: object) -> None:
        """Write to the row, as long as it is ours. Raises ClaimLost."""
        if not self.hold.ours().update(**columns):
            raise ClaimLost
        for name, value in columns.items():
            setattr(self.delivery, name, value)

    def end(self, *, to: str, **columns: object) -> None:
        """The last thing in a transaction: move the row, as long as it is ours. Raises ClaimLost."""
        if not self.hold.ours().select_for_update().exists():
            raise ClaimLost
        at, actor = self.hold.moment(), self.delivery.received_by.username
        reason = str(columns.get("failure", ""))
        states.move(self.delivery, to=to, at=at, actor=actor, reason=reason, ended_at=at, claimed_until=None, **columns)
        staging.drop(self.table)


def run_due(*, at: datetime) -> int:
    """Work through the uploads that wait, one after the other; returns how many were taken up."""
    _sweep()
    began, done = time.monotonic(), 0
    uploads = _waiting().exclude(file="")
    while claimed := claiming.claim(uploads, due="claimed_until", at=at, lease=LEASE, limit=1):
        _work_on(claimed[0], at=at)
        at += timedelta(seconds=time.monotonic() - began)
        began, done = time.monotonic(), done + 1
    return done


def run(
    *,
    delivery: Delivery,
    stream: BinaryIO,
    at: datetime,
    lease: timedelta = LEASE,
    chunk: int = stocking.CHUNK,
    tell: Callable[[Progress], None] = nobody_listens,
) -> None:
    """Bring a claimed delivery to its end: IMPORTED with its batch, or REFUSED with a failure and a report.

    Killed at any moment, it leaves no batch or the whole one, and the next `run` goes on. Raises ClaimLost when
    somebody else has taken over or cancelled.
    """
    with _hold(delivery, at=at, lease=lease) as hold:
        work = _Work(delivery, hold, chunk, tell)
        try:
            file = _stage(work, stream)
            if failure := stocking.mismatch(
                file=file,
                count=delivery.lines_staged,
                expected_count=delivery.expected_count,
                expected_sha256=delivery.expected_sha256,
            ):
                _refuse(work, failure)
            else:
                _keep(work, sha256=delivery.expected_sha256 or file.text_sha256)
        except Unreadable as trouble:
            _refuse(work, trouble.code)
        except stocking.CannotBeKept as trouble:
            _refuse(work, "lines", cause=trouble)
        except stocking.AlreadyImported:
            _refuse(work, "reference")


def _waiting() -> QuerySet[Delivery]:
    return Delivery.objects.filter(state=Delivery.State.WAITING)


def _hold(delivery: Delivery, *, at: datetime, lease: timedelta = LEASE) -> Hold:
    return Hold(delivery, rows=_waiting(), due="claimed_until", lease=lease, at=at)


def _work_on(delivery: Delivery, *, at: datetime) -> None:
    try:
        if delivery.attempts > MOST_ATTEMPTS:
            _give_up(delivery, "gave_up", at=at)
            return
        try:
            stream = default_storage.open(delivery.file)
        except FileNotFoundError:
            _give_up(delivery, "missing", at=at)
            return
        with stream:
            # Django's File is a binary stream in all but its type.
            run(delivery=delivery, stream=cast("BinaryIO", stream), at=at)
    except ClaimLost:
        return
    except Exception:
        # The worker's log tells what it was. It is tried again, later and later.
        pause = claiming.backoff(delivery.attempts, first=LEASE)
        _waiting().filter(pk=delivery.pk, attempts=delivery.attempts).update(claimed_until=at + pause)
        raise


def _give_up(delivery: Delivery, failure: str, *, at: datetime) -> None:
    with _hold(delivery, at=at) as hold:
        _refuse(_Work(delivery, hold), failure)


def _stage(work: _Work, stream: BinaryIO) -> DeliveryFile:
    """Stage what is not staged yet. Of a file with more than announced only the piece where that is found."""
    delivery, file = work.delivery, DeliveryFile(stream)
    if not _goes_on(work, file):
        file = DeliveryFile(stream)
        with transaction.atomic():
            staging.make(work.table)
            work.write(staged_to_line=0, staged_sha256="", lines_staged=0, bytes_read=0, serials_kept=0)
    for rows in stocking.chunks(file.serials(), work.chunk):
        with transaction.atomic():
            staging.add(work.table, rows, after=delivery.lines_staged)
            work.write(
                lines_staged=delivery.lines_staged + len(rows),
                staged_to_line=file.lines_read,
                staged_sha256=file.text_sha256,
                bytes_read=file.bytes_read,
            )
        work.tell(Progress("reading", file.bytes_read, file.size))
        if delivery.expected_count is not None and delivery.lines_staged > delivery.expected_count:
            break
    return file


def _goes_on(work: _Work, file: DeliveryFile) -> bool:
    """Whether the file continues what is staged; it is then read up to there. (A database that crashed lost that.)"""
    delivery = work.delivery
    if not delivery.staged_to_line or staging.count(work.table) != delivery.lines_staged:
        return False
    file.skip(to_line=delivery.staged_to_line)
    return (file.lines_read, file.text_sha256) == (delivery.staged_to_line, delivery.staged_sha256)


def _keep(work: _Work, *, sha256: str) -> None:
    delivery, count = work.delivery, work.delivery.lines_staged

    def kept(number: int) -> None:
        work.hold.note(serials_kept=number)
        work.tell(Progress("keeping", number, count))
        work.hold.check()

    with transaction.atomic():
        stocking.one_at_a_time()
        work.hold.check()
        batch = stocking.keep(
            table=work.table,
            reference=delivery.reference,
            count=count,
            sha256=sha256.lower(),
            by=delivery.received_by,
            at=work.hold.moment(),
            chunk=work.chunk,
            on_kept=kept,
        )
        work.end(to=Delivery.State.IMPORTED, batch=batch, serials_kept=count)
    _drop_upload(delivery)


def _refuse(work: _Work, failure: str, *, cause: Exception | None = None) -> None:
    delivery = work.delivery
    delivery.failure = failure
    with tempfile.TemporaryFile() as file:
        with transaction.atomic():
            stocking.no_time_limit()
            is_about_lines = failure in _ABOUT_LINES
            lines = stocking.refused_lines(work.table, most=delivery.expected_count) if is_about_lines else iter(())
            number = refusing.write(file, delivery=delivery, lines=lines)
        if cause and not number:
            raise cause
        report = _store_report(delivery, File(file))
    with transaction.atomic():
        work.end(to=Delivery.State.REFUSED, failure=failure, refused_lines=number, report=report, serials_kept=0)
    _drop_upload(delivery)


def _store_report(delivery: Delivery, file: "File[bytes]") -> str:
    name = f"deliveries/reports/{delivery.pk}.csv"
    default_storage.delete(name)  # of a try that was killed after this
    file.seek(0)
    return default_storage.save(name, file)


def _sweep() -> None:
    """Remove what killed or cancelled tries have left."""
    for delivery in Delivery.objects.exclude(state=Delivery.State.WAITING).exclude(file=""):
        _drop_upload(delivery)
    # The tables are listed first: each belongs to a row that was there by then.
    for table in staging.tables() - {staging.table_of(key) for key in _waiting().values_list("pk", flat=True)}:
        staging.drop_unless_used(table)


def _drop_upload(delivery: Delivery) -> None:
    if delivery.file:
        default_storage.delete(delivery.file)
        Delivery.objects.filter(pk=delivery.pk).update(file="")
        delivery.file = ""
