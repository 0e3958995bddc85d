"""Stock for a collector of metrics (Prometheus text format 0.0.4), from the newest check: one row is read a scrape."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.module_loading import import_string
from django.views.decorators.http import require_safe

from . import watching
from .models import StockCheck

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# No reseller's code has a space in it.
OFFICIAL = "official shop"


@dataclass(frozen=True)
class Gauge:
    """One metric: its name, what it tells, and a value for each set of labels."""

    name: str
    meaning: str
    samples: Sequence[tuple[Mapping[str, str], float]]

    def lines(self) -> Iterable[str]:
        """As the collector reads it."""
        yield f"# HELP {self.name} {_escaped(self.meaning)}"
        yield f"# TYPE {self.name} gauge"
        for labels, value in self.samples:
            named = ",".join(f'{key}="{_escaped(text, quotes=True)}"' for key, text in labels.items())
            yield f"{self.name}{{{named}}} {_written(value)}" if named else f"{self.name} {_written(value)}"


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Every gauge, to who sends METRICS_TOKEN as its bearer token; there is no such page for anybody else."""
    given = request.headers.get("Authorization", "")
    if not settings.METRICS_TOKEN or not constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}"):
        raise Http404
    gauges = stock_gauges(watching.newest(), at=timezone.now())
    for source in settings.METRIC_SOURCES:
        gauges += import_string(source)(at=timezone.now())
    return HttpResponse("".join(f"{line}\n" for gauge in gauges for line in gauge.lines()), content_type=CONTENT_TYPE)


def stock_gauges(check: StockCheck | None, *, at: datetime) -> list[Gauge]:
    """What the newest check saw; before the first one only that nobody has looked yet."""
    age = (at - check.at).total_seconds() if check else math.inf
    gauges = [_alone("meterai_stock_check_age_seconds", "Since somebody looked at the stock.", age)]
    return gauges if check is None else [*gauges, *_counted(check, at), *_by_seller(check)]


def _counted(check: StockCheck, at: datetime) -> list[Gauge]:
    sums = check.balances["sums"]
    places = [({"place": place}, sums[place]) for place in watching.PLACES]
    ago = watching.counted_ago(check, at=at).total_seconds()
    return [
        _alone("meterai_stock_count_age_seconds", "Since all serials were counted.", ago),
        _alone("meterai_stock_count_duration_seconds", "How long counting them took.", check.seconds),
        _alone("meterai_stock_imported_serials", "Serials ever imported.", sums["imported"]),
        Gauge("meterai_stock_serials", "Where the imported serials are.", places),
        _alone(
            "meterai_stock_difference_serials",
            "Lost or made from nothing: anything but 0 is a fault.",
            check.difference,
        ),
    ]


def _by_seller(check: StockCheck) -> list[Gauge]:
    seen = [({"seller": one.code or OFFICIAL}, one) for one in watching.sellers(check)]

    def gauge(name: str, meaning: str, values: Iterable[float]) -> Gauge:
        samples = [(labels, value) for (labels, _one), value in zip(seen, values, strict=True)]
        return Gauge(f"meterai_stock_{name}", meaning, samples)

    rows = [one for _labels, one in seen]
    return [
        gauge("available_serials", "What the seller can still sell.", (one.available for one in rows)),
        gauge("reserved_serials", "Reserved and not paid yet.", (one.reserved for one in rows)),
        gauge("sold_per_hour", "The rate of sale that the forecast goes by.", (one.per_hour for one in rows)),
        gauge(
            "hours_left",
            "Until nothing is available at that rate; +Inf while nothing is sold.",
            (math.inf if one.hours_left is None else one.hours_left for one in rows),
        ),
        gauge("low", "1 while the stock is under the seller's threshold.", (one.is_low for one in rows)),
    ]


def _alone(name: str, meaning: str, value: float) -> Gauge:
    return Gauge(name, meaning, [({}, value)])


def _escaped(text: str, *, quotes: bool = False) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quotes else text


def _written(value: float) -> str:
    """A number as the format has it; counts without a point."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(float(value))
