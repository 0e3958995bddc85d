"""Prepaid stock passes to a reseller and back; it is never copied, and never beyond what was paid."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import F, Sum
from django.test.utils import CaptureQueriesContext

from meterai import depositing, leasing, ledger, taking
from meterai.conserving import available, stock_levels
from meterai.models import Batch, Deposit, Extent, Movement, Pooled, Reseller, Stamp, User
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def deposit(posfin: Reseller, now: datetime) -> Deposit:
    """The duty of twenty stamps."""
    return factories.deposit(posfin, 20, at=now)


def grant(deposit: Deposit, quantity: int, now: datetime) -> None:
    penyelia = factories.person("penyelia")
    leasing.grant(reseller=deposit.reseller, quantity=quantity, deposit=deposit, by=penyelia, at=now)


def take_back(reseller: Reseller, quantity: int, now: datetime) -> int:
    penyelia = factories.person("penyelia")
    return leasing.take_back(reseller=reseller, quantity=quantity, reason="contract ended", by=penyelia, at=now)


def take(quantity: int, now: datetime, reseller: Reseller | None = None) -> list[str]:
    until = now + timedelta(minutes=30)
    return taking.take(quantity=quantity, reseller=reseller, until=until, at=now, reference="MT-TEST-0001")


def drawn(reseller: Reseller) -> list[int]:
    """In stamps, the oldest deposit first."""
    deposits = Deposit.objects.filter(reseller=reseller).order_by("pk")
    return [rupiah // settings.DUTY for rupiah in deposits.values_list("drawn", flat=True)]


def book(**wanted: object) -> list[tuple[str | None, str, str, int]]:
    """What the book says of leases: whose, from, to, how many."""
    rows = Movement.objects.filter(**wanted).filter(reference__regex="^(SETORAN|return)").order_by("pk")
    return list(rows.values_list("reseller__code", "source", "target", "quantity"))


def test_a_lease_moves_stock_and_draws_its_duty(stock: Batch, deposit: Deposit, now: datetime) -> None:
    grant(deposit, 12, now)
    assert stock_levels() == {None: 18, deposit.reseller_id: 12}
    deposit.refresh_from_db()
    assert (deposit.drawn, deposit.left, leasing.covered(deposit)) == (120_000, 80_000, 8)
    assert book() == [(None, "extents", "leased", 12), ("posfin", "leased", "extents", 12)]
    assert set(Movement.objects.filter(reference=deposit.reference).values_list("actor", "reason")) == {
        ("penyelia", "lease")
    }


def test_a_lease_serves_many_buyers_at_a_time(now: datetime, deposit: Deposit) -> None:
    factories.stock(100_000, at=now)
    factories.lease(deposit.reseller, 10_000, at=now)
    pieces = Extent.objects.filter(reseller=deposit.reseller)
    assert leasing.PIECES <= pieces.count() <= leasing.PIECES * 3 // 2
    assert max(pieces.values_list(F("end") - F("next"), flat=True)) <= 10_000 // 32 + 1


def test_a_lease_is_cut_from_the_far_end_of_few_extents(now: datetime, deposit: Deposit) -> None:
    factories.stock(128_000, at=now)
    before = dict(Extent.objects.values_list("pk", "next"))
    with CaptureQueriesContext(connection) as queries:
        factories.lease(deposit.reseller, 1_500, at=now)
    official = Extent.objects.filter(reseller=None)
    assert dict(official.values_list("pk", "next")) == {pk: before[pk] for pk in official.values_list("pk", flat=True)}
    assert official.count() == 127
    locking = [query["sql"] for query in queries if "meterai_extent" in query["sql"] and "FOR UPDATE" in query["sql"]]
    assert len(locking) == 1 and "LIMIT 8" in locking[0] and "SKIP LOCKED" in locking[0]


def test_small_leases_have_one_serial_an_extent(stock: Batch, deposit: Deposit, now: datetime) -> None:
    grant(deposit, 3, now)
    sizes = Extent.objects.filter(reseller=deposit.reseller).values_list(F("end") - F("next"), flat=True)
    assert list(sizes) == [1, 1, 1]


def test_what_came_back_to_the_shop_is_leased_when_its_extents_are_used_up(
    stock: Batch, deposit: Deposit, now: datetime
) -> None:
    taken = take(30, now)
    taking.release(serials=taken[:15], at=now, reference="MT-TEST-0001", reason="deadline")
    grant(deposit, 10, now)
    assert Pooled.objects.filter(reseller=deposit.reseller).count() == 10 and stock_levels()[None] == 5
    assert book() == [(None, "pool", "leased", 10), ("posfin", "leased", "pool", 10)]
    assert len(take(10, now, deposit.reseller)) == 10


def test_no_lease_exceeds_the_stock_and_then_nothing_moves(deposit: Deposit, now: datetime) -> None:
    factories.stock(8, at=now)
    with pytest.raises(taking.SoldOut):
        grant(deposit, 9, now)
    assert stock_levels() == {None: 8} and drawn(deposit.reseller) == [0] and book() == []


def test_a_lease_is_never_larger_than_what_was_paid(stock: Batch, deposit: Deposit, now: datetime) -> None:
    with pytest.raises(leasing.NotCovered):
        grant(deposit, 21, now)
    grant(deposit, 15, now)
    with pytest.raises(leasing.NotCovered):
        grant(deposit, 6, now)
    grant(deposit, 5, now)
    assert stock_levels() == {None: 10, deposit.reseller_id: 20} and drawn(deposit.reseller) == [20]


def test_only_a_confirmed_deposit_covers_a_lease(
    stock: Batch, posfin: Reseller, gudang: User, penyelia: User, now: datetime
) -> None:
    waiting, refused = (
        depositing.record(reseller=posfin, reference=name, amount=90_000, by=gudang, at=now) for name in ("B-1", "B-2")
    )
    depositing.reject(deposit=refused, by=penyelia, at=now)
    for deposit in (waiting, refused):
        assert leasing.covered(deposit) == 0
        with pytest.raises(leasing.NotCovered):
            grant(deposit, 1, now)
    assert stock_levels() == {None: 30}


def test_a_deposit_covers_its_own_reseller_only(stock: Batch, deposit: Deposit, penyelia: User, now: datetime) -> None:
    other = factories.reseller("kantor-pos")
    with pytest.raises(leasing.NotCovered):
        leasing.grant(reseller=other, quantity=1, deposit=deposit, by=penyelia, at=now)
    assert stock_levels() == {None: 30}


def test_a_reseller_that_is_switched_off_gets_no_stock(stock: Batch, deposit: Deposit, now: datetime) -> None:
    Reseller.objects.update(is_active=False)
    with pytest.raises(leasing.NotActive):
        grant(deposit, 1, now)
    assert stock_levels() == {None: 30} and drawn(deposit.reseller) == [0]


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_lease_or_a_return_of_nothing_is_a_mistake(
    quantity: int, stock: Batch, deposit: Deposit, now: datetime
) -> None:
    with pytest.raises(ValueError, match="one serial or more"):
        grant(deposit, quantity, now)
    with pytest.raises(ValueError, match="one serial or more"):
        take_back(deposit.reseller, quantity, now)


def test_unsold_stock_comes_back_and_its_duty_is_credited(stock: Batch, deposit: Deposit, now: datetime) -> None:
    grant(deposit, 12, now)
    assert take_back(deposit.reseller, 5, now) == 50_000
    assert stock_levels() == {None: 23, deposit.reseller_id: 7} and drawn(deposit.reseller) == [7]
    assert book()[2:] == [("posfin", "extents", "leased", 5), (None, "leased", "extents", 5)]
    assert Movement.objects.filter(reason="contract ended", reference=deposit.reference).count() == 2


def test_the_newest_deposit_is_credited_first(stock: Batch, posfin: Reseller, now: datetime) -> None:
    for quantity in (4, 5, 6):
        factories.lease(posfin, quantity, at=now)
    assert take_back(posfin, 8, now) == 80_000
    assert drawn(posfin) == [4, 3, 0]
    for deposit in Deposit.objects.all():
        lines = Movement.objects.filter(reference=deposit.reference, reseller=posfin)
        came, left = (
            lines.filter(**{end: "leased"}).aggregate(n=Sum("quantity"))["n"] or 0 for end in ("source", "target")
        )
        assert (came - left) * settings.DUTY == deposit.drawn


def test_what_was_reserved_or_sold_stays_with_the_reseller(stock: Batch, deposit: Deposit, now: datetime) -> None:
    grant(deposit, 10, now)
    held = take(6, now, deposit.reseller)
    taking.sell(serials=held[:2], at=now, reference="MT-TEST-0001")
    taking.release(serials=held[2:4], at=now, reference="MT-TEST-0001", reason="deadline")
    with pytest.raises(leasing.NotEnough):
        take_back(deposit.reseller, 7, now)
    assert drawn(deposit.reseller) == [10]
    take_back(deposit.reseller, 6, now)
    assert stock_levels() == {None: 26} and drawn(deposit.reseller) == [4]
    places = Counter(source for _, source, target, _ in book(reason="contract ended") if target == "leased")
    assert set(places) == {"extents", "pool"}
    assert Counter(Stamp.objects.values_list("reseller__code", "state")) == {
        ("posfin", "reserved"): 2,
        ("posfin", "sold"): 2,
    }


def test_a_reseller_that_is_switched_off_gives_its_stock_back(stock: Batch, deposit: Deposit, now: datetime) -> None:
    grant(deposit, 4, now)
    Reseller.objects.update(is_active=False)
    take_back(Reseller.objects.get(), 4, now)
    assert stock_levels() == {None: 30}


def test_leasing_and_returning_again_and_again_leaves_no_crumbs(now: datetime, posfin: Reseller) -> None:
    factories.stock(100_000, at=now)
    before = Extent.objects.count()
    for _ in range(5):
        factories.lease(posfin, 10_000, at=now)
        take_back(posfin, 10_000, now)
    assert Extent.objects.count() < before + 5 * 20 and available() == 100_000


def test_a_lease_of_before_there_were_deposits_comes_back_too(stock: Batch, posfin: Reseller, now: datetime) -> None:
    Extent.objects.filter(end__gt=26).update(reseller=posfin)
    for seller, source, target in ((None, "extents", "leased"), (posfin, "leased", "extents")):
        ledger.record(
            batch=stock, reseller=seller, source=source, target=target, quantity=5, at=now, actor="x", reference="D-1"
        )
    assert take_back(posfin, 5, now) == 0
    assert stock_levels() == {None: 30}
    assert set(Movement.objects.filter(reference="return posfin").values_list("quantity", flat=True)) == {5}
