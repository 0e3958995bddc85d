"""A batch or a range is withdrawn: what is unsold becomes VOID, what is sold stays and is counted."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import F

from meterai import leasing, recalling, states, stocking, taking
from meterai.conserving import stock_levels
from meterai.models import (
    Batch,
    Deposit,
    Extent,
    Flip,
    Movement,
    Pooled,
    Recall,
    Reseller,
    Serial,
    Stamp,
    User,
    Withdrawn,
)
from tests import factories
from tests.meterai.test_states import refusal

pytestmark = pytest.mark.django_db


def recall(batch: Batch, now: datetime, first: int = 1, last: int | None = None) -> Recall:
    penyelia = factories.person("penyelia")
    return recalling.recall(batch=batch, first=first, last=last, reason="misprint", by=penyelia, at=now)


def take(quantity: int, now: datetime, reseller: Reseller | None = None) -> list[str]:
    until = now + timedelta(minutes=30)
    return taking.take(quantity=quantity, reseller=reseller, until=until, at=now, reference="MT-TEST-0001")


def withdrawn() -> list[tuple[str | None, int, int]]:
    return list(Withdrawn.objects.order_by("first").values_list("reseller__code", "first", "past"))


def on_sale() -> set[int]:
    return {n for first, past in Extent.objects.values_list("next", "end") for n in range(first, past)}


def book(recall: Recall) -> Counter[tuple[str | None, str, str]]:
    """How many the book says went, by whose, from and to."""
    rows = Movement.objects.filter(reference=f"recall {recall.pk}", reason="misprint", actor="penyelia")
    return Counter({(row.reseller and row.reseller.code, row.source, row.target): row.quantity for row in rows})


def test_a_whole_batch_is_withdrawn_and_can_be_sold_no_more(stock: Batch, now: datetime) -> None:
    made = recall(stock, now)
    assert (made.first, made.last, made.voided, made.sold) == (1, 30, 30, 0)
    assert stock_levels() == {} and not Extent.objects.exists() and not Stamp.objects.exists()
    assert sum(past - first for _, first, past in withdrawn()) == 30
    assert book(made) == {(None, "extents", "void"): 30}
    stock.refresh_from_db()
    assert stock.state == "recalled"
    flip = Flip.objects.get(noun="meterai.batch", new="recalled")
    assert (flip.old, flip.actor, flip.reason) == ("active", "penyelia", "misprint")
    with pytest.raises(taking.SoldOut):
        take(1, now)


def test_a_draft_is_withdrawn_as_one_range_and_is_never_activated(now: datetime, penyelia: User) -> None:
    draft = factories.draft(9, at=now)
    with pytest.raises(recalling.NotWhole):
        recall(draft, now, 1, 8)
    made = recall(draft, now)
    assert withdrawn() == [(None, 1, 10)] and book(made) == {(None, "draft", "void"): 9}
    with pytest.raises((states.NoSuchArrow, states.MovedMeanwhile)):
        stocking.activate(batch=draft, by=penyelia, at=now)
    assert not Extent.objects.exists()


def test_a_range_is_cut_out_of_the_middle_of_an_extent(now: datetime) -> None:
    batch = factories.stock(1_280, at=now)  # extents of ten
    made = recall(batch, now, 13, 27)
    assert withdrawn() == [(None, 13, 21), (None, 21, 28)] and made.voided == 15
    assert on_sale() == {*range(1, 1_281)} - {*range(13, 28)}
    batch.refresh_from_db()
    assert batch.state == "active"
    assert recall(batch, now, 5, 5).voided == 1 and on_sale() == {*range(1, 1_281)} - {5, *range(13, 28)}


def test_one_serial_within_one_extent_leaves_a_piece_on_each_side(now: datetime) -> None:
    batch = factories.stock(1_280, at=now)
    recall(batch, now, 15, 15)
    pieces = Extent.objects.filter(next__gte=11, end__lte=21).order_by("next").values_list("next", "end")
    assert list(pieces) == [(11, 15), (16, 21)]


def test_what_came_back_and_what_waits_for_money_become_void_with_the_reason(stock: Batch, now: datetime) -> None:
    held = take(6, now)
    taking.release(serials=held[:2], at=now, reference="MT-TEST-0001", reason="deadline")
    taking.sell(serials=held[2:4], at=now, reference="MT-TEST-0001")
    taking.affix(serial=held[2], at=now, reference="d")
    made = recall(stock, now)
    assert (made.voided, made.sold) == (28, 2)
    assert book(made) == {
        (None, "extents", "void"): 24,
        (None, "pool", "void"): 2,
        (None, "reserved", "void"): 2,
    }
    void = Stamp.objects.filter(state="void")
    assert set(void.values_list("pk", "void_reason", "reserved_until")) == {
        (serial, "misprint", None) for serial in (*held[:2], *held[4:])
    }
    assert not Pooled.objects.exists()
    assert {stamp.state for stamp in Stamp.objects.filter(pk__in=held[2:4])} == {"affixed", "sold"}


def test_only_the_range_is_touched(stock: Batch, now: datetime) -> None:
    held = take(30, now)
    taking.release(serials=held[:20], at=now, reference="MT-TEST-0001", reason="deadline")
    inside = set(Serial.objects.filter(ordinal__range=(11, 20)).values_list("code", flat=True))
    made = recall(stock, now, 11, 20)
    assert made.voided == 10
    assert set(Stamp.objects.filter(state="void").values_list("pk", flat=True)) == inside
    assert set(Stamp.objects.filter(state="reserved").values_list("pk", flat=True)) == set(held[20:]) - inside
    assert set(Pooled.objects.values_list("pk", flat=True)) == set(held[:20]) - inside


def test_other_batches_are_left_alone(stock: Batch, now: datetime) -> None:
    other = factories.stock(20, at=now)
    held = take(50, now)
    taking.release(serials=held[:25], at=now, reference="MT-TEST-0001", reason="deadline")
    made = recall(stock, now)
    assert made.voided == 30
    assert Stamp.objects.filter(batch=other, state="reserved").count() + Pooled.objects.count() == 20


def test_a_resellers_stock_is_withdrawn_in_its_own_name(stock: Batch, posfin: Reseller, now: datetime) -> None:
    factories.lease(posfin, 10, at=now)
    held = take(4, now, posfin)
    taking.release(serials=held[:1], at=now, reference="MT-TEST-0001", reason="deadline")
    taking.sell(serials=held[1:2], at=now, reference="MT-TEST-0001")
    made = recall(stock, now)
    assert book(made) == {
        (None, "extents", "void"): 20,
        ("posfin", "extents", "void"): 6,
        ("posfin", "pool", "void"): 1,
        ("posfin", "reserved", "void"): 2,
    }
    assert (made.voided, made.sold) == (29, 1)
    assert sum(past - first for seller, first, past in withdrawn() if seller == "posfin") == 6
    assert Deposit.objects.get().drawn == 100_000
    with pytest.raises(leasing.NotEnough):
        leasing.take_back(reseller=posfin, quantity=1, reason="", by=factories.person("penyelia"), at=now)


def test_recalls_that_overlap_withdraw_each_serial_once(stock: Batch, now: datetime) -> None:
    assert [recall(stock, now, 5, 14).voided, recall(stock, now, 10, 19).voided, recall(stock, now).voided] == [
        10,
        5,
        15,
    ]
    assert sum(past - first for _, first, past in withdrawn()) == 30


def test_a_range_is_recalled_once(stock: Batch, now: datetime) -> None:
    recall(stock, now, 5, 14)
    for first, last in ((5, 14), (6, 6), (5, 13)):
        with pytest.raises(recalling.NothingLeft):
            recall(stock, now, first, last)
    assert Recall.objects.count() == 1
    recall(stock, now)
    with pytest.raises(recalling.NothingLeft):
        recall(Batch.objects.get(), now, 20, 25)


def test_what_was_sold_out_is_recalled_too_so_that_its_buyers_can_be_told(stock: Batch, now: datetime) -> None:
    held = take(30, now)
    taking.sell(serials=held, at=now, reference="MT-TEST-0001")
    made = recall(stock, now)
    assert (made.voided, made.sold) == (0, 30) and Batch.objects.get().state == "recalled"
    assert not book(made)


def test_what_was_refunded_or_void_before_is_not_counted_as_sold(stock: Batch, now: datetime) -> None:
    held = take(6, now)
    taking.sell(serials=held, at=now, reference="MT-TEST-0001")
    taking.refund(serials=held[:2], at=now, reference="MT-TEST-0001", reason="wish")
    damaged = Stamp.objects.get(pk=held[2])
    states.move(damaged, to="void", at=now, void_reason="damaged")
    made = recall(stock, now)
    assert (made.voided, made.sold) == (24, 3)
    damaged.refresh_from_db()
    assert damaged.void_reason == "damaged"


@pytest.mark.parametrize(("first", "last"), [(0, 5), (5, 4), (1, 31), (31, 31), (-1, -1)])
def test_a_range_lies_within_its_batch(first: int, last: int, stock: Batch, now: datetime) -> None:
    with pytest.raises(recalling.OutOfRange):
        recall(stock, now, first, last)
    assert stock_levels() == {None: 30} and not Recall.objects.exists()


def test_two_serials_name_a_range(stock: Batch, now: datetime) -> None:
    other = factories.stock(2, at=now)
    third, ninth = (Serial.objects.get(batch=stock, ordinal=n).code for n in (3, 9))
    assert recalling.ordinals(first=third, last=ninth) == (stock, 3, 9)
    assert recalling.ordinals(first=third, last=third) == (stock, 3, 3)
    with pytest.raises(recalling.UnknownSerial, match="X"):
        recalling.ordinals(first=third, last="X" * 22)
    with pytest.raises(recalling.NotOneBatch):
        recalling.ordinals(first=third, last=Serial.objects.filter(batch=other)[0].code)


def test_a_serial_that_was_never_taken_is_known_to_be_withdrawn(stock: Batch, now: datetime) -> None:
    [held] = take(1, now)
    recall(stock, now, 1, 10)
    codes = dict(Serial.objects.values_list("ordinal", "code"))
    assert recalling.withdrawn([*codes.values(), "X" * 22]) == {codes[n] for n in range(1, 11)} - {held}
    assert not recalling.withdrawn([held]) and not recalling.withdrawn([codes[11]])
    assert recalling.withdrawn([next(code for n, code in codes.items() if n <= 10 and code != held)])


def test_what_a_recall_would_meet_is_told_beforehand(stock: Batch, posfin: Reseller, now: datetime) -> None:
    factories.lease(posfin, 5, at=now)
    held = take(9, now)
    taking.release(serials=held[:2], at=now, reference="MT-TEST-0001", reason="deadline")
    taking.sell(serials=held[2:5], at=now, reference="MT-TEST-0001")
    seen = recalling.foresee(batch=stock, first=1, last=30)
    assert seen == recalling.Outlook(unsold=21, pooled=2, reserved=4, sold=3) and seen.voided == 27
    assert not Recall.objects.exists()
    made = recall(stock, now)
    assert (made.voided, made.sold) == (seen.voided, seen.sold)
    draft = factories.draft(3, at=now)
    assert recalling.foresee(batch=draft, first=1, last=3) == recalling.Outlook(3, 0, 0, 0)


@pytest.mark.breaks_conservation
def test_withdrawn_ordinals_cannot_come_back_on_sale(stock: Batch, now: datetime) -> None:
    recall(stock, now, 5, 14)
    for first, end in ((14, 15), (4, 6), (1, 31)):
        Extent.objects.filter(end=end).delete()
        values: dict[str, Any] = {"batch": stock, "next": first, "end": end}
        assert refusal(lambda values=values: Extent.objects.create(**values)) == "extent_not_withdrawn"
    Extent.objects.create(batch=stock, next=30, end=31)
    assert refusal(lambda: Extent.objects.filter(end=5).update(end=F("end") + 1)) == "extent_not_withdrawn"
