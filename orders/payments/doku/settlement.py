"""DOKU's settlement report as CSV. Its columns are not documented in public: every heading here is an assumption.

See README.md; another set of headings can be handed in as `columns`. What cannot be made out is refused, not guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orders.payments import settlement
from orders.payments.doku.invoices import reference_of
from orders.payments.settlement import Columns, Kind, Settled, Unreadable

COLUMNS: Columns = {
    "invoice": ("Invoice Number", "Invoice No", "Invoice", "Merchant Invoice Number", "Order Invoice Number"),
    "type": ("Transaction Type", "Type", "Tipe Transaksi"),
    "gross": ("Amount", "Transaction Amount", "Gross Amount", "Total Amount"),
    "fee": ("Fee", "Total Fee", "Transaction Fee", "Fee Amount"),
    "at": ("Settlement Date", "Transaction Date", "Payment Date", "Date"),
}
REQUIRED = ("invoice", "gross")
KINDS: dict[str, Kind] = {
    "": "payment",
    "payment": "payment",
    "sale": "payment",
    "settlement": "payment",
    "refund": "refund",
    "void": "refund",
    "chargeback": "reversal",
    "reversal": "reversal",
}


def rows(lines: Iterable[str], columns: Columns = COLUMNS) -> Iterator[Settled]:
    """Every line; a report without a column for the type tells of payments. Raises Unreadable."""
    for line, found in settlement.records(lines, columns, required=REQUIRED):
        kind = KINDS.get(found["type"].casefold())
        if kind is None:
            raise Unreadable(line, "kind", "type")
        gross = settlement.rupiah(found["gross"], line=line)
        yield Settled(
            gateway_reference=found["invoice"],
            reference=_reference(found["invoice"]),
            kind=kind,
            gross=gross if kind == "payment" else abs(gross),
            fee=abs(settlement.rupiah(found["fee"] or "0", line=line, column="fee", whole=False)),
            at=settlement.moment(found["at"], line=line),
            line=line,
        )


def _reference(invoice: str) -> str:
    """Empty for an invoice that was not made here."""
    try:
        return reference_of(invoice)
    except ValueError:
        return ""
