"""The sandbox's settlement report against the server itself: each rupiah that moved stands in it once."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from orders.payments.gateway import Charge, Method
from orders.payments.sandbox import settlement
from orders.payments.sandbox.client import SandboxGateway
from orders.payments.sandbox.server import payments, settlements
from orders.payments.sandbox.server.asking import Wanted
from orders.payments.sandbox.server.store import Store
from orders.payments.settlement import WIB, Settled, Unreadable, text_lines
from tests.contracts.conftest import Server

DAY = datetime(2026, 3, 10, 9, 0, tzinfo=WIB)


def told(server: Server) -> list[Settled]:
    """Today's report, as our reader understands it."""
    today = datetime.now(WIB).date().isoformat()
    answer = requests.get(f"{server.url}/v1/settlements", {"date": today}, headers=server.key, timeout=5)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    return list(settlement.rows(text_lines(io.BytesIO(answer.content))))


def about(server: Server, number: str) -> list[tuple[str, int, int]]:
    return [(row.kind, row.gross, row.fee) for row in told(server) if row.gateway_reference == number]


@pytest.fixture
def started(gateway: SandboxGateway, charge: Callable[..., Charge]) -> Callable[..., str]:
    def start(method: Method = Method.QRIS) -> str:
        return gateway.start(charge(method=method)).gateway_reference

    return start


def test_money_that_came_stands_in_the_report_of_its_day_with_the_fee_of_its_method(
    sandbox: Server, started: Callable[..., str]
) -> None:
    qris, account, unpaid = started(), started(Method.VIRTUAL_ACCOUNT), started()
    sandbox.act(qris, "pay")
    sandbox.act(account, "pay")
    assert about(sandbox, qris) == [("payment", 20_000, 140)]
    assert about(sandbox, account) == [("payment", 20_000, 4_000)]
    assert about(sandbox, unpaid) == []
    row = next(row for row in told(sandbox) if row.gateway_reference == qris)
    assert row.reference.startswith("P") and row.at
    assert abs(row.at - datetime.now(UTC)) < timedelta(minutes=1)


def test_paying_twice_is_two_rows_and_a_repeated_notification_is_none(
    sandbox: Server, started: Callable[..., str]
) -> None:
    number = started()
    sandbox.act(number, "pay_twice")
    sandbox.act(number, "duplicate")
    sandbox.act(number, "forge")
    assert about(sandbox, number) == [("payment", 20_000, 140)] * 2


def test_late_and_wrong_money_is_told_as_it_came(sandbox: Server, started: Callable[..., str]) -> None:
    late, wrong = started(), started()
    sandbox.act(late, "pay_late")
    sandbox.act(wrong, "pay_wrong_amount", amount=15_000)
    assert about(sandbox, late) == [("payment", 20_000, 140)]
    assert about(sandbox, wrong) == [("payment", 15_000, 105)]


def test_refunds_and_what_a_bank_takes_back_are_rows_of_their_own(
    sandbox: Server, gateway: SandboxGateway, started: Callable[..., str]
) -> None:
    number = started()
    sandbox.act(number, "pay")
    gateway.refund(number, "refund-1", 5_000, "wish")
    gateway.refund(number, "refund-1", 5_000, "wish")
    sandbox.act(number, "reverse")
    assert about(sandbox, number) == [("payment", 20_000, 140), ("refund", 5_000, 0), ("reversal", 15_000, 0)]


def test_what_was_never_notified_is_settled_all_the_same(sandbox: Server, started: Callable[..., str]) -> None:
    number = started()
    sandbox.settings(drop_share=1)
    try:
        sandbox.act(number, "pay")
    finally:
        sandbox.settings(drop_share=0)
    assert about(sandbox, number) == [("payment", 20_000, 140)]


@pytest.mark.parametrize("query", ["", "?date=", "?date=2026-02-30", "?date=24-11-2026", "?date=20261124"])
def test_a_day_that_is_none_is_refused(query: str, sandbox: Server) -> None:
    answer = requests.get(f"{sandbox.url}/v1/settlements{query}", headers=sandbox.key, timeout=5)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "date")


def test_the_report_is_for_who_has_the_key(sandbox: Server) -> None:
    assert requests.get(f"{sandbox.url}/v1/settlements?date=2026-03-10", timeout=5).status_code == 401


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    yield Store(tmp_path / "sandbox.sqlite3")


def test_a_day_runs_from_midnight_to_midnight_in_jakarta(store: Store) -> None:
    midnight = datetime(2026, 3, 10, tzinfo=WIB)
    with store.transaction() as c:
        for number, second in enumerate([-1, 0, 86_399, 86_400]):
            at = (midnight + timedelta(seconds=second)).timestamp()
            payment, _new = payments.create(c, _wanted(f"P{number}", at), at=at)
            payments.receive(c, payment["id"], amount=20_000, at=at)
        report = settlements.report(c, midnight.date())
    assert [row.reference for row in settlement.rows(text_lines(io.BytesIO(report)))] == ["P1", "P2"]


def test_a_refund_stands_in_the_report_of_the_day_it_was_made(store: Store) -> None:
    paid, back = DAY.timestamp(), (DAY + timedelta(days=1)).timestamp()
    with store.transaction() as c:
        payment, _new = payments.create(c, _wanted("P1", paid), at=paid)
        payments.receive(c, payment["id"], amount=20_000, at=paid)
        payments.refund(c, payment["id"], refund_key="r", amount=20_000, reason="wish", at=back)
        reports = [settlements.report(c, (DAY + timedelta(days=n)).date()) for n in range(3)]
    kinds = [[row.kind for row in settlement.rows(text_lines(io.BytesIO(report)))] for report in reports]
    assert kinds == [["payment"], ["refund"], []]


def test_an_empty_day_has_the_heading_alone(store: Store) -> None:
    with store.transaction() as c:
        report = settlements.report(c, DAY.date())
    assert report == b"payment,reference,kind,gross,fee,happened_at\r\n"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("SBX1,P1,payment,20000,0", "short"),
        ("SBX1,P1,gift,20000,0,2026-03-10", "kind"),
        ("SBX1,P1,payment,-1,0,2026-03-10", "amount"),
        ("SBX1,P1,payment,,0,2026-03-10", "amount"),
        ("SBX1,P1,payment,1,x,2026-03-10", "amount"),
        ("SBX1,P1,payment,1,0,yesterday", "time"),
        (",P1,payment,1,0,2026-03-10", "reference"),
    ],
)
def test_a_line_that_cannot_be_made_out_is_refused_by_its_number(line: str, reason: str) -> None:
    heading = "payment,reference,kind,gross,fee,happened_at"
    good = "SBX0,P0,payment,20000,0,2026-03-10"
    with pytest.raises(Unreadable) as refusal:
        list(settlement.rows([heading, good, line]))
    assert (refusal.value.line, refusal.value.reason) == (3, reason)


def _wanted(reference: str, at: float) -> Wanted:
    return Wanted(
        reference=reference,
        amount=20_000,
        method="qris",
        description="2 e-meterai",
        expires_at=at + 3600,
        notify_url="http://127.0.0.1:9/",
        return_url="http://127.0.0.1:9/",
    )
