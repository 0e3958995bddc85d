"""A settlement report against our books: what differs is listed once, and closes itself when it turns out right."""

import io
import itertools
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from meterai import states
from meterai.models import Batch, Flip, User
from orders import discrepancies, paying, reconciling, refunding, settled
from orders.models import Discrepancy, Order, Payment, Refund, Settlement, SettlementRow
from orders.payments.gateway import PaymentError, Status
from orders.payments.settlement import WIB, Unreadable
from tests import factories
from tests.contracts.conftest import Server

pytestmark = pytest.mark.django_db
Kind = Discrepancy.Kind
_numbers = itertools.count(1)
HEADING = "payment,reference,kind,gross,fee,happened_at"
DAY = timedelta(days=1)
NOON = datetime(2026, 3, 10, 12, 0, tzinfo=WIB)
# Late enough for any report of those days to be whole.
AFTERWARDS = NOON + timedelta(days=10)


@pytest.fixture(autouse=True)
def sold_in_march(gateway: Server) -> None:
    """The sandbox is set up; what is sold below is sold in March."""


@pytest.fixture
def shelf(db: None) -> Batch:
    return factories.stock(100, at=NOON - DAY)


@pytest.fixture
def rani(db: None) -> User:
    return factories.person("rani")


@pytest.fixture
def paid(shelf: Batch) -> Payment:
    """Siti's two stamps, paid at noon on 10 March."""
    return pay()


def pay(at: datetime = NOON, **changes: Any) -> Payment:
    payment = pending(at)
    paying.settle(payment=payment, standing=factories.standing(payment, at=at, **changes), at=at)
    payment.refresh_from_db()
    return payment


def pending(at: datetime = NOON) -> Payment:
    return factories.asked_for(factories.order(at=at), at=at)


def line(payment: Payment, kind: str = "payment", *, at: datetime = NOON, **changes: Any) -> str:
    told = {"ref": payment.gateway_reference, "ours": payment.pk, "gross": payment.amount, "fee": 140} | changes
    return f"{told['ref']},{told['ours']},{kind},{told['gross']},{told['fee']},{at.isoformat()}"


def csv(lines: Iterable[str]) -> io.BytesIO:
    """No two are the same file: empty lines at the end count for nothing."""
    return io.BytesIO("\r\n".join([HEADING, *lines, *[""] * next(_numbers)]).encode())


def report(*lines: str, at: datetime = AFTERWARDS, days: int = 2, first: datetime = NOON, **changes: Any) -> Settlement:
    """The sandbox's report of these lines, over so many days from `first`, taken in by Rani."""
    values = {
        "gateway": "sandbox",
        "file": csv(lines),
        "name": "laporan.csv",
        "first_day": first.date() if days else None,
        "last_day": (first + (days - 1) * DAY).date() if days else None,
        "by": factories.person("rani"),
        "at": at,
    }
    return reconciling.take_in(**(values | changes))


def listed(state: str = Discrepancy.State.OPEN) -> list[tuple[str, int | None, int | None]]:
    return [(one.kind, one.expected, one.found) for one in Discrepancy.objects.filter(state=state).order_by("pk")]


def test_a_report_that_agrees_leaves_nothing_open(paid: Payment) -> None:
    taken = report(line(paid))
    assert listed() == [] and not Discrepancy.objects.exists()
    assert (taken.first_day, taken.last_day, taken.by.username) == (date(2026, 3, 10), date(2026, 3, 11), "rani")
    assert reconciling.totals(taken)["payment"] == reconciling.Total(rows=1, gross=20_000, fee=140)


def test_what_is_paid_here_and_not_reported_is_listed_once_its_day_and_the_next_are_covered(paid: Payment) -> None:
    report(days=1)
    assert listed() == []
    report(first=NOON + DAY, days=1)
    assert listed() == [(Kind.NOT_SETTLED, 20_000, 0)]
    one = Discrepancy.objects.get()
    assert (one.payment, one.order_id, one.subject) == (paid, paid.order_id, str(paid.pk))


def test_a_day_that_was_not_over_when_its_report_came_is_not_covered(paid: Payment) -> None:
    report(at=NOON + DAY + timedelta(hours=2))
    assert listed() == []


def test_a_day_that_no_report_covers_is_left_alone(paid: Payment) -> None:
    report(first=NOON + 2 * DAY, days=3)
    report(first=NOON - 5 * DAY, days=5)
    assert listed() == []


def test_a_later_report_closes_what_it_explains(paid: Payment) -> None:
    report()
    later = AFTERWARDS + DAY
    report(line(paid), first=NOON + 3 * DAY, days=1, at=later)
    assert listed() == []
    one = Discrepancy.objects.get()
    assert (one.state, one.closed_by, one.closed_at, one.resolution) == ("closed", None, later, reconciling.EXPLAINED)
    assert Flip.objects.get(noun="orders.discrepancy", new="closed").actor == "system"


def test_reported_money_that_we_do_not_know_of_makes_the_worker_ask_and_closes_itself(
    shelf: Batch, gateway: Server
) -> None:
    now = datetime.now(WIB)
    payment = factories.order(at=now).payments.get()
    paying.start(payment=payment, at=now)
    gateway.act(payment.gateway_reference, "pay")
    Payment.objects.update(next_ask_at=None)
    taken = report(line(payment, at=now), at=now, days=0)
    assert listed() == [(Kind.NOT_PAID, 0, 20_000)]
    assert paying.check_due(at=now) == 1
    assert reconciling.judge_open(at=now) == 1
    assert listed() == [] and reconciling.of_report(taken).get().state == "closed"
    assert Order.objects.get().state == "paid"


def test_who_cannot_wait_asks_the_gateway_at_once(shelf: Batch, gateway: Server) -> None:
    now = datetime.now(WIB)
    payment = factories.order(at=now).payments.get()
    paying.start(payment=payment, at=now)
    gateway.act(payment.gateway_reference, "pay")
    taken = report(line(payment, at=now), at=now, days=0)
    assert reconciling.ask_all(report=taken, at=now) == 0
    assert Order.objects.get().state == "paid"


def test_money_for_a_payment_whose_start_was_never_answered_is_found_by_our_own_reference(
    shelf: Batch, gateway: Server
) -> None:
    now = datetime.now(WIB)
    payment = factories.order(at=now).payments.get()
    known = gateway.gateway().start(paying._charge(payment)).gateway_reference
    gateway.act(known, "pay")
    taken = report(line(payment, ref=known, at=now), at=now, days=0)
    assert listed() == [(Kind.NOT_PAID, 0, 20_000)]
    assert reconciling.judge_open(at=now) == 0
    assert reconciling.ask_all(report=taken, at=now) == 0
    assert Order.objects.get().state == "paid"


def test_a_gateway_that_does_not_answer_changes_nothing(shelf: Batch, settings: Any) -> None:
    settings.GATEWAY_SETTINGS = {"sandbox": settings.GATEWAY_SETTINGS["sandbox"] | {"url": "http://127.0.0.1:9"}}
    payment = pending()
    taken = report(line(payment))
    with pytest.raises(PaymentError):
        reconciling.ask(discrepancy=Discrepancy.objects.get(), at=AFTERWARDS)
    assert reconciling.ask_all(report=taken, at=AFTERWARDS) == 1
    payment.refresh_from_db()
    assert (payment.state, listed()) == ("pending", [(Kind.NOT_PAID, 0, 20_000)])


@pytest.mark.parametrize("gross", [19_999, 20_001, 40_000])
def test_another_amount_is_listed(paid: Payment, gross: int) -> None:
    report(line(paid, gross=gross))
    assert listed() == [(Kind.SETTLED_AMOUNT, 20_000, gross)]
    paid.refresh_from_db()
    assert paid.next_ask_at == AFTERWARDS


def test_a_difference_with_other_figures_is_listed_again_though_the_first_was_closed(paid: Payment, rani: User) -> None:
    report(line(paid, gross=25_000))
    one = Discrepancy.objects.get()
    discrepancies.close_discrepancy(discrepancy=one, resolution="salah tulis", by=rani, at=AFTERWARDS)
    report(line(paid, gross=25_000), at=AFTERWARDS + DAY, days=1)
    assert listed() == []
    report(line(paid, gross=7_000, at=NOON + timedelta(hours=1)), at=AFTERWARDS + DAY)
    assert listed() == [(Kind.SETTLED_AMOUNT, 20_000, 32_000)]


def test_overlapping_reports_count_the_same_money_once(paid: Payment) -> None:
    report(line(paid), days=1)
    report(line(paid), days=5)
    report(line(paid), line(paid, kind="payment", gross=0), days=4)
    assert listed() == []


def test_money_that_came_twice_is_two_rows_even_with_one_time(shelf: Batch) -> None:
    twice = pay(amount=40_000)
    assert twice.received == 40_000
    report(line(twice))
    assert listed() == [(Kind.SETTLED_AMOUNT, 40_000, 20_000)]
    report(line(twice), line(twice), days=3)
    assert listed() == []


def test_less_than_we_believe_waits_for_the_day_on_which_the_rest_was_noticed(shelf: Batch) -> None:
    payment = pay()
    again = NOON + 3 * DAY
    twice = factories.standing(payment, amount=40_000, at=again)
    paying.settle(payment=payment, standing=twice, at=again)
    report(line(payment))
    assert listed() == []
    report(line(payment), first=NOON, days=5)
    assert listed() == [(Kind.SETTLED_AMOUNT, 40_000, 20_000)]
    report(line(payment, at=again), first=NOON, days=6)
    assert listed() == []


def test_half_the_money_held_for_a_person_agrees_with_a_report_of_half(shelf: Batch) -> None:
    held = pay(amount=10_000)
    assert held.state == "held"
    report(line(held, gross=10_000))
    assert listed() == [(Kind.AMOUNT, 20_000, 10_000)]  # which was listed when it came


def refunded(payment: Payment, amount: int, *, at: datetime, done: bool = True, **changes: Any) -> Refund:
    """Part of a payment on its way back, by the gateway or as `changes` has it."""
    with transaction.atomic():
        refunding.give_back(
            payment=Payment.objects.select_for_update().get(pk=payment.pk),
            reason=Refund.Reason.OVERPAID,
            amount=amount,
            at=at,
        )
    refund = Refund.objects.latest("pk")
    if changes:
        Refund.objects.filter(pk=refund.pk).update(**changes)
        refund.refresh_from_db()
    if done:
        refunding.done(refund=refund, at=at, actor="worker")
    return refund


def test_a_refund_here_and_there_agrees(paid: Payment) -> None:
    refunded(paid, 5_000, at=NOON)
    report(line(paid), line(paid, "refund", gross=5_000))
    assert listed() == []


def test_a_refund_here_that_is_not_there_is_listed_once_its_day_is_over(paid: Payment) -> None:
    refunded(paid, 5_000, at=NOON + 2 * DAY)
    report(line(paid), days=3)
    assert listed() == []
    report(line(paid), days=4)
    assert listed() == [(Kind.SETTLED_AMOUNT, 5_000, 0)]
    assert Discrepancy.objects.get().subject.startswith("refunds ")
    report(line(paid, "refund", gross=5_000, at=NOON + 4 * DAY), days=5)
    assert listed() == []


def test_a_refund_there_that_is_not_here_is_listed_and_the_gateway_asked(paid: Payment) -> None:
    report(line(paid), line(paid, "refund", gross=5_000))
    assert listed() == [(Kind.SETTLED_AMOUNT, 0, 5_000)]
    paid.refresh_from_db()
    assert paid.next_ask_at == AFTERWARDS


def test_a_refund_under_way_may_be_reported_already(paid: Payment) -> None:
    refunded(paid, 5_000, at=NOON, done=False)
    report(line(paid), line(paid, "refund", gross=5_000))
    assert listed() == []


def test_a_payout_by_bank_transfer_is_no_business_of_the_gateways_report(paid: Payment) -> None:
    account = {"way": "transfer", "bank": "BCA", "account_number": "1", "account_holder": "Siti"}
    refunded(paid, 5_000, at=NOON, **account)
    report(line(paid), days=4)
    assert listed() == []


def test_a_reversal_there_is_listed_until_the_gateway_is_asked(paid: Payment) -> None:
    report(line(paid), line(paid, "reversal"))
    assert listed() == [(Kind.SETTLED_AMOUNT, 0, 20_000)]
    paying.settle(payment=paid, standing=factories.standing(paid, Status.REVERSED, at=AFTERWARDS), at=AFTERWARDS + DAY)
    assert reconciling.judge_open(at=AFTERWARDS + DAY) == 1
    assert listed() == []


def test_all_sent_back_by_another_hand_is_explained_once_we_know(paid: Payment) -> None:
    report(line(paid), line(paid, "refund"))
    assert listed() == [(Kind.SETTLED_AMOUNT, 0, 20_000)]
    paying.settle(payment=paid, standing=factories.standing(paid, Status.REFUNDED, at=AFTERWARDS), at=AFTERWARDS)
    reconciling.judge_open(at=AFTERWARDS)
    assert listed() == []


def test_a_reference_that_nobody_knows_is_listed_once_and_closes_when_it_is_learnt(paid: Payment) -> None:
    taken = report(line(paid), line(paid, ref="SBXSTRANGER", ours="", gross=7_000))
    assert listed() == [(Kind.UNKNOWN, 0, 7_000)]
    assert Discrepancy.objects.get().subject == "sandbox SBXSTRANGER"
    assert [one.subject for one in reconciling.of_report(taken)] == ["sandbox SBXSTRANGER"]
    other = pending()
    Payment.objects.filter(pk=other.pk).update(gateway_reference="SBXSTRANGER")
    assert reconciling.judge_open(at=AFTERWARDS) == 1


def test_another_gateways_payment_of_the_same_number_is_not_mixed_up(paid: Payment) -> None:
    Payment.objects.filter(pk=paid.pk).update(gateway="midtrans")
    report(line(paid))
    assert [kind for kind, _expected, _found in listed()] == [Kind.UNKNOWN]


def test_the_same_file_is_taken_in_once(paid: Payment) -> None:
    file = csv([line(paid)])
    first = report(file=file)
    with pytest.raises(reconciling.AlreadyTakenIn) as refusal:
        report(file=file, name="nama lain.csv", days=5)
    assert refusal.value.settlement == first and Settlement.objects.count() == 1


def test_the_reports_of_two_quiet_days_are_the_same_bytes_and_both_count(paid: Payment) -> None:
    quiet = io.BytesIO(HEADING.encode())
    report(file=quiet, days=1)
    with pytest.raises(reconciling.AlreadyTakenIn):
        report(file=quiet, days=1)
    report(file=quiet, days=1, first=NOON + DAY)
    assert listed() == [(Kind.NOT_SETTLED, 20_000, 0)]


def test_two_uploads_of_one_file_at_once_are_refused_by_the_database(paid: Payment) -> None:
    taken = report(line(paid))
    values = {name: getattr(taken, name) for name in ("gateway", "sha256", "taken_in_at", "by", "name")}
    with pytest.raises(IntegrityError, match="settlement_taken_in_once"), transaction.atomic():
        Settlement.objects.create(**values)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"gateway_reference": ""}, "settlement_row_names_a_payment"),
        ({"line": 2}, "settlement_line_once"),
    ],
)
def test_rows_that_must_not_be_are_refused_by_the_database(
    changes: dict[str, Any], constraint: str, paid: Payment
) -> None:
    taken = report(line(paid))
    values = {"settlement": taken, "line": 9, "kind": "payment", "gateway_reference": "A", "gross": 1} | changes
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        SettlementRow.objects.create(**values)


def test_a_difference_is_listed_once_and_closed_whole(paid: Payment) -> None:
    report(line(paid, gross=1))
    one = Discrepancy.objects.get()
    with pytest.raises(IntegrityError, match="discrepancy_listed_once"), transaction.atomic():
        Discrepancy.objects.create(kind=one.kind, subject=one.subject, opened_at=NOON)
    for half in ({"resolution": "ada"}, {"closed_at": NOON}, {"state": "closed"}, {"closed_by_id": one.pk}):
        with pytest.raises(IntegrityError, match="discrepancy_closed_whole"), transaction.atomic():
            Discrepancy.objects.filter(pk=one.pk).update(**half)


@pytest.mark.parametrize(
    ("lines", "changes", "refusal"),
    [
        (["x,y"], {}, Unreadable),
        (["SBX1,,payment,1.5,0,2026-03-10"], {}, Unreadable),
        ([], {"days": 0}, reconciling.NothingTold),
        ([], {"days": -1}, reconciling.WrongDays),
        ([], {"days": 368}, reconciling.WrongDays),
        ([], {"first": AFTERWARDS, "days": 2}, reconciling.WrongDays),
        ([], {"last_day": None}, reconciling.WrongDays),
        ([], {"gateway": "transfer"}, reconciling.NoReports),
        ([], {"gateway": "../etc"}, reconciling.NoReports),
    ],
)
def test_a_report_that_cannot_be_used_is_refused_whole(
    lines: list[str], changes: dict[str, Any], refusal: type[Exception], paid: Payment
) -> None:
    with pytest.raises(refusal):
        report(line(paid, gross=1), *lines, **changes) if lines else report(*lines, **changes)
    assert not Settlement.objects.exists() and not SettlementRow.objects.exists() and listed() == []


def test_a_report_of_another_shop_does_not_bury_the_list(paid: Payment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "MOST_DIFFERENCES", 3)
    with pytest.raises(reconciling.TooManyDifferences):
        report(*(line(paid, ref=f"A{n}") for n in range(4)))
    assert not Settlement.objects.exists() and listed() == []


def test_killed_between_the_rows_and_the_list_nothing_is_kept_and_the_repeat_is_whole(
    paid: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(**_values: Any) -> bool:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(discrepancies, "open_discrepancy", killed)
        report(line(paid, gross=1))
    assert not Settlement.objects.exists() and listed() == []
    report(line(paid, gross=1))
    assert listed() == [(Kind.SETTLED_AMOUNT, 20_000, 1)]


def test_the_days_are_those_of_the_lines_when_none_are_given(paid: Payment) -> None:
    taken = report(line(paid), line(paid, "refund", gross=0, at=NOON + 4 * DAY), days=0)
    assert (taken.first_day, taken.last_day) == (date(2026, 3, 10), date(2026, 3, 14))


def test_many_lines_cost_no_query_each(shelf: Batch, rani: User) -> None:
    def cost(count: int, at: datetime) -> int:
        lines = [line(pay(at), at=at) for _ in range(count)]
        with CaptureQueriesContext(connection) as queries:
            report(*lines, first=at, days=2, at=AFTERWARDS)
        return len(queries)

    assert cost(20, NOON) == cost(2, NOON + 3 * DAY)
    assert listed() == []


def test_a_payment_is_found_by_the_indexes_that_the_sums_need(paid: Payment) -> None:
    taken = report(line(paid))
    SettlementRow.objects.bulk_create(
        SettlementRow(settlement=taken, line=n, kind="payment", gateway_reference=f"X{n}", gross=1)
        for n in range(10, 3000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE orders_settlementrow")
        values = {"gateway": "sandbox", "references": [paid.gateway_reference]}
        cursor.execute("EXPLAIN " + settled._SUMS, values)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on orders_settlementrow" not in plan
    assert settled.sums(**values) == {paid.gateway_reference: settled.Sums(payment=20_000)}


def test_closing_by_a_person_needs_words_and_is_theirs(paid: Payment, rani: User) -> None:
    report(line(paid, gross=1))
    one = Discrepancy.objects.get()
    discrepancies.close_discrepancy(discrepancy=one, resolution="bank salah cetak", by=rani, at=AFTERWARDS)
    with pytest.raises((states.MovedMeanwhile, states.NoSuchArrow)):
        discrepancies.close_discrepancy(discrepancy=one, resolution="lagi", by=rani, at=AFTERWARDS)
    assert reconciling.judge_open(at=AFTERWARDS) == 0
    assert Flip.objects.get(noun="orders.discrepancy", new="closed").actor == "rani"
