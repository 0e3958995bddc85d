"""Xendit's transactions report (CSV, report version 2), line by line. What of it is verified: README.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orders.payments.settlement import Columns, Kind, Settled, Unreadable, moment, records, rupiah

COLUMNS: Columns = {
    "gateway_reference": ("Payment Request ID", "Product ID", "Transaction ID", "Payment ID"),
    "reference": ("Reference", "Reference ID", "External ID"),
    "status": ("Status",),
    "kind": ("Type",),
    "currency": ("Currency",),
    "gross": ("Amount",),
    "fee": ("Total Fee", "Fee"),
    "tax": ("Total VAT", "VAT", "Total Tax"),
    "at": ("Created Date", "Created Date ISO", "Transaction Date", "Payment Date", "Created"),
}
REQUIRED = ("gateway_reference", "reference", "status", "kind", "currency", "gross")
# Their types to ours; None: moves no buyer's money, such as a withdrawal to our own bank.
KINDS: dict[str, Kind | None] = {
    "PAYMENT": "payment",
    "IN PERSON PAYMENT": "payment",
    "REFUND": "refund",
    "CHARGEBACK": "reversal",
    "REVERSAL": "reversal",
    "BATCH DISBURSEMENT": None,
    "CONVERSION": None,
    "DISBURSEMENT": None,
    "OTHER": None,
    "PLATFORM FEE": None,
    "REMITTANCE PAYOUT": None,
    "TOPUP": None,
    "TRANSFER": None,
    "WITHDRAWAL": None,
}
# Whether money moved. REVERSED is one line for a payment that came and was taken back.
MOVED = {
    "SUCCESS": True,
    "SUCCESSFUL": True,
    "SUCCEEDED": True,
    "REFUNDED": True,
    "PARTIALLY REFUNDED": True,
    "REFUND PENDING": True,
    "REVERSED": True,
    "VOIDED": True,
    "PENDING": False,
    "FAILED": False,
}


def rows(lines: Iterable[str]) -> Iterator[Settled]:
    """Payments, refunds and reversals of the report; what moved no buyer's money is left out. Raises Unreadable."""
    for line, told in records(lines, COLUMNS, required=REQUIRED):
        written, moved = _word(told["kind"]), MOVED.get(_word(told["status"]))
        if written not in KINDS or moved is None:
            raise Unreadable(line, "kind", "status" if written in KINDS else "kind")
        kind = KINDS[written]
        if kind is None or not moved:
            continue
        if told["currency"].upper() != "IDR":
            raise Unreadable(line, "currency", "currency")
        gross = abs(rupiah(told["gross"], line=line))
        fees = [told[name] for name in ("fee", "tax") if told[name]]
        fee = sum(abs(rupiah(each, line=line, column="fee", whole=False)) for each in fees)
        yield Settled(
            gateway_reference=told["gateway_reference"],
            reference=told["reference"],
            kind="reversal" if _word(told["status"]) == "REVERSED" else kind,
            gross=gross,
            fee=fee,
            at=moment(told["at"], line=line),
            line=line,
        )


def _word(told: str) -> str:
    return " ".join(told.upper().replace("_", " ").split())
