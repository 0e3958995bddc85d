"""Reconciled: a gateway's settlement report is taken in, and what differs from our books is listed for a person.

A report is kept whole or not at all, the same file once. Whoever is in doubt asks the gateway: take_in leaves that to
the worker that asks about payments anyway (paying.check_due), and judge_open closes what the answer, or a later report,
explained. The aim is that nothing stays open.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from importlib import import_module
from itertools import groupby, islice
from typing import IO, TypeVar

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet, Sum, Value
from django.db.models.functions import Concat
from django.utils.timezone import localdate, make_aware

from meterai import states
from meterai.models import User

from . import discrepancies, paying, settled
from .models import Discrepancy, Payment, Settlement, SettlementRow
from .payments.gateway import PaymentError
from .payments.settlement import Reader, Settled, text_lines
from .settled import Days, Difference

Row = TypeVar("Row")

CHUNK = 1000
# A report with more is another shop's or another gateway's, and would bury what a person must see.
MOST_DIFFERENCES = 2000
LONGEST = timedelta(days=366)
KINDS = (Discrepancy.Kind.NOT_SETTLED, Discrepancy.Kind.NOT_PAID, Discrepancy.Kind.SETTLED_AMOUNT)
EXPLAINED = "explained by the gateway or a later report"


class AlreadyTakenIn(Exception):
    """This very file was taken in before."""

    def __init__(self, settlement: Settlement) -> None:
        super().__init__(str(settlement))
        self.settlement = settlement


class NoReports(Exception):
    """This gateway is not set up here, or has no settlement reports that we can read."""


class WrongDays(Exception):
    """The days do not follow each other, are more than a year, or are not here yet; or a line lies outside them."""


class NothingTold(Exception):
    """The file has no line, and no days were given that it could be silent about."""


class TooManyDifferences(Exception):
    """More differences than a person could look at: the wrong file, or the wrong gateway."""


@dataclass(frozen=True)
class Total:
    """Rows of one kind: how many, and rupiah."""

    rows: int = 0
    gross: int = 0
    fee: int = 0


def reader(gateway: str) -> Reader:
    """How this gateway's reports are read: `rows` of its own settlement.py. Raises NoReports."""
    if gateway not in settings.GATEWAY_SETTINGS:
        raise NoReports(gateway)
    name = f"orders.payments.{gateway}.settlement"
    try:
        rows: Reader = import_module(name).rows
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise NoReports(gateway) from None
    return rows


def gateways() -> list[str]:
    """Those set up here whose reports can be read."""
    return [name for name in settings.GATEWAY_SETTINGS if _has_reports(name)]


def take_in(
    *,
    gateway: str,
    file: IO[bytes],
    name: str,
    first_day: date | None,
    last_day: date | None,
    by: User,
    at: datetime,
) -> Settlement:
    """Keep the report and list what differs, in one transaction; the file is read twice, from its beginning.

    The days are those that the report covers to their end (Jakarta); without them, those of its lines. Raises
    Unreadable, NoReports, AlreadyTakenIn, WrongDays, NothingTold, TooManyDifferences: nothing is kept then.
    """
    rows = reader(gateway)
    _check_days(first_day, last_day, at)
    digest = _digest(file)
    digests = [digest, _silent(digest, first_day, last_day)]
    if known := Settlement.objects.filter(gateway=gateway, sha256__in=digests).first():
        raise AlreadyTakenIn(known)
    values = {"gateway": gateway, "name": name[-120:], "sha256": digest, "taken_in_at": at, "by": by}
    try:
        with transaction.atomic():
            report = Settlement.objects.create(**values, first_day=first_day, last_day=last_day)
            _keep(report, rows(text_lines(file)))
            _list(report, at)
    except IntegrityError as refusal:
        if "settlement_taken_in_once" not in str(refusal):
            raise
        raise AlreadyTakenIn(Settlement.objects.get(gateway=gateway, sha256__in=digests)) from None
    judge_open(at=at)
    return report


def judge_open(*, at: datetime) -> int:
    """Close every listed difference that is none any more; returns how many. Safe to run at any time, anywhere."""
    listed = Discrepancy.objects.filter(state=Discrepancy.State.OPEN)
    asked = listed.filter(kind__in=KINDS).exclude(payment=None).select_related("payment")
    # What no gateway reference leads to cannot be judged again; a person sees it.
    asked = asked.exclude(payment__gateway_reference="").order_by("payment__gateway", "pk")
    right = []
    for gateway, ones in groupby(asked, key=lambda one: _payment(one).gateway):
        over = settled.days(gateway)
        for chunk in _chunks(ones):
            payments = {one.payment_id: _payment(one) for one in chunk}
            wrong = {(one.kind, one.subject) for one in settled.judge(gateway, list(payments.values()), over)}
            right += [one for one in chunk if (one.kind, one.subject) not in wrong]
    right += _known_now(listed)
    return sum(_close(one, at) for one in right)


def ask(*, discrepancy: Discrepancy, at: datetime) -> bool:
    """Ask the gateway about the payment in question and judge again; True when that closed it. Network, no transaction.

    Raises PaymentError: nothing is moved then.
    """
    if payment := discrepancy.payment:
        with suppress(states.MovedMeanwhile):
            if payment.state == Payment.State.STARTED:
                paying.start(payment=payment, at=at)
            if payment.gateway_reference:
                paying.check(payment=payment, at=at)
    judge_open(at=at)
    discrepancy.refresh_from_db()
    return discrepancy.state == Discrepancy.State.CLOSED


def ask_all(*, report: Settlement, at: datetime) -> int:
    """Ask about every open difference of this report, for who cannot wait for the workers; returns how many are left.

    Stops asking when the gateway does not answer.
    """
    for listed in of_report(report).filter(state=Discrepancy.State.OPEN).select_related("payment__order"):
        try:
            ask(discrepancy=listed, at=at)
        except PaymentError as error:
            if not error.permanent:
                break
    return of_report(report).filter(state=Discrepancy.State.OPEN).count()


def of_report(report: Settlement) -> "QuerySet[Discrepancy]":
    """What was listed when the report came, or is about a payment that it names."""
    rows = SettlementRow.objects.filter(settlement=report)
    named = Q(payment__gateway=report.gateway, payment__gateway_reference__in=rows.values("gateway_reference"))
    subjects = rows.values(subject=Concat(Value(f"{report.gateway} "), "gateway_reference"))
    stranger = Q(kind=Discrepancy.Kind.UNKNOWN, subject__in=subjects)
    then = Q(opened_at=report.taken_in_at, payment__gateway=report.gateway)
    return Discrepancy.objects.filter(named & Q(kind__in=KINDS) | stranger | then & Q(kind__in=KINDS))


def totals(report: Settlement) -> dict[str, Total]:
    """By kind of row: how many, and rupiah."""
    found = report.rows.order_by("kind").values("kind").annotate(n=Count("pk"), gross=Sum("gross"), fees=Sum("fee"))
    sums = {row["kind"]: Total(rows=row["n"], gross=row["gross"], fee=row["fees"]) for row in found}
    return {kind: sums.get(kind, Total()) for kind in SettlementRow.Kind.values}


def _has_reports(gateway: str) -> bool:
    try:
        reader(gateway)
    except NoReports:
        return False
    return True


def _check_days(first: date | None, last: date | None, at: datetime) -> None:
    if (first is None) != (last is None):
        raise WrongDays("one day alone")
    if first and last and not (first <= last <= localdate(at) and last - first <= LONGEST):
        raise WrongDays(f"{first} to {last}")


def _digest(file: IO[bytes]) -> str:
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # an upload is file enough
    file.seek(0)
    return digest


def _silent(digest: str, first: date | None, last: date | None) -> str:
    """For a report without lines: it looks like that of every other quiet day, so its days tell it apart."""
    return hashlib.sha256(f"{digest} {first} {last}".encode()).hexdigest()


def _keep(report: Settlement, told: Iterable[Settled]) -> None:
    """Store the lines as they are read; afterwards the report has its days."""
    count, seen = 0, set[date]()
    for chunk in _chunks(told):
        count += len(chunk)
        seen |= {localdate(line.at) for line in chunk if line.at}
        SettlementRow.objects.bulk_create([_row(report, line) for line in chunk])
    if report.first_day is None:
        if not seen:
            raise NothingTold(report.name)
        report.first_day, report.last_day = min(seen), max(seen)
        _check_days(report.first_day, report.last_day, report.taken_in_at)
    if not count:
        report.sha256 = _silent(report.sha256, report.first_day, report.last_day)
    report.save(update_fields=["first_day", "last_day", "sha256"])


def _row(report: Settlement, line: Settled) -> SettlementRow:
    return SettlementRow(
        settlement=report,
        line=line.line,
        kind=line.kind,
        gateway_reference=line.gateway_reference,
        reference=line.reference,
        gross=line.gross,
        fee=line.fee,
        happened_at=line.at,
    )


def _list(report: Settlement, at: datetime) -> None:
    """List what differs, and have the gateway asked about it by the worker that asks anyway."""
    in_doubt = []
    for number, difference in enumerate(_differences(report), start=1):
        if number > MOST_DIFFERENCES:
            raise TooManyDifferences(report.name)
        discrepancies.open_discrepancy(
            kind=difference.kind,
            subject=difference.subject,
            payment=difference.payment,
            expected=difference.expected,
            found=difference.found,
            at=at,
        )
        if difference.payment:
            in_doubt.append(difference.payment.pk)
    Payment.objects.filter(pk__in=in_doubt).update(next_ask_at=at)


def _differences(report: Settlement) -> Iterator[Difference]:
    """Of the payments that the report names, and of the days that it completes."""
    over = settled.days(report.gateway)
    rows = report.rows.order_by("gateway_reference").iterator(chunk_size=CHUNK)
    for chunk in _chunks(rows):
        payments = settled.named(report.gateway, chunk)
        yield from _unlearnt(payments, chunk)
        yield from settled.judge(report.gateway, [one for one in payments.values() if one.gateway_reference], over)
        strangers = [row for row in chunk if row.gateway_reference not in payments]
        for reference, told in groupby(strangers, key=lambda row: row.gateway_reference):
            yield settled.unknown(report.gateway, reference, sum(row.gross for row in told if row.kind == "payment"))
    for day in _completed(report, over):
        first = make_aware(datetime.combine(day, time()))
        for payments_of_day in settled.of_days(report.gateway, first, first + timedelta(days=1)):
            for some in _chunks(payments_of_day.iterator(chunk_size=CHUNK)):
                yield from settled.judge(report.gateway, some, over)


def _unlearnt(payments: dict[str, Payment], rows: Collection[SettlementRow]) -> Iterator[Difference]:
    """Money for a payment whose start was never answered."""
    for reference, payment in payments.items():
        if not payment.gateway_reference:
            came = sum(row.gross for row in rows if row.gateway_reference == reference and row.kind == "payment")
            yield Difference(
                kind=Discrepancy.Kind.NOT_PAID, subject=str(payment.pk), expected=0, found=came, payment=payment
            )


def _completed(report: Settlement, over: Days) -> Iterator[date]:
    """The days that can be judged since this report is here."""
    if report.first_day and report.last_day:
        day = report.first_day - settled.GRACE
        while day <= report.last_day:
            if over.is_judged(day):
                yield day
            day += timedelta(days=1)


def _known_now(listed: "QuerySet[Discrepancy]") -> list[Discrepancy]:
    """Strangers whose payment we have learnt to know since."""
    strangers = {one.subject: one for one in listed.filter(kind=Discrepancy.Kind.UNKNOWN)}
    known: list[Discrepancy] = []
    pairs = sorted(subject.partition(" ")[::2] for subject in strangers)
    for gateway, ones in groupby(pairs, key=lambda pair: pair[0]):
        references = [reference for _gateway, reference in ones]
        found = Payment.objects.filter(gateway=gateway, gateway_reference__in=references)
        known += [
            strangers[f"{gateway} {reference}"] for reference in found.values_list("gateway_reference", flat=True)
        ]
    return known


def _close(listed: Discrepancy, at: datetime) -> bool:
    try:
        discrepancies.close_discrepancy(discrepancy=listed, resolution=EXPLAINED, by=None, at=at)
    except states.MovedMeanwhile:
        return False
    return True


def _payment(listed: Discrepancy) -> Payment:
    assert listed.payment is not None  # noqa: S101 - filtered by the caller
    return listed.payment


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    source = iter(rows)
    while chunk := list(islice(source, CHUNK)):
        yield chunk
