from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from meterai import forecasting, taking
from meterai.forecasting import Forecast
from meterai.models import Batch, Movement, Reseller
from tests import factories

pytestmark = pytest.mark.django_db
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def reserved(quantity: int, *, at: datetime, of: Reseller | None = None) -> list[str]:
    return taking.take(quantity=quantity, reseller=of, until=at + HOUR, at=at, reference="T-1")


def sold(quantity: int, *, at: datetime, of: Reseller | None = None) -> list[str]:
    serials = reserved(quantity, at=at, of=of)
    taking.sell(serials=serials, at=at, reference="T-1")
    return serials


def a_forecast(**changes: Any) -> Forecast:
    """Nothing in stock and nothing sold."""
    nothing = dict.fromkeys(
        ("available", "reserved", "sold_ten_minutes", "sold_hour", "sold_three_hours", "threshold"), 0
    )
    return Forecast(**({"reseller_id": None, "code": "", "name": ""} | nothing | changes))


def test_each_seller_has_its_own_stock_and_its_own_rate(stock: Batch, posfin: Reseller, now: datetime) -> None:
    factories.lease(posfin, 10, at=now)
    sold(4, at=now - 20 * MINUTE, of=posfin)
    sold(2, at=now - 30 * MINUTE)
    reserved(3, at=now)
    official, its = forecasting.forecasts(at=now)
    assert (official.reseller_id, official.available, official.reserved, official.sold_hour) == (None, 15, 3, 2)
    assert (its.name, its.available, its.reserved, its.per_hour, its.hours_left) == ("Posfin", 6, 0, 4, 1.5)
    assert its.ends_at(now) == now + 90 * MINUTE


def test_what_was_sold_longer_ago_than_three_hours_or_only_refunded_now_is_no_rate(stock: Batch, now: datetime) -> None:
    old = sold(5, at=now - 3 * HOUR - MINUTE)
    taking.refund(serials=old, at=now, reference="T-1", reason="asked")
    taking.affix(serial=sold(1, at=now - 4 * HOUR)[0], at=now, reference="T-1")
    assert forecasting.forecasts(at=now)[0].per_hour == 0
    assert forecasting.forecasts(at=now - 2 * HOUR)[0].sold_three_hours == 6


def test_a_busy_hour_counts_more_than_the_quiet_ones_before_it(stock: Batch, now: datetime) -> None:
    sold(6, at=now - 2 * HOUR)
    assert forecasting.forecasts(at=now)[0].per_hour == 2
    sold(6, at=now - 30 * MINUTE)
    assert forecasting.forecasts(at=now)[0].per_hour == 6


def test_a_rush_shows_within_ten_minutes_and_one_large_order_is_none(db: None, now: datetime) -> None:
    factories.stock(400, at=now)
    sold(50, at=now - MINUTE)
    assert forecasting.forecasts(at=now)[0].per_hour == 50
    sold(50, at=now - 2 * MINUTE)
    assert forecasting.forecasts(at=now)[0].per_hour == 600


def test_a_seller_without_sales_has_no_end(stock: Batch, now: datetime) -> None:
    official = forecasting.forecasts(at=now)[0]
    assert (official.hours_left, official.ends_at(now)) == (None, None)


def test_an_end_that_is_too_far_away_is_not_named(now: datetime) -> None:
    assert a_forecast(available=2_000_000_000, sold_hour=1).ends_at(now) is None


def test_a_reseller_that_was_switched_off_is_shown_while_it_holds_stock(
    stock: Batch, posfin: Reseller, now: datetime
) -> None:
    factories.reseller("kosong")
    factories.lease(posfin, 1, at=now)
    Reseller.objects.update(is_active=False, low_stock_threshold=100)
    _official, switched_off = forecasting.forecasts(at=now)
    assert (switched_off.code, switched_off.available, switched_off.threshold) == ("posfin", 1, 0)


def test_the_number_of_sellers_costs_no_query(
    stock: Batch, now: datetime, settings: Any, django_assert_num_queries: Any
) -> None:
    settings.LOW_STOCK_THRESHOLD = 7
    for number in range(20):
        factories.lease(factories.reseller(f"r{number}", low_stock_threshold=number), 1, at=now)
    with django_assert_num_queries(4):
        seen = forecasting.forecasts(at=now)
    assert sorted(one.threshold for one in seen) == sorted([7, *range(20)])


def test_only_the_end_of_the_book_is_read(stock: Batch, now: datetime) -> None:
    Movement.objects.bulk_create(
        Movement(at=now - (20_000 - n) * MINUTE, batch=stock, source="reserved", target="sold", quantity=1)
        for n in range(20_000)
    )
    since = {"ten_minutes": now - 10 * MINUTE, "hour": now - HOUR, "three_hours": now - 3 * HOUR, "at": now}
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE meterai_movement")
        cursor.execute(f"EXPLAIN {forecasting._SOLD}", since)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "movement_at" in plan and "Seq Scan" not in plan


@pytest.mark.parametrize(
    ("available", "an_hour", "words"),
    [
        (0, 5, "habis"),
        (10, 0, "tidak ada penjualan"),
        (1, 1000, "kira-kira 1 menit"),
        (90, 60, "kira-kira 90 menit"),
        (50, 10, "kira-kira 5 jam"),
        (480, 10, "kira-kira 2 hari"),
        (7200, 10, "kira-kira 30 hari"),
        (7201, 10, "lebih dari 30 hari"),
    ],
)
def test_the_time_left_is_said_in_words(available: int, an_hour: int, words: str) -> None:
    assert a_forecast(available=available, sold_hour=an_hour).in_words() == words


def test_a_forecast_is_read_back_as_it_was_kept_and_older_ones_with_what_they_have() -> None:
    one = a_forecast(reseller_id=3, code="posfin", name="Posfin", available=9, is_low=True)
    kept = vars(one)
    assert forecasting.read_back(kept | {"unknown": 1}) == one
    assert forecasting.read_back({"available": 9}) == a_forecast(available=9)
