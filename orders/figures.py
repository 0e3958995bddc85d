"""What waits for a person, and how trade goes, as figures: for the staff room's first page and for alarms. Reads only.

Each is counted by an index that holds only what waits, or from the book of the last minute; none walks a table.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Model, Q, QuerySet

from meterai.models import Movement

from .models import BankEntry, Discrepancy, Notification, Payment, Refund

# A payment that was not taken up by a gateway after this long, or not ended so long after its end, is stuck.
STUCK_START, STUCK_END = timedelta(minutes=2), timedelta(minutes=10)
STUCK_NEWS = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Pile:
    """How much waits, and since when the oldest does."""

    count: int = 0
    oldest: datetime | None = None

    def seconds(self, *, at: datetime) -> float:
        """For how long the oldest has waited; 0 when nothing waits."""
        return max(0.0, (at - self.oldest).total_seconds()) if self.oldest else 0.0


def discrepancies() -> Pile:
    """Open ones. The aim is none."""
    return pile(Discrepancy.objects.filter(state=Discrepancy.State.OPEN), "opened_at")


def held() -> Pile:
    """Payments of which less came than was asked."""
    return pile(Payment.objects.filter(state=Payment.State.HELD), "created_at")


def payouts() -> Pile:
    """Refunds that a person must transfer, or has begun to and not written down."""
    begun = Q(state=Refund.State.SENT, sent_at=None) | Q(state=Refund.State.REQUESTED)
    return pile(Refund.objects.filter(begun, way=Refund.Way.TRANSFER), "requested_at")


def strangers() -> Pile:
    """Transfers to our account that no rule could place."""
    return pile(BankEntry.objects.filter(state=BankEntry.State.UNMATCHED), "statement__uploaded_at")


def stuck_payments(*, at: datetime) -> Pile:
    """Open payments that no worker moves."""
    stuck = Q(state=Payment.State.STARTED, created_at__lt=at - STUCK_START)
    stuck |= Q(state=Payment.State.PENDING, expires_at__lt=at - STUCK_END)
    return pile(Payment.objects.filter(stuck, state__in=Payment.OPEN), "created_at")


def stuck_refunds(*, at: datetime) -> Pile:
    """Refunds on their way through a gateway for longer than a day."""
    under_way = Refund.objects.filter(next_try_at__isnull=False, way=Refund.Way.GATEWAY)
    return pile(under_way.filter(requested_at__lt=at - timedelta(days=1)), "requested_at")


def unheard(*, at: datetime) -> Pile:
    """Notifications that no worker has worked through."""
    return pile(Notification.objects.filter(processed_at=None, received_at__lt=at - STUCK_NEWS), "received_at")


def placed(*, at: datetime) -> int:
    """Orders whose stamps were reserved in the last minute."""
    return _orders("reserved", at)


def paid(*, at: datetime) -> int:
    """Orders whose stamps were sold in the last minute."""
    return _orders("sold", at)


def _orders(target: str, at: datetime) -> int:
    moved = Movement.objects.filter(at__gt=at - MINUTE, at__lte=at, target=target)
    return int(moved.aggregate(n=Count("reference", distinct=True))["n"])


def pile(rows: "QuerySet[Model]", since: str) -> Pile:
    """How many rows there are, and the oldest `since` among them."""
    return Pile(**rows.aggregate(count=Count("pk"), oldest=Min(since)))
