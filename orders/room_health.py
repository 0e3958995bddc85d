"""The shop's health, from what all web processes told in the last seconds and from its own tables."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import redis
from django.conf import settings
from django.utils.module_loading import import_string

from . import pulse
from .rooms.admission import Signal

log = logging.getLogger(__name__)

# A process that said nothing for so long is silent.
SILENT = 5.0  # seconds
# Fewer answers than this say nothing about the share of errors.
FEW_ANSWERS = 20


@dataclass(frozen=True, kw_only=True)
class Health:
    """What was measured. `arrivals`: people who came while there was no queue, by process and room, since it began."""

    values: dict[str, float] = field(default_factory=dict)
    arrivals: dict[tuple[str, str], int] = field(default_factory=dict)
    strips: dict[int, int] = field(default_factory=dict)
    is_silent: bool = True

    def signals(self, limits: dict[str, float]) -> list[Signal]:
        """Each value against the room's setting; one without a setting is not judged."""
        return [
            Signal(name, value, float(limits[name])) for name, value in sorted(self.values.items()) if name in limits
        ]


def measure(source: Any, *, at: datetime) -> Health:
    """Ask Valkey and the tables. Valkey lost is silence; a table that does not answer raises its DatabaseError."""
    values = dict(_from_tables(at))
    try:
        told = pulse.reports(source, at=at.timestamp(), younger_than=SILENT)
    except redis.RedisError:
        log.warning("the pulse of the web processes cannot be read")
        return Health(values=values)
    return Health(
        values=values | _values(told.values()),
        arrivals={(name, room): count for name, report in told.items() for room, count in report["arrivals"].items()},
        strips={int(strip): used for report in told.values() for strip, used in report["strips"].items()},
        is_silent=not told,
    )


def high(samples: list[float]) -> float | None:
    """The 95th percentile; of fewer than forty the second highest, for one may always be slow. None for one or none."""
    if len(samples) < 2:
        return None
    return sorted(samples, reverse=True)[max(1, len(samples) // 20)]


def _values(reports: Iterable[dict[str, Any]]) -> dict[str, float]:
    reports = list(reports)
    values = {}
    steps: dict[str, list[float]] = {}
    for report in reports:
        for name, samples in report["steps"].items():
            steps.setdefault(name, []).extend(samples)
    for name, samples in steps.items():
        if (value := high(samples)) is not None:
            values[name] = value
    if reports:
        values["pool"] = max(report["pool"] for report in reports)
    if (answers := sum(report["answers"] for report in reports)) >= FEW_ANSWERS:
        values["errors"] = sum(report["errors"] for report in reports) / answers
    return values


def _from_tables(at: datetime) -> Iterable[tuple[str, float]]:
    for name in settings.ROOMS.signals:
        if (told := import_string(name)(at=at)) is not None:
            yield told
