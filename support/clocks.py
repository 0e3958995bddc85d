"""By when something is due, in working days. Pure functions: no clock is read and no row is touched.

A working day is Monday to Friday, 8 to 17 WIB (UTC+7, no summer time). Indonesian holidays and joint leave are not
known here yet: a due time with one in between comes too early, never too late.
"""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils.formats import date_format

WIB = ZoneInfo("Asia/Jakarta")
OPENS = time(8)
CLOSES = time(17)
WORKING_DAY = timedelta(hours=9)

ACCEPT_DAYS = 1
ANSWER_DAYS = 2
RESOLVE_DAYS = 5


def accept_due(*, since: datetime) -> datetime:
    """By when a body must have said something on a ticket that reached it at `since`."""
    return working_days_after(start=since, days=ACCEPT_DAYS)


def answer_due(*, since: datetime) -> datetime:
    """By when a person who complained at `since` has an answer."""
    return working_days_after(start=since, days=ANSWER_DAYS)


def resolve_due(*, since: datetime) -> datetime:
    """By when the matter that a person complained of at `since` is put right."""
    return working_days_after(start=since, days=RESOLVE_DAYS)


def working_days_after(*, start: datetime, days: int) -> datetime:
    """The moment, in WIB, at which `days` times nine working hours have passed since `start` (an aware time)."""
    moment, left = _next_open(start.astimezone(WIB)), WORKING_DAY * days
    while left > (today := _at(moment, CLOSES) - moment):
        left -= today
        moment = _next_open(moment + today)
    return moment + left


def written(moment: datetime) -> str:
    """A due time in the words of the active language: Rabu, 2 September 2026, 10.00 WIB."""
    local = moment.astimezone(WIB)
    return f"{date_format(local, 'l')}, {date_format(local, 'DATETIME_FORMAT')} WIB"


def _next_open(moment: datetime) -> datetime:
    """`moment` itself when people are at work then, else when they next begin."""
    while moment.weekday() >= 5 or moment >= _at(moment, CLOSES):
        moment = _at(moment + timedelta(days=1), OPENS)
    return max(moment, _at(moment, OPENS))


def _at(day: datetime, clock: time) -> datetime:
    return datetime.combine(day.date(), clock, WIB)
