"""DOKU's settlement report, as far as it is known, and nothing guessed."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from orders.payments.doku.invoices import invoice_of
from orders.payments.doku.settlement import rows
from orders.payments.settlement import Unreadable

HEADING = "Transaction Date,Invoice Number,Transaction Type,Amount,Fee"
REFERENCE = str(uuid.UUID(int=1))
INVOICE = invoice_of(REFERENCE)


def test_a_report_leads_from_the_invoice_back_to_our_reference() -> None:
    lines = [
        HEADING,
        f"2026-09-03 10:00:00,{INVOICE},SALE,20000,4500",
        "2026-09-03 11:00:00,INV-OF-ANOTHER-SHOP,SALE,50000,4500",
        f"2026-09-04 10:00:00,{INVOICE},REFUND,-20000,0",
        f"2026-09-05 10:00:00,{INVOICE},CHARGEBACK,20000,0",
    ]
    found = list(rows(lines))
    assert [(each.kind, each.gross, each.fee, each.line) for each in found] == [
        ("payment", 20_000, 4_500, 2),
        ("payment", 50_000, 4_500, 3),
        ("refund", 20_000, 0, 4),
        ("reversal", 20_000, 0, 5),
    ]
    assert [each.reference for each in found] == [REFERENCE, "", REFERENCE, REFERENCE]
    assert found[0].gateway_reference == INVOICE
    assert found[0].at == datetime(2026, 9, 3, 3, 0, tzinfo=UTC)


def test_a_report_without_types_tells_of_payments() -> None:
    [found] = rows(["Invoice Number;Amount", f"{INVOICE};Rp 20.000"])
    assert (found.kind, found.gross, found.fee, found.at) == ("payment", 20_000, 0, None)


@pytest.mark.parametrize(
    ("line", "reason", "column"),
    [
        (f"2026-09-03 10:00:00,{INVOICE},GIFT,20000,0", "kind", "type"),
        (f"2026-09-03 10:00:00,{INVOICE},SALE,-20000,0", "amount", "gross"),
        (f"2026-09-03 10:00:00,{INVOICE},SALE,20000,free", "amount", "fee"),
        ("2026-09-03 10:00:00,,SALE,20000,0", "reference", "gateway_reference"),
        (f"yesterday,{INVOICE},SALE,20000,0", "time", "at"),
    ],
)
def test_what_cannot_be_made_out_is_refused_with_its_line(line: str, reason: str, column: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        list(rows([HEADING, line]))
    assert (refusal.value.line, refusal.value.reason, refusal.value.column) == (2, reason, column)


def test_headings_of_another_name_can_be_handed_in() -> None:
    columns = {name: (name,) for name in ("invoice", "type", "gross", "fee", "at")}
    [found] = rows(["invoice|gross|fee", f"{INVOICE}|20.000|4.500"], columns)
    assert (found.gross, found.fee) == (20_000, 4_500)
