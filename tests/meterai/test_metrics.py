import math
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from meterai import metrics, watching
from meterai.metrics import Gauge
from meterai.models import Batch, Reseller, StockCheck
from tests import factories
from tests.meterai.test_forecasting import reserved, sold

TOKEN = "a-token-of-the-collector"
SAMPLE = re.compile(r'^([a-z_]+)(?:\{(\w+)="((?:[^"\\\n]|\\["\\n])*)"\})? ([+-]?(?:Inf|[0-9.e+-]+))$')


@pytest.fixture
def collector(settings: Any) -> Client:
    settings.METRICS_TOKEN = TOKEN
    settings.METRIC_SOURCES = []  # the stock alone: what upper apps add is tested there
    return Client(headers={"Authorization": f"Bearer {TOKEN}"})


def values(answer: Any) -> dict[tuple[str, str], float]:
    """Every sample, by name and label; fails on a line that the format does not know."""
    assert answer.status_code == 200
    found = {}
    for line in answer.content.decode().splitlines():
        if not line.startswith(("# HELP ", "# TYPE ")):
            sample = SAMPLE.match(line)
            assert sample, line
            found[sample[1], sample[3] or ""] = float(sample[4])
    return found


def test_the_collector_reads_stock_forecast_and_conservation(
    collector: Client, stock: Batch, posfin: Reseller, now: datetime
) -> None:
    Reseller.objects.update(low_stock_threshold=100)
    factories.lease(posfin, 10, at=now)
    sold(4, at=now, of=posfin)
    reserved(3, at=now)
    watching.look(at=now)
    found = values(collector.get("/metrics"))
    assert found["meterai_stock_available_serials", "posfin"] == 6
    assert found["meterai_stock_available_serials", "official shop"] == 17
    assert found["meterai_stock_reserved_serials", "official shop"] == 3
    assert found["meterai_stock_sold_per_hour", "posfin"] == 4
    assert found["meterai_stock_hours_left", "posfin"] == 1.5
    assert found["meterai_stock_hours_left", "official shop"] == math.inf
    assert (found["meterai_stock_low", "posfin"], found["meterai_stock_low", "official shop"]) == (1, 0)
    assert sum(found["meterai_stock_serials", place] for place in watching.PLACES) == 30
    assert found["meterai_stock_imported_serials", ""] == 30
    assert found["meterai_stock_difference_serials", ""] == 0
    assert 0 <= found["meterai_stock_check_age_seconds", ""] < 60


def test_a_difference_and_an_old_check_show(collector: Client, stock: Batch, now: datetime) -> None:
    watching.look(at=now - timedelta(hours=1))
    StockCheck.objects.update(difference=2)
    found = values(collector.get("/metrics"))
    assert found["meterai_stock_difference_serials", ""] == 2
    assert 3600 <= found["meterai_stock_check_age_seconds", ""] < 3660


@pytest.mark.django_db
def test_before_the_first_look_the_age_is_infinite_and_nothing_else_is_said(collector: Client) -> None:
    assert values(collector.get("/metrics")) == {("meterai_stock_check_age_seconds", ""): math.inf}


def test_a_scrape_reads_one_row_whatever_the_stock(collector: Client, stock: Batch, now: datetime) -> None:
    for number in range(5):
        factories.lease(factories.reseller(f"r{number}"), 1, at=now)
    watching.look(at=now)
    with CaptureQueriesContext(connection) as asked:
        answer = collector.get("/metrics")
    assert len(asked) == 1 and "meterai_stockcheck" in asked[0]["sql"]
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("given", ["", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN, "Bearer ", "Bearer é"])
@pytest.mark.django_db
def test_without_the_token_there_is_no_such_page(given: str, collector: Client) -> None:
    assert Client(headers={"Authorization": given}).get("/metrics").status_code == 404


@pytest.mark.parametrize("given", ["", "Bearer ", "Bearer"])
@pytest.mark.django_db
def test_with_no_token_set_nobody_reads_it(given: str, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert Client(headers={"Authorization": given}).get("/metrics").status_code == 404


@pytest.mark.django_db
def test_metrics_take_no_post(collector: Client) -> None:
    assert collector.post("/metrics").status_code == 405


def test_labels_and_meanings_are_escaped() -> None:
    gauge = Gauge("x", 'a\\b\n"c"', [({"seller": 'a\\b\n"c"'}, 1)])
    assert list(gauge.lines()) == [r'# HELP x a\\b\n"c"', "# TYPE x gauge", r'x{seller="a\\b\n\"c\""} 1']


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (True, "1"), (12.0, "12"), (1.5, "1.5"), (100_000_000, "100000000"), (math.inf, "+Inf")],
)
def test_numbers_are_written_as_the_format_has_them(value: float, written: str) -> None:
    assert list(Gauge("x", "y", [({}, value)]).lines())[-1] == f"x {written}"


def test_the_gauges_of_one_name_stand_together(stock: Batch, now: datetime) -> None:
    watching.look(at=now)
    names = [gauge.name for gauge in metrics.stock_gauges(watching.newest(), at=now)]
    assert len(names) == len(set(names))
