"""Taken in: a bank statement becomes entries, each once, however often and in whatever pieces its days are sent."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import islice
from typing import BinaryIO

from django.db import connection, transaction
from django.utils import timezone

from meterai.models import User

from .models import BankEntry, BankStatement
from .payments.transfer.statement import Credit, Debit, Refused, Row, Statement, Unreadable, open_statement

MOST_BYTES = 3_000_000
# More lines than this that are not understood: the file is something else than it seems.
MOST_REFUSED = 500
_CHUNK = 500


class AlreadyRead(Exception):
    """This very file was read before."""

    def __init__(self, statement: BankStatement) -> None:
        super().__init__(statement.digest)
        self.statement = statement


class OtherLayout(Exception):
    """Days of this account are here already in another layout: the same transfers could not be recognised."""


def take_in(*, file: BinaryIO, account: str, name: str, by: User, at: datetime) -> BankStatement:
    """Read a statement of `account` (bank and number). What is known already is counted, not taken again.

    All or nothing, in one transaction; matching comes afterwards, entry by entry. Raises AlreadyRead, OtherLayout,
    Unreadable (codes: see payments/transfer/statement.py; and empty, refused, large).
    """
    digest = _digest_of(file)
    with transaction.atomic():
        _one_at_a_time(account)
        if known := BankStatement.objects.filter(digest=digest).first():
            raise AlreadyRead(known)
        opened = open_statement(file, today=timezone.localdate(at))
        statement = BankStatement(
            pk=_next_key(),
            bank=account,
            layout=opened.layout,
            digest=digest,
            name=name[:100],
            uploaded_by=by,
            uploaded_at=at,
        )
        seen = _Seen(statement)
        for entries in _chunks(seen.entries(opened), _CHUNK):
            BankEntry.objects.bulk_create(entries, ignore_conflicts=True)
        seen.finish()
    return statement


class _Seen:
    """What one file brings, counted while it is read."""

    def __init__(self, statement: BankStatement) -> None:
        self.statement = statement
        self.credits = self.debits = 0
        self.days: set[date] = set()
        self.refused: list[tuple[int, str]] = []
        self._alike: Counter[str] = Counter()

    def entries(self, opened: Statement) -> Iterator[BankEntry]:
        for row in opened.rows():
            if entry := self._entry(row):
                yield entry

    def finish(self) -> None:
        """Write the statement behind its entries, once, with the counts; raise when we may not take it."""
        if not (self.credits or self.debits or self.refused):
            raise Unreadable("empty")
        statement = self.statement
        others = BankEntry.objects.filter(bank=statement.bank, date__in=self.days).exclude(statement=statement.pk)
        if others.exclude(statement__layout=statement.layout).exists():
            raise OtherLayout(statement.layout)
        statement.new_credits = BankEntry.objects.filter(statement=statement.pk).count()
        statement.known_credits = self.credits - statement.new_credits
        statement.debits, statement.refused_lines = self.debits, self.refused
        statement.save(force_insert=True)

    def _entry(self, row: Row) -> BankEntry | None:
        if isinstance(row, Refused):
            self.refused.append((row.line, row.code))
            if len(self.refused) > MOST_REFUSED:
                raise Unreadable("refused")
        elif isinstance(row, Debit):
            self.debits += 1
        else:
            return self._credit(row)
        return None

    def _credit(self, row: Credit) -> BankEntry:
        digest = digest_of(row)
        self.credits += 1
        self.days.add(row.date)
        self._alike[digest] += 1
        return BankEntry(
            statement=self.statement,
            line=row.line,
            bank=self.statement.bank,
            date=row.date,
            amount=row.amount,
            description=row.description,
            reference=row.reference,
            digest=digest,
            ordinal=self._alike[digest],
            next_try_at=self.statement.uploaded_at,
        )


def digest_of(row: Credit) -> str:
    """What makes two rows the same. Without the balance, and without the case and blanks of the words, which vary."""
    words = " ".join(row.description.upper().split())
    return hashlib.sha256(
        "\x1f".join([row.date.isoformat(), str(row.amount), words, row.reference]).encode()
    ).hexdigest()


def _digest_of(file: BinaryIO) -> str:
    digest, size = hashlib.sha256(), 0
    while piece := file.read(65_536):
        digest.update(piece)
        size += len(piece)
        if size > MOST_BYTES:
            raise Unreadable("large")
    file.seek(0)
    return digest.hexdigest()


def _next_key() -> int:
    """The statement's key before its row: entries name it, and the row is written once, when all is counted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('orders_bankstatement', 'id'))")
        return int(cursor.fetchone()[0])


def _one_at_a_time(account: str) -> None:
    """Two overlapping files of one account would wait for each other's rows, in different orders."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"statement:{account}"])


def _chunks(entries: Iterable[BankEntry], size: int) -> Iterator[list[BankEntry]]:
    running = iter(entries)
    while chunk := list(islice(running, size)):
        yield chunk
