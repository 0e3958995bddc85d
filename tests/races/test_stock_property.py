"""Whatever happens to the stock, in whatever order, and however often it is cut short: no serial is lost or made."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from meterai import leasing, recalling, states, taking
from meterai.conserving import balances, stock_levels
from meterai.models import Batch, Deposit, Extent, Movement, Pooled, Recall, Reseller, Stamp, Withdrawn
from orders import ordering, paying, reserving
from orders.models import Order, Payment
from tests import factories

QUANTITY = st.integers(1, 6)
# A step dies before this statement; most steps have fewer, so about half are let live.
DEATH = st.integers(0, 40)
REFUSALS = (
    taking.SoldOut,
    taking.NotHeld,
    ordering.NotSelling,
    leasing.NotCovered,
    leasing.NotEnough,
    recalling.NothingLeft,
    states.NoSuchArrow,
)


class Killed(Exception):
    """The process died; its connection is gone, and PostgreSQL takes its transaction back."""


@contextmanager
def dying(before: int) -> Iterator[None]:
    """Raise Killed before the statement with this number; 0 lets everything live."""
    count = 0

    def execute(do: Any, sql: str, parameters: Any, many: bool, context: dict[str, Any]) -> Any:
        nonlocal count
        if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            count += 1
            if count == before:
                raise Killed
        return do(sql, parameters, many, context)

    with connection.execute_wrapper(execute):
        yield


class Stock(RuleBasedStateMachine):
    """Steps of staff, buyers, gateways and sweepers on one stock, each of which may be cut short."""

    def __init__(self) -> None:
        super().__init__()
        self.outer = transaction.atomic()
        self.outer.__enter__()
        self.now: datetime = timezone.now()
        self.resellers = [factories.reseller(code) for code in ("posfin", "kantor-pos")]
        factories.person("gudang")
        factories.person("penyelia")

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.outer.__exit__(None, None, None)

    @rule(count=st.integers(1, 40), death=DEATH)
    def import_a_batch(self, count: int, death: int) -> None:
        with self.attempt(death):
            factories.stock(count, at=self.now)

    @rule(count=st.integers(1, 10), death=DEATH)
    def import_a_batch_that_stays_a_draft(self, count: int, death: int) -> None:
        with self.attempt(death):
            factories.draft(count, at=self.now)

    @rule(who=st.integers(0, 1), quantity=QUANTITY, death=DEATH)
    def lease(self, who: int, quantity: int, death: int) -> None:
        with self.attempt(death):
            factories.lease(self.resellers[who], quantity, at=self.now)

    @rule(who=st.integers(0, 1), quantity=QUANTITY, death=DEATH)
    def give_a_lease_back(self, who: int, quantity: int, death: int) -> None:
        penyelia = factories.person("penyelia")
        with self.attempt(death):
            leasing.take_back(
                reseller=self.resellers[who], quantity=quantity, reason="returned", by=penyelia, at=self.now
            )

    @rule(who=st.sampled_from(["", "posfin", "kantor-pos"]), quantity=QUANTITY, death=DEATH)
    def order(self, who: str, quantity: int, death: int) -> None:
        with self.attempt(death):
            factories.order(at=self.now, quantity=quantity, reseller_code=who)

    @rule(death=DEATH)
    def time_runs_out(self, death: int) -> None:
        self.now += timedelta(hours=1)
        with self.attempt(death):
            reserving.release_expired(at=self.now)

    @rule(pick=st.integers(0, 50), death=DEATH)
    def money_comes_early_or_late(self, pick: int, death: int) -> None:
        payment = self.one(Payment.objects.filter(state=Payment.State.STARTED), pick)
        with self.attempt(death):
            standing = factories.standing(payment, at=self.now)
            paying.settle(payment=payment, standing=standing, at=self.now)

    @rule(pick=st.integers(0, 50), death=DEATH)
    def a_buyer_cancels(self, pick: int, death: int) -> None:
        order = self.one(Order.objects.filter(state=Order.State.PENDING), pick)
        with self.attempt(death):
            reserving.lapse(order=order, to="cancelled", at=self.now, reason="wish", actor="buyer")

    @rule(pick=st.integers(0, 50), death=DEATH)
    def a_stamp_is_affixed(self, pick: int, death: int) -> None:
        stamp = self.one(Stamp.objects.filter(state=Stamp.State.SOLD), pick)
        with self.attempt(death):
            taking.affix(serial=stamp.pk, at=self.now, reference="document")

    @rule(pick=st.integers(0, 50), death=DEATH)
    def a_stamp_is_refunded(self, pick: int, death: int) -> None:
        stamp = self.one(Stamp.objects.filter(state=Stamp.State.SOLD), pick)
        with self.attempt(death):
            taking.refund(serials=[stamp.pk], at=self.now, reference="refund", reason="wish")

    @rule(pick=st.integers(0, 20), first=st.integers(1, 40), length=st.integers(1, 40), death=DEATH)
    def a_range_is_recalled(self, pick: int, first: int, length: int, death: int) -> None:
        batch = self.one(Batch.objects.filter(state=Batch.State.ACTIVE), pick)
        assume(first <= batch.count)
        last = min(first + length - 1, batch.count)
        self.recall(batch, first, last, death)

    @rule(pick=st.integers(0, 20), death=DEATH)
    def a_whole_batch_is_recalled(self, pick: int, death: int) -> None:
        batch = self.one(Batch.objects.exclude(state=Batch.State.RECALLED), pick)
        self.recall(batch, 1, batch.count, death)

    def recall(self, batch: Batch, first: int, last: int, death: int) -> None:
        with self.attempt(death):
            recalling.recall(
                batch=batch, first=first, last=last, reason="misprint", by=factories.person("penyelia"), at=self.now
            )

    @contextmanager
    def attempt(self, death: int) -> Iterator[None]:
        """A step that may be refused, or die; then nothing of it may be left."""
        before = self.picture()
        try:
            with dying(death):
                yield
        except REFUSALS:
            assert self.picture() == before
        except Killed:
            pass  # a step of several transactions may have ended some of them: the invariants say whether that is well

    def picture(self) -> tuple[int, ...]:
        return tuple(
            model.objects.count() for model in (Batch, Movement, Stamp, Pooled, Extent, Order, Recall, Withdrawn)
        )

    def one(self, rows: Any, pick: int) -> Any:
        found = list(rows.order_by("pk")[:50])
        assume(found)
        return found[pick % len(found)]

    @invariant()
    def nothing_is_lost_or_made(self) -> None:
        assert [holder for row in balances() for holder in row.holders if holder.difference] == []

    @invariant()
    def the_book_says_where_everything_is(self) -> None:
        book: Counter[tuple[int | None, str]] = Counter()
        for row in Movement.objects.values("reseller_id", "source", "target", "quantity"):
            book[row["reseller_id"], row["source"]] -= row["quantity"]
            book[row["reseller_id"], row["target"]] += row["quantity"]
        for seller in (None, *(one.pk for one in self.resellers)):
            assert book[seller, "extents"] + book[seller, "pool"] == stock_levels().get(seller, 0)
            held = Counter(Stamp.objects.filter(reseller=seller).values_list("state", flat=True))
            ranges = Withdrawn.objects.filter(reseller=seller).values_list("first", "past")
            held["void"] += sum(past - first for first, past in ranges)
            for state in Stamp.State.values:
                assert book[seller, state] == held[state], state

    @invariant()
    def no_extent_is_used_up_or_shared(self) -> None:
        taken: set[tuple[int, int]] = set()
        for batch, first, past in Extent.objects.values_list("batch_id", "next", "end"):
            assert first < past
            mine = {(batch, ordinal) for ordinal in range(first, past)}
            assert not mine & taken
            taken |= mine
        known = set(Stamp.objects.values_list("batch_id", "serial__ordinal"))
        known |= set(Pooled.objects.values_list("batch_id", "serial__ordinal"))
        assert not known & taken

    @invariant()
    def nothing_that_was_recalled_is_for_sale(self) -> None:
        for recall in Recall.objects.all():
            inside = {"batch": recall.batch_id, "serial__ordinal__range": (recall.first, recall.last)}
            assert not Pooled.objects.filter(**inside).exists()
            assert not Stamp.objects.filter(**inside, state=Stamp.State.RESERVED).exists()
            assert not Extent.objects.filter(
                batch=recall.batch_id, next__lte=recall.last, end__gt=recall.first
            ).exists()

    @invariant()
    @precondition(lambda self: Order.objects.exists())
    def no_order_has_more_or_less_than_it_should(self) -> None:
        for order in Order.objects.prefetch_related("lines"):
            held = [line for line in order.lines.all() if line.released_at is None]
            waiting = order.state in (Order.State.PENDING, Order.State.PAID)
            assert len(held) == (order.quantity if waiting else 0)

    @invariant()
    def no_deposit_is_overdrawn(self) -> None:
        for seller in self.resellers:
            drawn = sum(Deposit.objects.filter(reseller=seller).values_list("drawn", flat=True))
            leased = sum(
                balance.due for row in balances() for balance in row.holders if balance.reseller == seller.code
            )
            assert drawn == leased * 10_000


@pytest.mark.django_db
def test_no_order_of_events_loses_or_makes_a_serial() -> None:
    assert Reseller.objects.count() == 0
    run_state_machine_as_test(
        Stock,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
