"""A recall in the middle of a rush: nothing of its range is left for sale, nothing is lost, nobody waits for ever."""

import random
import threading
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from meterai import recalling, states, stocking, taking
from meterai.conserving import balances
from meterai.models import Batch, Extent, Pooled, Recall, Stamp, Withdrawn
from orders import paying, reserving
from orders.models import Payment
from tests import factories
from tests.races.test_leasing_races import give_back, grant, wait_until_somebody_waits_for_a_lock
from tests.races.test_reserving_races import buy, together

pytestmark = pytest.mark.django_db(transaction=True)


def recall(batch: Batch, first: int = 1, last: int | None = None) -> str:
    penyelia = factories.person("penyelia")
    try:
        recalling.recall(batch=batch, first=first, last=last, reason="misprint", by=penyelia, at=timezone.now())
    except recalling.NothingLeft:
        return "nothing left"
    return "recalled"


def check() -> None:
    """Whatever was recalled is nowhere for sale and held by no order that waits; nothing was lost or made."""
    assert [row.difference for row in balances()] == [0] * len(balances())
    for made in Recall.objects.all():
        inside = {"batch": made.batch_id, "serial__ordinal__range": (made.first, made.last)}
        assert not Stamp.objects.filter(**inside, state="reserved").exists()
        assert not Pooled.objects.filter(**inside).exists()
        assert not Extent.objects.filter(batch=made.batch_id, next__lte=made.last, end__gt=made.first).exists()


class Recalling(threading.Thread):
    """A recall on a connection of its own, with what came of it."""

    outcome = ""

    def __init__(self, batch: Batch) -> None:
        super().__init__()
        self.batch = batch

    def run(self) -> None:
        try:
            self.outcome = recall(self.batch)
        except Exception as error:  # whatever it is, the test compares it
            self.outcome = type(error).__name__
        finally:
            connection.close()


def test_a_batch_is_recalled_while_thirty_buy(now: datetime) -> None:
    batch = factories.stock(40, at=now)
    outcomes = together(31, lambda number: buy(number) if number else recall(batch))
    assert set(outcomes) <= {"won", "sold out", "recalled"} and outcomes["recalled"] == 1
    assert Stamp.objects.filter(state="void").count() == outcomes["won"]
    check()


def test_buyers_get_what_was_not_recalled(now: datetime) -> None:
    batch = factories.stock(40, at=now)
    assert together(21, lambda number: buy(number) if number else recall(batch, 1, 20)) == {"won": 20, "recalled": 1}
    check()


def test_two_people_recall_the_same_once(now: datetime) -> None:
    batch = factories.stock(40, at=now)
    assert together(6, lambda number: recall(batch, 3, 30)) == {"recalled": 1, "nothing left": 5}
    assert Recall.objects.get().voided == sum(row.past - row.first for row in Withdrawn.objects.all()) == 28


def test_what_comes_back_in_the_same_moment_is_recalled_too(now: datetime) -> None:
    batch = factories.stock(40, at=now)
    orders = [factories.order(at=now, quantity=2) for _ in range(15)]

    def lapse_or_recall(number: int) -> str:
        if not number:
            return recall(batch)
        reserving.lapse(order=orders[number], to="cancelled", at=timezone.now(), reason="wish", actor="buyer")
        return "gave back"

    assert together(15, lapse_or_recall) == {"recalled": 1, "gave back": 14}
    assert not Pooled.objects.exists() and Recall.objects.get().voided == 40
    check()


def test_money_in_the_same_moment_buys_or_finds_the_stamps_void(now: datetime) -> None:
    batch = factories.stock(40, at=now)
    payments = [factories.asked_for(factories.order(at=now, quantity=3), at=now) for _ in range(12)]

    def pay_or_recall(number: int) -> str:
        if not number:
            return recall(batch)
        payment = payments[number]
        paying.settle(payment=payment, standing=factories.standing(payment, at=now), at=timezone.now())
        return "settled"

    assert together(12, pay_or_recall) == {"recalled": 1, "settled": 11}
    sold = Stamp.objects.filter(state="sold").count()
    assert sold == Recall.objects.get().sold
    assert sold // 3 + Payment.objects.filter(refunds__reason="recalled").count() == 11
    check()


def test_a_recall_and_a_sale_that_want_each_others_stamps_both_end(now: datetime) -> None:
    """The sale holds the last stamp in the order of keys, the recall the others: each waits for what the other has."""
    batch = factories.stock(40, at=now)
    order = factories.order(at=now, quantity=3)
    *others, last = sorted(reserving.held_serials(order))
    recalled = Recalling(batch)
    with transaction.atomic():
        taking.sell(serials=[last], at=now, reference=order.code)
        recalled.start()
        wait_until_somebody_waits_for_a_lock()
        taking.sell(serials=others, at=now, reference=order.code)
    recalled.join()
    assert recalled.outcome == "recalled" and Recall.objects.get().sold == 3
    check()


def test_a_sale_that_looks_before_it_takes_does_not_tie_a_knot_with_a_recall(now: datetime) -> None:
    """It has locked an extent's row, and only then writes: the recall waits before it has locked anything."""
    batch = factories.stock(40, at=now)
    recalled = Recalling(batch)
    with transaction.atomic():
        list(Extent.objects.order_by("pk").select_for_update())
        recalled.start()
        wait_until_somebody_waits_for_a_lock()
        held = taking.take(quantity=2, reseller=None, until=now, at=now, reference="x")
        taking.release(serials=held[:1], at=now, reference="x", reason="wish")
    recalled.join()
    assert recalled.outcome == "recalled" and Recall.objects.get().voided == 40
    check()


@pytest.mark.parametrize("held", ["an extent", "a stamp"])
def test_a_recall_that_would_keep_the_shop_waiting_gives_up(
    held: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recalling, "PATIENCE", "20ms")
    batch = factories.stock(40, at=now)
    order = factories.order(at=now, quantity=3)
    recalled = Recalling(batch)
    with transaction.atomic():
        if held == "an extent":
            factories.order(at=now, quantity=1)
        else:
            taking.sell(serials=reserving.held_serials(order), at=now, reference=order.code)
        recalled.start()
        recalled.join()
        # Whoever comes meanwhile buys as ever.
        assert together(3, buy) == {"won": 3}
    assert recalled.outcome == "Busy" and not Recall.objects.exists() and Batch.objects.get().state == "active"
    assert recall(batch) == "recalled"
    check()


def test_activating_and_recalling_a_draft_at_once_ends_in_a_recall(now: datetime) -> None:
    for _ in range(5):
        batch = factories.draft(40, at=now)

        def activate_or_recall(number: int, batch: Batch = batch) -> str:
            if not number:
                return recall(batch)
            with suppress(states.MovedMeanwhile, states.NoSuchArrow):
                stocking.activate(batch=batch, by=factories.person("penyelia"), at=timezone.now())
            return "done"

        assert together(2, activate_or_recall) == {"recalled": 1, "done": 1}
    assert not Extent.objects.exists() and set(Batch.objects.values_list("state", flat=True)) == {"recalled"}
    check()


def test_everything_at_once_leaves_nothing_recalled_for_sale(now: datetime) -> None:
    batches = [factories.stock(150, at=now) for _ in range(3)]
    resellers = [factories.reseller(code) for code in ("posfin", "kantor-pos")]
    deposits = [factories.deposit(one, 400, at=now) for one in resellers]
    for one in resellers:
        factories.lease(one, 60, at=now)

    def pay_something(dice: random.Random) -> None:
        waiting = Payment.objects.filter(state=Payment.State.STARTED).order_by("pk")
        if payment := waiting[dice.randint(0, 5) :].first():
            with suppress(taking.NotHeld):
                paying.settle(payment=payment, standing=factories.standing(payment, at=now), at=timezone.now())

    def act(number: int) -> str:
        dice = random.Random(number)
        for _ in range(14):
            kind = dice.choice(["buy", "buy", "buy", "pay", "pay", "lapse", "grant", "return", "recall"])
            if kind == "buy":
                with suppress(taking.SoldOut):
                    code = dice.choice(["", "posfin", "kantor-pos"])
                    factories.order(at=timezone.now(), quantity=dice.randint(1, 4), reseller_code=code)
            elif kind == "pay":
                pay_something(dice)
            elif kind == "lapse":
                reserving.release_expired(at=timezone.now() + timedelta(hours=1), limit=5)
            elif kind == "grant":
                grant(dice.choice(deposits), dice.randint(1, 40))
            elif kind == "return":
                give_back(dice.choice(resellers), dice.randint(1, 20))
            else:
                first = dice.randint(1, 140)
                recall(dice.choice(batches), first, first + dice.randint(0, 10))
        return "done"

    assert together(8, act) == {"done": 8}
    assert Recall.objects.exists()
    check()
