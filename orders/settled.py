"""What a gateway's settlement reports say in all, held against what we believe: sums, days, differences. Reads only.

Reports overlap: a day's and a month's tell of the same money. So equal rows (kind, amount, time) count once, unless one
report has them twice.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils.timezone import localdate

from .models import Discrepancy, Payment, Refund, Settlement, SettlementRow

# Gateways settle a payment of today with the report of tomorrow, so a day is judged once the next one is reported too.
GRACE = timedelta(days=1)

_SUMS = """
SELECT gateway_reference, kind, sum(gross * times) FROM (
    SELECT gateway_reference, kind, gross, happened_at, max(times) AS times FROM (
        SELECT told.settlement_id, told.gateway_reference, told.kind, told.gross, told.happened_at, count(*) AS times
        FROM orders_settlementrow told JOIN orders_settlement report ON report.id = told.settlement_id
        WHERE told.gateway_reference = ANY(%(references)s) AND report.gateway = %(gateway)s
        GROUP BY 1, 2, 3, 4, 5
    ) AS a_report GROUP BY 1, 2, 3, 4
) AS all_reports GROUP BY 1, 2
"""
_NO_MONEY = (Payment.State.STARTED, Payment.State.PENDING, Payment.State.EXPIRED, Payment.State.FAILED)


@dataclass(frozen=True)
class Sums:
    """Rupiah that the reports tell of for one payment."""

    payment: int = 0
    refund: int = 0
    reversal: int = 0


@dataclass(frozen=True)
class Difference:
    """What becomes a Discrepancy, if it is not one already. Rupiah: what we hold to be right, what was reported."""

    kind: Discrepancy.Kind
    subject: str
    expected: int
    found: int
    payment: Payment | None = None


@dataclass(frozen=True)
class Days:
    """Days (in Jakarta) that the reports of a gateway cover to their end."""

    covered: frozenset[date] = field(default_factory=frozenset)

    def is_over(self, moment: datetime | None) -> bool:
        """Whether money of that moment should have been reported by now."""
        return moment is not None and self.is_judged(localdate(moment))

    def is_judged(self, day: date) -> bool:
        """Whether the day and its grace are covered."""
        return day in self.covered and day + GRACE in self.covered


def days(gateway: str) -> Days:
    """The days of this gateway's reports. One that was not over when its report was taken in counts as not covered."""
    covered: set[date] = set()
    told = Settlement.objects.filter(gateway=gateway)
    for first, last, taken_in_at in told.values_list("first_day", "last_day", "taken_in_at"):
        if first is None or last is None:
            continue
        end = min(last, localdate(taken_in_at) - timedelta(days=1))
        covered.update(first + timedelta(days=n) for n in range((end - first).days + 1))
    return Days(frozenset(covered))


def sums(gateway: str, references: Collection[str]) -> dict[str, Sums]:
    """What all reports of the gateway tell of these gateway references; one that no report names is missing."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, {"gateway": gateway, "references": list(references)})
        for reference, kind, amount in cursor.fetchall():
            found[reference][kind] = int(amount)
    return {reference: Sums(**kinds) for reference, kinds in found.items()}


def named(gateway: str, rows: Iterable[SettlementRow]) -> dict[str, Payment]:
    """By gateway reference: the payments that rows are about.

    One whose gateway reference we never learnt, because the answer was lost, is known by our own reference.
    """
    ours = {row.gateway_reference: row.reference for row in rows}
    known = Payment.objects.filter(gateway=gateway, gateway_reference__in=ours)
    found = {payment.gateway_reference: payment for payment in known}
    if keys := {key: told for told, text in ours.items() if told not in found and (key := _uuid(text))}:
        unlearnt = Payment.objects.filter(pk__in=keys, gateway=gateway, gateway_reference="")
        found |= {keys[payment.pk]: payment for payment in unlearnt}
    return found


def unknown(gateway: str, reference: str, found: int) -> Difference:
    """A report names a payment that is none of ours. The subject is the one that notifications of it have."""
    subject = f"{gateway} {reference}"[:120]
    return Difference(kind=Discrepancy.Kind.UNKNOWN, subject=subject, expected=0, found=found)


def judge(gateway: str, payments: Collection[Payment], over: Days) -> Iterator[Difference]:
    """Where reports and payments of one gateway differ. Three queries, however many payments."""
    told = sums(gateway, [one.gateway_reference for one in payments if one.gateway_reference])
    refunds: dict[UUID, list[Refund]] = defaultdict(list)
    for refund in Refund.objects.filter(payment__in=[one.pk for one in payments]):
        refunds[refund.payment_id].append(refund)
    for payment in payments:
        yield from differences(payment, told.get(payment.gateway_reference, Sums()), refunds[payment.pk], over)


def differences(payment: Payment, told: Sums, refunds: list[Refund], over: Days) -> Iterator[Difference]:
    """One payment against what was told of it. `told` is the reports' word, `refunds` ours."""
    if difference := _money(payment, told, refunds, over):
        yield difference
    if payment.state == Payment.State.REVERSED:
        return  # what went back, by a bank or by another hand, is known to be gone
    if difference := _refunds(payment, told, refunds, over):
        yield difference
    if told.reversal:
        yield Difference(
            kind=Discrepancy.Kind.SETTLED_AMOUNT,
            subject=f"reversal {payment.pk} 0/{told.reversal}",
            expected=0,
            found=told.reversal,
            payment=payment,
        )


def _money(payment: Payment, told: Sums, refunds: list[Refund], over: Days) -> Difference | None:
    """What came. Less than we believe is a difference only once every day on which it can have come is over."""
    if told.payment == payment.received:
        return None
    if told.payment and payment.state in _NO_MONEY:
        kind = Discrepancy.Kind.NOT_PAID
    elif told.payment > payment.received:
        kind = Discrepancy.Kind.SETTLED_AMOUNT
    else:
        surplus_seen = [one.requested_at for one in refunds if one.reason == Refund.Reason.OVERPAID]
        if not (payment.paid_at and all(over.is_over(moment) for moment in (payment.paid_at, *surplus_seen))):
            return None
        kind = Discrepancy.Kind.SETTLED_AMOUNT if told.payment else Discrepancy.Kind.NOT_SETTLED
    # The figures are part of the name: what was closed once is listed again when they become others.
    figures = f" {payment.received}/{told.payment}" if kind == Discrepancy.Kind.SETTLED_AMOUNT else ""
    subject = f"{payment.pk}{figures}"
    return Difference(kind=kind, subject=subject, expected=payment.received, found=told.payment, payment=payment)


def _refunds(payment: Payment, told: Sums, refunds: list[Refund], over: Days) -> Difference | None:
    """What went back through the gateway; a payout by bank transfer is no business of its reports."""
    by_gateway = [one for one in refunds if one.way == Refund.Way.GATEWAY]
    done = [one for one in by_gateway if one.state == Refund.State.DONE]
    under_way = [one for one in by_gateway if one.state in (Refund.State.REQUESTED, Refund.State.SENT)]
    least = sum(one.amount for one in done if over.is_over(one.done_at))
    most = sum(one.amount for one in (*done, *under_way))
    if least <= told.refund <= most:
        return None
    expected = sum(one.amount for one in done)
    return Difference(
        kind=Discrepancy.Kind.SETTLED_AMOUNT,
        subject=f"refunds {payment.pk} {expected}/{told.refund}",
        expected=expected,
        found=told.refund,
        payment=payment,
    )


def of_days(gateway: str, first: datetime, last: datetime) -> "list[QuerySet[Payment]]":
    """Payments to which something happened from `first` to before `last`: money came, or went back."""
    ours = Payment.objects.filter(gateway=gateway)
    refunds = Refund.objects.filter(payment__gateway=gateway, way=Refund.Way.GATEWAY)
    back = refunds.filter(
        Q(done_at__gte=first, done_at__lt=last)
        | Q(reason=Refund.Reason.OVERPAID, requested_at__gte=first, requested_at__lt=last)
    )
    paid = ours.filter(received__gt=0, paid_at__gte=first, paid_at__lt=last)
    return [paid, ours.filter(pk__in=back.values("payment"))]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
