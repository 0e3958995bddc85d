"""Where every serial is, and whose; and that the book says the same."""

import json
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from meterai import recalling, taking
from meterai.conserving import PLACES, Balance, Difference, Holder, available, balances, book_differences, one_moment
from meterai.models import Batch, Extent, Movement, Reseller, Stamp
from orders.models import Order
from tests import factories

pytestmark = pytest.mark.django_db


def lose_one(**of: Any) -> None:
    extent = Extent.objects.filter(**of).order_by("pk")[0]
    if extent.end - extent.next == 1:
        extent.delete()
    else:
        Extent.objects.filter(pk=extent.pk).update(next=extent.next + 1)


def take(quantity: int, now: datetime, reseller: Reseller | None = None) -> list[str]:
    until = now + timedelta(minutes=30)
    return taking.take(quantity=quantity, reseller=reseller, until=until, at=now, reference="MT-TEST-0001")


def told(command: str) -> tuple[int, dict[str, Any]]:
    """Exit code and answer."""
    out = StringIO()
    try:
        call_command(command, stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def somewhere(row: Balance | Holder) -> dict[str, int]:
    """The places that hold something."""
    return {place: getattr(row, place) for place in PLACES if getattr(row, place)}


def test_a_draft_is_counted_as_draft(db: None, now: datetime) -> None:
    factories.draft(5, at=now)
    assert [(row.draft, row.extents, row.difference) for row in balances()] == [(5, 0, 0)]


def test_each_holder_has_what_it_is_due(stock: Batch, posfin: Reseller, now: datetime) -> None:
    factories.lease(posfin, 12, at=now)
    first, second, third, _fourth = take(4, now, posfin)
    taking.sell(serials=[first, second], at=now, reference="MT-1")
    taking.affix(serial=first, at=now, reference="MT-1")
    taking.release(serials=[third], at=now, reference="MT-1", reason="deadline")
    taking.sell(serials=take(2, now), at=now, reference="MT-2")
    (balance,) = balances()
    official, leased = balance.holders
    assert (official.reseller, official.due, somewhere(official)) == (None, 18, {"extents": 16, "sold": 2})
    reseller_has = {"extents": 8, "pool": 1, "reserved": 1, "sold": 1, "affixed": 1}
    assert (leased.reseller, leased.due, somewhere(leased)) == ("posfin", 12, reseller_has)
    assert (balance.extents, balance.sold, balance.difference, balance.is_balanced) == (24, 3, 0, True)


def test_a_recalled_batch_is_void_and_whose_it_was(stock: Batch, posfin: Reseller, now: datetime) -> None:
    factories.lease(posfin, 12, at=now)
    taking.sell(serials=take(2, now, posfin), at=now, reference="MT-1")
    take(3, now)
    recalling.recall(batch=stock, reason="misprint", by=factories.person("penyelia"), at=now)
    (balance,) = balances()
    assert [somewhere(holder) for holder in balance.holders] == [{"void": 18}, {"sold": 2, "void": 10}]
    assert (balance.void, balance.is_balanced, book_differences(balances())) == (28, True, [])


def test_a_draft_that_is_recalled_is_no_draft_any_more(db: None, now: datetime) -> None:
    batch = factories.draft(5, at=now)
    recalling.recall(batch=batch, reason="misprint", by=factories.person("penyelia"), at=now)
    assert [somewhere(row) for row in balances()] == [{"void": 5}]
    assert book_differences(balances()) == []


def test_a_batch_of_which_nothing_is_left_is_not_forgotten(stock: Batch) -> None:
    Extent.objects.all().delete()
    assert [(row.batch, row.difference) for row in balances()] == [(stock.reference, 30)]
    Extent.objects.create(batch=stock, next=1, end=31)


def test_the_command_prints_a_balance_that_machines_read(order: Order, posfin: Reseller, now: datetime) -> None:
    factories.lease(posfin, 12, at=now)
    code, answer = told("conservation")
    batch = answer["batches"][0]
    assert (code, answer["balanced"], batch["reserved"], batch["difference"]) == (0, True, 2, 0)
    assert [(one["reseller"], one["due"], one["extents"], one["difference"]) for one in batch["holders"]] == [
        (None, 18, 16, 0),
        ("posfin", 12, 12, 0),
    ]


@pytest.mark.breaks_conservation
def test_a_lost_serial_is_found_and_the_command_fails(stock: Batch) -> None:
    lose_one()
    assert balances()[0].difference == 1
    code, answer = told("conservation")
    assert (code, answer["balanced"]) == (1, False)


@pytest.mark.breaks_conservation
def test_a_serial_in_the_wrong_hands_is_found_though_none_is_lost(
    stock: Batch, posfin: Reseller, now: datetime
) -> None:
    factories.lease(posfin, 12, at=now)
    held = take(1, now)
    Stamp.objects.filter(pk__in=held).update(reseller=posfin)
    (balance,) = balances()
    assert (balance.difference, balance.lost, [one.difference for one in balance.holders]) == (0, 2, [1, -1])
    assert told("conservation")[0] == 1


def test_the_book_adds_up_to_the_stock(stock: Batch, posfin: Reseller, now: datetime) -> None:
    factories.draft(5, at=now)
    factories.lease(posfin, 12, at=now)
    taken = take(4, now, posfin)
    taking.sell(serials=taken[:3], at=now, reference="MT-1")
    taking.release(serials=taken[3:], at=now, reference="MT-1", reason="deadline")
    taking.refund(serials=taken[:1], at=now, reference="MT-1", reason="wish")
    assert book_differences(balances()) == []


def test_a_line_added_to_the_book_is_found_by_its_sums(stock: Batch, posfin: Reseller, now: datetime) -> None:
    row = {"batch": stock, "reseller": posfin, "at": now, "reference": "r", "actor": "a"}
    Movement.objects.create(source="reserved", target="sold", quantity=3, **row)
    assert book_differences(balances()) == [
        Difference(stock.reference, "posfin", "reserved", book=-3, there=0),
        Difference(stock.reference, "posfin", "sold", book=3, there=0),
    ]


@pytest.mark.breaks_conservation
def test_a_lease_with_one_side_only_is_found(stock: Batch, posfin: Reseller, now: datetime) -> None:
    row = {"batch": stock, "reseller": posfin, "at": now, "reference": "r", "actor": "a"}
    Movement.objects.create(source="leased", target="extents", quantity=3, **row)
    (balance,) = balances()
    assert [holder.difference for holder in balance.holders] == [-3, 3]
    assert Difference(stock.reference, None, "leased", book=0, there=3) in book_differences([balance])


@pytest.mark.django_db(transaction=True)
def test_a_line_that_was_removed_is_found_by_its_sums(stock: Batch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE meterai_movement")
    assert [(one.place, one.book, one.there) for one in book_differences(balances())] == [
        ("extents", 0, 30),
        ("outside", 0, -30),
    ]


def test_what_can_be_sold_is_told_for_each_seller(stock: Batch, posfin: Reseller, now: datetime) -> None:
    factories.lease(posfin, 12, at=now)
    taking.release(serials=take(2, now, posfin), at=now, reference="MT-1", reason="deadline")
    take(1, now)
    assert (available(), available(reseller_id=posfin.pk), available(reseller_id=posfin.pk + 1)) == (17, 12, 0)


@pytest.mark.django_db(transaction=True)
def test_a_moment_does_not_see_what_comes_meanwhile(stock: Batch, now: datetime) -> None:
    with one_moment():
        before = balances()
        other = connection.copy()
        with other.cursor() as cursor:
            cursor.execute("SELECT meterai_take(3, NULL, now(), now(), 'MT-1')")
        other.close()
        assert balances() == before
    assert balances()[0].reserved == 3
