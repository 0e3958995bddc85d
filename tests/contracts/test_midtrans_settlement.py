"""Midtrans's balance statement: the lines whose money moved, and nothing guessed."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from orders.payments.midtrans.settlement import rows
from orders.payments.settlement import Unreadable

HEADING = "Date & Time,Order ID,Transaction Type,Channel,Status,Amount,Fee"
ORDER = str(uuid.UUID(int=1))


def test_a_statement_tells_payments_refunds_and_reversals_apart() -> None:
    lines = [
        f"{HEADING},Refund Type",
        f"2026-09-03 10:00:00,{ORDER},Payment,QRIS,Success,20000.00,140.4,",
        f"2026-09-04 10:00:00,{ORDER},Refund,QRIS,Success,-10000.00,0,Normal Refund",
        f"2026-09-05 10:00:00,{ORDER},Refund,QRIS,Success,-10000.00,0,Chargeback",
    ]
    found = list(rows(lines))
    assert [(each.kind, each.gross, each.fee, each.line) for each in found] == [
        ("payment", 20_000, 140, 2),
        ("refund", 10_000, 0, 3),
        ("reversal", 10_000, 0, 4),
    ]
    assert {(each.gateway_reference, each.reference) for each in found} == {(ORDER, ORDER)}
    assert found[0].at == datetime(2026, 9, 3, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "line",
    [
        f"2026-09-03 10:00:00,{ORDER},Payment,QRIS,Pending,20000.00,0",
        f"2026-09-03 10:00:00,{ORDER},Payment,Bank Transfer,Expired,20000.00,0",
        "2026-09-03 10:00:00,-,Withdrawal,,Success,-500000.00,0",
        "2026-09-03 10:00:00,,Top Up,,Success,500000.00,0",
    ],
)
def test_money_that_did_not_move_or_is_no_payment_is_left_out(line: str) -> None:
    assert list(rows([HEADING, line])) == []


@pytest.mark.parametrize(
    ("line", "reason", "column"),
    [
        (f"2026-09-03 10:00:00,{ORDER},Gift,QRIS,Success,20000.00,0", "kind", "type"),
        (f"2026-09-03 10:00:00,{ORDER},Payment,QRIS,Resting,20000.00,0", "kind", "status"),
        ("2026-09-03 10:00:00,,Payment,QRIS,Success,20000.00,0", "reference", "gateway_reference"),
        (f"2026-09-03 10:00:00,{ORDER},Payment,QRIS,Success,USD 2,0", "amount", "gross"),
        (f"2026-09-03 10:00:00,{ORDER},Payment,QRIS,Success,20000.00,free", "amount", "fee"),
        (f"yesterday,{ORDER},Payment,QRIS,Success,20000.00,0", "time", "at"),
        (f"2026-09-03 10:00:00,{ORDER},Payment", "short", ""),
    ],
)
def test_what_cannot_be_made_out_is_refused_with_its_line(line: str, reason: str, column: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        list(rows([HEADING, line]))
    assert (refusal.value.line, refusal.value.reason, refusal.value.column) == (2, reason, column)


def test_another_report_is_no_statement() -> None:
    with pytest.raises(Unreadable) as refusal:
        list(rows(["Tanggal;Keterangan", "1;2"]))
    assert refusal.value.reason == "no_heading"


def test_headings_of_another_name_can_be_handed_in() -> None:
    columns = {name: (name,) for name in ("order", "type", "refund_type", "status", "gross", "fee", "at")}
    [found] = rows(["order;type;gross", f"{ORDER};payment;20.000"], columns)
    assert (found.gross, found.fee, found.at) == (20_000, 0, None)
