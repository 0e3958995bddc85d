"""What the gateway says it received and sent back, held against what the shop made of it: rupiah by rupiah."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db.models import Count, Q, Sum

from meterai.conserving import balances
from meterai.models import Movement, Stamp
from orders.models import Discrepancy, Line, Notification, Order, Payment, Receipt, Refund
from tests.storm.buyers import Buyer


@dataclass(frozen=True)
class Told:
    """A payment as the gateway's own books have it. Money in rupiah."""

    number: str
    reference: str
    status: str
    received: int
    refunded: int

    @property
    def kept(self) -> int:
        """What the gateway owes the shop: nothing once the bank took the money back."""
        return 0 if self.status == "reversed" else self.received - self.refunded


@dataclass
class Verdict:
    """Where every rupiah went, and each thing that is not as it must be, in words."""

    orders: int = 0
    received: int = 0
    refunded: int = 0
    reversed: int = 0
    fulfilled: int = 0
    listed: int = 0
    states: Counter[str] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)

    @property
    def unaccounted(self) -> int:
        return self.received - self.refunded - self.reversed - self.fulfilled - self.listed


def books(store: Path) -> list[Told]:
    """The gateway's payments, read from its own file: our site has no hand in this."""
    return [Told(*row) for row in _read(store, "select id, reference, status, received, refunded from payment")]


def on_its_way(store: Path) -> int:
    """How many notifications the gateway still tries to deliver."""
    [(count,)] = _read(store, "select count(*) from notification where state = 'waiting'")
    return int(count)


def _read(store: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=10)) as file:
        return file.execute(query).fetchall()


def settled(store: Path) -> bool:
    """Whether nothing is left to be done. The cheap questions first: the run is on the cores that it measures."""
    return not on_its_way(store) and not waiting() and not stuck(books(store))


def waiting() -> Counter[str]:
    """What the shop itself knows to be undone, by kind. When all buyers have paid no payment is open."""
    return +Counter(
        {
            "notification not processed": Notification.objects.filter(processed_at=None).count(),
            "refund not sent": Refund.objects.filter(state__in=["requested", "sent"]).count(),
            "payment not started": Payment.objects.filter(state=Payment.State.STARTED).count(),
            "payment open": Payment.objects.filter(state=Payment.State.PENDING).count(),
        }
    )


def stuck(told: Iterable[Told]) -> Counter[str]:
    """What is otherwise at the gateway than here, by kind; empty once the storm has settled."""
    known = Payment.objects.exclude(gateway_reference="").values_list("gateway_reference", "state", "received")
    ours = {number: (state, received) for number, state, received in known}
    left: Counter[str] = Counter()
    for one in told:
        state, received = ours.get(one.number, ("unknown", 0))
        expected = {"paid": ("paid", "held"), "refunded": ("refunded",)}.get(one.status, (one.status,))
        if state not in expected:
            left[f"payment {one.status} there, {state} here"] += 1
        elif received < one.received:
            left["money not noticed"] += 1
    return left


def judge(told: list[Told], buyers: list[Buyer]) -> Verdict:
    """Hold everything against everything."""
    verdict = Verdict(orders=Order.objects.count())
    verdict.received = sum(one.received for one in told)
    verdict.refunded = sum(one.refunded for one in told)
    verdict.reversed = sum(one.received - one.refunded for one in told if one.status == "reversed")
    verdict.states = Counter(dict(Order.objects.order_by().values_list("state").annotate(Count("pk"))))
    verdict.troubles += [f"{count} x {what}" for what, count in (waiting() + stuck(told)).items()]
    verdict.troubles += _each_client_has_one_order(buyers)
    verdict.troubles += _each_order_adds_up(told, verdict)
    verdict.troubles += _stock_adds_up()
    return verdict


def _each_client_has_one_order(buyers: list[Buyer]) -> Iterator[str]:
    made = dict(Order.objects.values_list("idempotency_key", "code"))
    for buyer in buyers:
        if buyer.codes != {made.pop(f"api:{buyer.key}", "")}:
            yield f"buyer {buyer.number} was told of {len(buyer.codes)} orders"
    if made:
        yield f"{len(made)} orders belong to nobody"


def _each_order_adds_up(told: list[Told], verdict: Verdict) -> Iterator[str]:
    """What the gateway holds for an order = what its stamps cost + what is listed for a person. No more, no less."""
    at_gateway = {one.reference: one for one in told}
    held = Count("lines", filter=Q(lines__released_at=None, lines__serial__stamp__state__in=["sold", "affixed"]))
    listed = set(Discrepancy.objects.filter(state="open").values_list("payment_id", flat=True))
    receipts = Counter(Receipt.objects.filter(kind="payment").values_list("order_id", flat=True))
    for order in Order.objects.annotate(held=held).prefetch_related("payments"):
        pairs = [(mine, at_gateway.pop(str(mine.pk), None)) for mine in order.payments.all()]
        kept = sum(one.kept for _mine, one in pairs if one)
        for_a_person = sum(one.kept for mine, one in pairs if one and mine.state == "held" and mine.pk in listed)
        price = order.total if order.held else 0
        verdict.fulfilled += price
        verdict.listed += for_a_person
        if kept != price + for_a_person:
            yield f"order {order.code} ({order.state}): {kept} kept, {price} fulfilled, {for_a_person} listed"
        if order.held != (order.quantity if order.state == "paid" else 0):
            yield f"order {order.code} ({order.state}) has {order.held} of {order.quantity} stamps"
        if receipts[order.pk] != (order.state in Order.WAS_PAID):
            yield f"order {order.code} ({order.state}) has {receipts[order.pk]} receipts"
        for mine, one in pairs:
            if one and (mine.received, mine.refunded) != (one.received, one.refunded):
                yield f"payment {one.number}: {mine.received}-{mine.refunded} here, {one.received}-{one.refunded} there"
    if at_gateway:
        yield f"{len(at_gateway)} payments at the gateway belong to no order"


def _stock_adds_up() -> Iterator[str]:
    """Conservation by the query, and the book of movements says the same as the shelves."""
    if wrong := [row.batch for row in balances() if not row.is_balanced]:
        yield f"conservation does not hold in batches {wrong}"
    book: Counter[str] = Counter()
    for row in Movement.objects.values("source", "target").annotate(moved=Sum("quantity")).order_by():
        book[row["source"]] -= row["moved"]
        book[row["target"]] += row["moved"]
    for state, count in Stamp.objects.order_by().values_list("state").annotate(Count("pk")):
        if book[state] != count:
            yield f"{count} stamps are {state}, the book says {book[state]}"
    if Line.objects.filter(released_at=None).values("serial").annotate(n=Count("pk")).filter(n__gt=1).exists():
        yield "a serial belongs to two orders"
