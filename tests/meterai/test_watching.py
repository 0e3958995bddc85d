import logging
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from meterai import taking, watching
from meterai.models import Batch, LowStock, Reseller, StockCheck
from tests import factories
from tests.meterai.test_forecasting import reserved, sold

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def lose_one(batch: Batch) -> None:
    with connection.cursor() as cursor:
        cursor.execute('SELECT min(id) FROM meterai_extent WHERE batch_id = %s AND next < "end"', [batch.pk])
        cursor.execute('UPDATE meterai_extent SET "end" = "end" - 1 WHERE id = %s', cursor.fetchone())


def counts_anew() -> None:
    """The next look counts all serials, whatever the last count cost."""
    StockCheck.objects.update(seconds=0)


def looked(at: datetime) -> StockCheck:
    check = watching.look(at=at)
    assert check is not None
    return check


def test_a_look_notes_where_all_serials_are_and_what_each_seller_has(
    stock: Batch, posfin: Reseller, now: datetime
) -> None:
    factories.draft(5, at=now)
    factories.lease(posfin, 10, at=now)
    sold(4, at=now, of=posfin)
    reserved(3, at=now)
    looked(now)
    check = watching.newest()
    assert check is not None and (check.at, check.difference) == (now, 0)
    sums = check.balances["sums"]
    assert (sums["imported"], sums["draft"], sums["extents"], sums["reserved"], sums["sold"]) == (35, 5, 23, 3, 4)
    assert check.balances["wrong"] == []
    assert [(one.name, one.available, one.sold_hour) for one in watching.sellers(check)] == [
        ("", 17, 0),
        ("Posfin", 6, 4),
    ]


def test_nothing_was_seen_before_the_first_look(db: None) -> None:
    assert watching.newest() is None


@pytest.mark.breaks_conservation
def test_a_difference_is_named_and_logged_once_until_it_changes(
    stock: Batch, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    other = factories.stock(5, at=now)
    looked(now)
    for minute in range(1, 4):
        if minute == 1:
            lose_one(stock)
        if minute == 3:
            lose_one(other)
        counts_anew()
        check = looked(now + minute * MINUTE)
    assert check.difference == 2 and {row["batch"] for row in check.balances["wrong"]} == {
        stock.reference,
        other.reference,
    }
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 2 and f"{stock.reference}: +1" in errors[0] and other.reference not in errors[0]
    assert "TEST" not in "".join(errors)


@pytest.mark.breaks_conservation
def test_one_lost_here_and_one_too_many_there_are_two_faults(stock: Batch, now: datetime) -> None:
    other = factories.stock(5, at=now)
    lose_one(stock)
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM meterai_extent WHERE batch_id = %s", [other.pk])
        cursor.execute("UPDATE meterai_extent SET next = next - 1 WHERE id = %s", cursor.fetchone())
    check = looked(now)
    assert check.difference == 2 and sorted(row["difference"] for row in check.balances["wrong"]) == [-1, 1]


def test_a_count_that_took_long_is_repeated_later_and_the_levels_are_still_fresh(stock: Batch, now: datetime) -> None:
    looked(now)
    StockCheck.objects.update(seconds=30)
    reserved(3, at=now)
    soon = looked(now + 9 * MINUTE)
    assert (soon.balances["sums"]["reserved"], watching.sellers(soon)[0].reserved) == (0, 3)
    assert watching.counted_ago(soon, at=soon.at) == 9 * MINUTE
    later = looked(now + 10 * MINUTE)
    assert later.balances["sums"]["reserved"] == 3 and watching.counted_ago(later, at=later.at) == timedelta()


def test_every_minute_is_kept_for_two_days_then_one_an_hour_then_none(db: None, now: datetime) -> None:
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
    ages = [100 * DAY, 10 * DAY, 10 * DAY - MINUTE, 10 * DAY - HOUR, DAY, DAY - MINUTE]
    for age in ages:
        StockCheck.objects.create(
            at=noon - age, seconds=0, difference=0, balances={"at": noon.isoformat(), "wrong": []}, forecasts=[]
        )
    looked(noon)
    kept = [noon - at for at in StockCheck.objects.order_by("at").values_list("at", flat=True)]
    assert kept == [10 * DAY, 10 * DAY - HOUR, DAY, DAY - MINUTE, timedelta()]


# --- who runs low ----------------------------------------------------------------------------------------------


def lows() -> list[tuple[int | None, int, bool]]:
    rows = LowStock.objects.order_by("pk")
    return [(row.reseller_id, row.level, row.ended_at is None) for row in rows]


def low_flags(check: StockCheck) -> list[bool]:
    return [one.is_low for one in watching.sellers(check)]


def test_a_seller_is_low_under_its_threshold_and_not_at_it(
    stock: Batch, posfin: Reseller, now: datetime, settings: Any
) -> None:
    settings.LOW_STOCK_THRESHOLD = 20
    Reseller.objects.update(low_stock_threshold=10)
    factories.lease(posfin, 10, at=now)
    assert low_flags(looked(now)) == [False, False] and lows() == []
    reserved(1, at=now, of=posfin)
    assert low_flags(looked(now + MINUTE)) == [False, True] and lows() == [(posfin.pk, 9, True)]
    reserved(2, at=now)
    assert low_flags(looked(now + 2 * MINUTE)) == [True, True]
    assert lows() == [(posfin.pk, 9, True), (None, 18, True)]


def test_it_is_over_only_a_tenth_above_the_threshold(stock: Batch, now: datetime, settings: Any) -> None:
    settings.LOW_STOCK_THRESHOLD = 20
    held = reserved(12, at=now)
    looked(now)
    taking.release(serials=held[:3], at=now, reference="T-1", reason="wish")
    assert low_flags(looked(now + MINUTE)) == [True], "21 of 20 swings back at once"
    taking.release(serials=held[3:4], at=now, reference="T-1", reason="wish")
    assert low_flags(looked(now + 2 * MINUTE)) == [False]
    assert LowStock.objects.get().ended_at == now + 2 * MINUTE
    reserved(5, at=now)
    looked(now + 3 * MINUTE)
    assert [is_open for *_row, is_open in lows()] == [False, True]


def test_a_threshold_of_zero_never_warns_and_ends_what_is_open(posfin: Reseller, now: datetime) -> None:
    Reseller.objects.update(low_stock_threshold=5)
    looked(now)
    assert lows() == [(posfin.pk, 0, True)]
    Reseller.objects.update(low_stock_threshold=0)
    looked(now + MINUTE)
    assert lows() == [(posfin.pk, 0, False)]


def test_a_reseller_that_is_switched_off_is_no_longer_low(posfin: Reseller, now: datetime) -> None:
    Reseller.objects.update(low_stock_threshold=5)
    looked(now)
    Reseller.objects.update(is_active=False)
    looked(now + MINUTE)
    assert lows() == [(posfin.pk, 0, False)]


@pytest.mark.parametrize("official", [True, False])
def test_the_database_refuses_a_second_open_row(official: bool, posfin: Reseller, now: datetime) -> None:
    def begin() -> None:
        seller = None if official else posfin
        LowStock.objects.create(reseller=seller, threshold=5, level=1, began_at=now)

    begin()
    with pytest.raises(IntegrityError, match="low_stock_open_once"):
        begin()


def test_the_database_refuses_a_low_stock_that_is_not_low(db: None, now: datetime) -> None:
    with pytest.raises(IntegrityError, match="low_stock_is_low"):
        LowStock.objects.create(threshold=5, level=5, began_at=now)


# --- more than one worker --------------------------------------------------------------------------------------


def elsewhere(do: Any) -> threading.Thread:
    """Run it on a connection of its own."""

    def run() -> None:
        try:
            do()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
def test_a_worker_leaves_it_to_the_one_who_is_looking(now: datetime) -> None:
    answers: list[StockCheck | None] = []
    with transaction.atomic():
        looked(now)
        elsewhere(lambda: answers.append(watching.look(at=now))).join()
    assert answers == [None] and StockCheck.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_row_that_another_one_opens_in_the_same_moment_is_no_error(now: datetime, settings: Any) -> None:
    settings.LOW_STOCK_THRESHOLD = 5
    written, waits = threading.Event(), threading.Event()

    def another() -> None:
        with transaction.atomic():
            LowStock.objects.create(threshold=5, level=3, began_at=now)
            written.set()
            assert waits.wait(30)

    def commit_once_somebody_waits() -> None:
        with connection.cursor() as cursor:
            for _try in range(100_000):
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                if cursor.fetchone()[0]:
                    break
        waits.set()

    threads = [elsewhere(another)]
    assert written.wait(30)
    threads.append(elsewhere(commit_once_somebody_waits))
    assert low_flags(looked(now)) == [True]
    for thread in threads:
        thread.join()
    assert lows() == [(None, 3, True)]
