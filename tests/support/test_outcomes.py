"""What is measured of the service, by what really happened to people, and what it is called."""

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test import Client
from django.utils import timezone

from meterai import states, watching
from meterai.models import Batch, User
from orders import paying
from orders.models import Order
from orders.payments.gateway import Status
from stamping.models import Document
from support import counting, judging, middleware, outcomes
from support.judging import Figures, Reason
from support.models import Component, Day, Health, Incident, Measurement, Outcome, Severity, Tally
from support.models import Ticket as SupportTicket
from tests import factories

pytestmark = pytest.mark.django_db
TICK = timedelta(seconds=10)


@pytest.fixture(autouse=True)
def nothing_pending() -> Iterator[None]:
    """Each test begins with no count in memory, and no rest to wait out."""
    counting._pending.clear()
    counting._due = 0.0
    yield
    counting._pending.clear()
    counting._due = 0.0


def seen(at: datetime) -> dict[str, Any]:
    """The verdict after what happened before `at`: a look counts what was written before the look ahead of it."""
    for step in range(3):
        row = outcomes.measure(at=at + step * TICK)
    assert row is not None
    return dict(row.verdict)


def queued(order: Order, *, at: datetime) -> Document:
    """A document that waits for its seal."""
    line = order.lines.get()
    return Document.objects.create(
        id=uuid.uuid4(),
        state=Document.State.QUEUED,
        order=order,
        stamp_id=line.serial_id,
        name="surat.pdf",
        source="x",
        source_sha256="0" * 64,
        page=1,
        x=10,
        y=10,
        size=86,
        created_at=at,
        confirmed_at=at,
        queued_at=at,
    )


# --- judging


def judged(*, promise: float = 100, sold_out: bool = False, **figures: Any) -> judging.Verdict:
    return judging.judge(Figures(**figures), normal_percent=98, promise=promise, sold_out=sold_out)


@pytest.mark.parametrize(
    ("figures", "health"),
    [
        ({}, Health.UNKNOWN),
        ({"done": 2}, Health.UNKNOWN),
        ({"done": 3}, Health.NORMAL),
        ({"done": 98, "failed": 2}, Health.NORMAL),
        ({"done": 97, "failed": 3}, Health.DISTURBED),
        ({"done": 50, "failed": 50}, Health.DISTURBED),
        ({"done": 49, "failed": 51}, Health.DOWN),
        ({"done": 0, "failed": 3}, Health.DOWN),
        ({"done": 10, "slow": 2}, Health.NORMAL),
        ({"done": 10, "slow": 3}, Health.SLOW),
        ({"done": 10, "waiting": 1, "oldest": 100}, Health.NORMAL),
        ({"done": 10, "waiting": 1, "oldest": 101}, Health.SLOW),
        ({"done": 10, "waiting": 1, "oldest": 1001}, Health.DISTURBED),
        ({"waiting": 1, "oldest": 1001}, Health.DOWN),
        ({"waiting": 1, "oldest": 5}, Health.UNKNOWN),
        ({"ended": 9}, Health.UNKNOWN),
        ({"ended": 10}, Health.DISTURBED),
    ],
)
def test_a_health_follows_from_figures_alone(figures: dict[str, Any], health: Health) -> None:
    assert judged(**figures).health == health


def test_without_a_measured_rate_nothing_is_ever_normal() -> None:
    for waiting in (0, 1):
        for done in range(judging.LEAST_TRIES):
            assert judged(done=done, waiting=waiting, oldest=0.0).health != Health.NORMAL


def test_an_empty_shop_is_not_normal_however_well_it_sold() -> None:
    assert judged(done=100, sold_out=True) == judging.Verdict(Health.DISTURBED, (Reason.SOLD_OUT,))


def test_an_open_incident_never_leaves_a_component_better_than_its_severity() -> None:
    normal = judging.Verdict(Health.NORMAL)
    healths = [judging.under(normal, [one]).health for one in Severity]
    assert healths == [Health.SLOW, Health.DISTURBED, Health.DOWN]
    assert judging.under(judging.Verdict(Health.DOWN), ["minor"]).health == Health.DOWN


def test_what_is_not_measured_weighs_more_than_normal_and_less_than_trouble() -> None:
    assert judging.worst([Health.NORMAL, Health.UNKNOWN]) == Health.UNKNOWN
    assert judging.worst([Health.UNKNOWN, Health.SLOW]) == Health.SLOW


# --- measuring


def test_before_anything_happened_nothing_is_called_normal(now: datetime) -> None:
    assert {one["health"] for one in seen(now).values()} == {Health.UNKNOWN}


def test_orders_written_make_buying_normal(stock: Batch, now: datetime) -> None:
    outcomes.measure(at=now - TICK)
    for _ in range(3):
        factories.order(at=now, quantity=1)
    buying = seen(now)["buying"]
    assert (buying["health"], buying["done"], buying["success"]) == (Health.NORMAL, 3, 1.0)


def test_an_order_is_counted_once_however_often_it_is_looked_at(stock: Batch, now: datetime) -> None:
    outcomes.measure(at=now - TICK)
    factories.order(at=now, quantity=1)
    for step in range(6):
        row = outcomes.measure(at=now + step * TICK)
    assert row is not None and row.verdict["buying"]["done"] == 1


def test_an_order_that_is_in_the_book_and_was_seen_in_the_web_is_one(stock: Batch, now: datetime) -> None:
    outcomes.measure(at=now - TICK)
    for _ in range(3):
        factories.order(at=now, quantity=1)
        counting.count(Component.BUYING, Outcome.DONE, at=now)
    counting.write(at=now)
    assert seen(now)["buying"]["done"] == 3


def test_tries_that_broke_count_against_those_that_went_well(stock: Batch, now: datetime) -> None:
    outcomes.measure(at=now - TICK)
    for _ in range(3):
        factories.order(at=now, quantity=1)
        counting.count(Component.BUYING, Outcome.FAILED, at=now)
    counting.write(at=now)
    buying = seen(now)["buying"]
    assert (buying["health"], buying["failed"], buying["reasons"]) == (Health.DISTURBED, 3, ["failures"])


def test_money_that_came_makes_paying_normal_and_expired_attempts_do_not_spoil_it(stock: Batch, now: datetime) -> None:
    outcomes.measure(at=now - TICK)
    for status in (Status.PAID, Status.PAID, Status.PAID, Status.EXPIRED):
        payment = factories.asked_for(factories.order(at=now, quantity=1), at=now)
        paying.settle(payment=payment, standing=factories.standing(payment, status, at=now), at=now)
    told = seen(now)["paying"]
    assert (told["health"], told["done"], told["ended"]) == (Health.NORMAL, 3, 1)


def test_a_gateway_that_takes_nothing_up_is_seen_by_what_waits(stock: Batch, now: datetime) -> None:
    factories.order(at=now - timedelta(minutes=20), quantity=1)
    paying_ = seen(now)["paying"]
    assert paying_["health"] in (Health.SLOW, Health.DISTURBED, Health.DOWN)
    assert paying_["waiting"] == 1


def test_documents_that_wait_too_long_are_told(sold: Callable[..., Order], now: datetime) -> None:
    queued(sold(), at=now - timedelta(minutes=5))
    told = seen(now)["affixing"]
    assert (told["health"], told["waiting"], told["reasons"]) == (Health.SLOW, 1, ["waiting"])
    assert told["oldest"] >= 300


def test_a_queue_in_which_nothing_moves_is_down(sold: Callable[..., Order], now: datetime) -> None:
    queued(sold(), at=now - timedelta(hours=1))
    assert seen(now)["affixing"]["reasons"] == ["standstill"]


def test_a_seal_later_than_promised_counts_as_slow(sold: Callable[..., Order], now: datetime) -> None:
    outcomes.measure(at=now - TICK)
    for minutes in (0, 10, 10):
        document = queued(sold(), at=now - timedelta(minutes=minutes))
        moved = {"output": "x", "output_sha256": "1" * 64, "sealed_at": now}
        states.move(document, to=Document.State.SEALED, at=now, actor="worker", **moved)
    told = seen(now)["affixing"]
    assert (told["done"], told["slow"], told["health"]) == (3, 2, Health.SLOW)


@pytest.mark.parametrize(("reason", "failed"), [("engine", 1), ("missing", 1), ("unanswered", 1), ("certified", 0)])
def test_a_file_given_back_for_its_own_faults_is_no_failure_of_ours(
    sold: Callable[..., Order], now: datetime, reason: str, failed: int
) -> None:
    outcomes.measure(at=now - TICK)
    states.move(queued(sold(), at=now), to=Document.State.FAILED, at=now, reason=reason, actor="worker")
    assert seen(now)["affixing"]["failed"] == failed


def test_complaints_written_make_complaining_normal(complain: Callable[..., SupportTicket], now: datetime) -> None:
    outcomes.measure(at=now - TICK)
    for _ in range(3):
        complain(at=now)
    assert seen(now)["complaining"]["health"] == Health.NORMAL


def test_letters_that_do_not_leave_make_complaining_slow(complain: Callable[..., SupportTicket], now: datetime) -> None:
    complain(at=now - timedelta(minutes=30))
    assert seen(now)["complaining"]["reasons"] == ["waiting"]


def test_an_empty_official_shop_is_told(now: datetime) -> None:
    watching.look(at=now)
    assert seen(now)["buying"]["reasons"] == ["sold_out"]


def test_a_quiet_quarter_is_judged_by_its_hour(stock: Batch, now: datetime) -> None:
    for _ in range(3):
        counting.count(Component.VERIFYING, Outcome.DONE, at=now - timedelta(minutes=40))
    counting.write(at=now)
    told = seen(now)["verifying"]
    assert (told["health"], told["minutes"]) == (Health.NORMAL, 60)


def test_what_is_older_than_an_hour_is_no_measurement(now: datetime) -> None:
    for _ in range(9):
        counting.count(Component.VERIFYING, Outcome.DONE, at=now - timedelta(minutes=80))
    counting.write(at=now)
    assert seen(now)["verifying"]["health"] == Health.UNKNOWN


def test_two_publishers_measure_once(now: datetime) -> None:
    first, second = outcomes.measure(at=now), outcomes.measure(at=now + timedelta(seconds=1))
    assert first == second
    assert Measurement.objects.count() == 1


def test_a_day_adds_up_from_the_time_between_looks(now: datetime) -> None:
    at = now.replace(hour=5, minute=0)  # noon in Jakarta: the looks are of one day
    for step in range(4):
        outcomes.measure(at=at + step * TICK)
    assert list(Day.objects.values_list("unknown", flat=True)) == [30] * len(Component)


def test_a_day_with_an_open_incident_was_no_better_than_it(gudang: User, now: datetime) -> None:
    at = now.replace(hour=5, minute=0)
    Incident.objects.create(
        code="GG-TEST-TEST",
        title_id="x",
        title_en="x",
        text_id="x",
        text_en="x",
        components=["affixing"],
        cause="issuer",
        severity="critical",
        begun_at=at,
        opened_by=gudang,
    )
    for step in range(2):
        outcomes.measure(at=at + step * TICK)
    assert set(Day.objects.values_list("component", "down")) == {
        (one.value, 10 if one == Component.AFFIXING else 0) for one in Component
    }


def test_a_silence_between_looks_belongs_to_nobody(now: datetime) -> None:
    outcomes.measure(at=now)
    outcomes.measure(at=now + timedelta(minutes=10))
    assert not Day.objects.exists()


def test_old_looks_and_counts_go_and_ninety_days_stay(now: datetime) -> None:
    outcomes.measure(at=now - timedelta(days=3))
    Tally.objects.create(minute=now - timedelta(days=3), component="buying", outcome="failed", n=1)
    for ago in (89, 91):
        day = timezone.localdate(now - timedelta(days=ago))
        Day.objects.create(day=day, component="buying", normal=60)
    outcomes.measure(at=now)
    assert (Measurement.objects.count(), Tally.objects.count(), Day.objects.count()) == (1, 0, 1)


@pytest.mark.parametrize("name", ["_ENDED", "_LATE", "_QUEUED", "_UNTOLD", "_NEWEST_FLIP"])
def test_no_measurement_walks_a_table(name: str, now: datetime) -> None:
    values = {"first": 1, "last": 9, "since": now, "ours": ["engine"], "promise": 120, "most": 100}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {getattr(outcomes, name)}", values)
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("SET LOCAL enable_seqscan = on")
    assert "Seq Scan" not in plan, plan
    assert "Index" in plan, plan


# --- counting


@pytest.fixture
def counted(settings: Any) -> None:
    """The site counts how tries end."""
    name = "support.middleware.CountOutcomes"
    settings.MIDDLEWARE = [name, *(one for one in settings.MIDDLEWARE if one != name)]


def tallies() -> list[tuple[str, str, int]]:
    return list(Tally.objects.order_by("component", "outcome").values_list("component", "outcome", "n"))


@pytest.mark.usefixtures("counted")
def test_a_check_that_was_answered_is_counted(client: Client) -> None:
    assert client.post("/periksa/", {"serial": "A" * 22}).status_code == 200
    assert tallies() == [("verifying", "done", 1)]


@pytest.mark.usefixtures("counted")
def test_a_persons_mistake_and_a_mere_look_are_not_counted(client: Client) -> None:
    assert client.post("/periksa/", {}).status_code == 422
    assert client.get("/periksa/").status_code == 200
    assert client.get("/tidak-ada/").status_code == 404
    assert tallies() == []


@pytest.mark.usefixtures("counted")
def test_a_page_that_breaks_is_counted_as_our_failure(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_values: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr("stamping.verifying.verify_serial", broken)
    client.raise_request_exception = False
    assert client.post("/periksa/", {"serial": "A" * 22}).status_code == 500
    assert tallies() == [("verifying", "failed", 1)]


@pytest.mark.usefixtures("counted")
def test_a_slow_answer_is_counted_as_slow(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "SLOW_SECONDS", -1.0)
    client.post("/periksa/", {"serial": "A" * 22})
    assert tallies() == [("verifying", "slow", 1)]


def test_the_way_to_the_waiting_room_is_no_failure() -> None:
    from django.http import HttpResponse

    queue = HttpResponse(status=503, headers={"Retry-After": "5"})
    assert middleware._outcome(Component.BUYING, queue, seconds=0.1) is None
    assert middleware._outcome(Component.VERIFYING, queue, seconds=0.1) == Outcome.FAILED
    assert middleware._outcome(Component.BUYING, HttpResponse(status=503), seconds=0.1) == Outcome.FAILED


def test_every_counted_address_exists() -> None:
    from django.urls import get_resolver

    names = {f"{app}:{name}" for app, name in _addresses(get_resolver())}
    assert {name for _method, name in middleware.TRIES} <= names


def _addresses(resolver: Any, app: str = "") -> Iterator[tuple[str, str]]:
    for one in resolver.url_patterns:
        if hasattr(one, "url_patterns"):
            yield from _addresses(one, one.app_name or app)
        elif one.name:
            yield app, one.name


def test_many_tries_of_a_second_are_written_by_one_statement(
    now: datetime, django_assert_num_queries: Callable[[int], Any]
) -> None:
    counting._due = float("inf")
    with django_assert_num_queries(0):
        for _ in range(100):
            counting.count(Component.BUYING, Outcome.DONE, at=now)
            counting.count(Component.VERIFYING, Outcome.FAILED, at=now)
    with django_assert_num_queries(1):
        counting.write(at=now)
    assert tallies() == [("buying", "done", 100), ("verifying", "failed", 100)]


def test_counts_of_two_processes_add_up(now: datetime) -> None:
    for _ in range(2):
        counting.count(Component.BUYING, Outcome.DONE, at=now)
        counting.write(at=now)
    assert tallies() == [("buying", "done", 2)]


def test_a_database_that_is_gone_costs_no_count(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as gone:
        gone.setattr(connection, "cursor", refused)
        counting.count(Component.BUYING, Outcome.FAILED, at=now)
    counting.write(at=now)
    assert tallies() == [("buying", "failed", 1)]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("tally_once", [{"n": 1}, {"n": 2}]),
        ("tally_counts_something", [{"n": 0}]),
    ],
)
def test_the_database_refuses_counts_that_cannot_be(name: str, rows: list[dict[str, Any]], now: datetime) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        for row in rows:
            Tally.objects.create(minute=now, component="buying", outcome="done", **row)


def test_the_database_refuses_a_look_that_reads_back_and_a_day_told_twice(now: datetime) -> None:
    with pytest.raises(IntegrityError, match="measurement_reads_on"), transaction.atomic():
        Measurement.objects.create(at=now, mark=2, seen=1)
    with pytest.raises(IntegrityError, match="day_of_component_once"), transaction.atomic():
        for _ in range(2):
            Day.objects.create(day=now.date(), component="buying")
