"""Due times count working hours, Monday to Friday, 8 to 17 WIB."""

from datetime import datetime

import pytest

from support import clocks


def wib(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=clocks.WIB)


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        ("2026-09-01 10:00", 1, "2026-09-02 10:00"),  # Tuesday
        ("2026-09-01 10:00", 2, "2026-09-03 10:00"),
        ("2026-09-04 16:30", 1, "2026-09-07 16:30"),  # Friday, over the weekend
        ("2026-09-05 12:00", 1, "2026-09-07 17:00"),  # Saturday: all of Monday
        ("2026-09-01 03:00", 1, "2026-09-01 17:00"),  # at night: all of that day
        ("2026-09-01 17:00", 1, "2026-09-02 17:00"),  # at closing time
        ("2026-09-04 23:00", 5, "2026-09-11 17:00"),
    ],
)
def test_a_due_time_skips_nights_and_weekends(start: str, days: int, due: str) -> None:
    assert clocks.working_days_after(start=wib(start), days=days) == wib(due)


def test_a_due_time_does_not_depend_on_the_zone_it_is_asked_in() -> None:
    start = wib("2026-09-01 10:00")
    in_utc = start.astimezone(tz=datetime.fromisoformat("2026-01-01T00:00:00+00:00").tzinfo)
    assert clocks.answer_due(since=in_utc) == clocks.answer_due(since=start)
