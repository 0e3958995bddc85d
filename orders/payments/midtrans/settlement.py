"""Midtrans's balance statement and withdrawal report as CSV: which headings it has, and what its words mean.

docs.midtrans.com/docs/balance-page-manage-withdraw-your-funds names the columns in English; the Indonesian headings,
the words of a line's type and status, and "Refund Type" are read from its examples and change logs: see README.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orders.payments import settlement
from orders.payments.settlement import Columns, Kind, Settled, Unreadable

COLUMNS: Columns = {
    "order": ("Order ID", "Nomor pesanan"),
    "type": ("Transaction Type", "Payment method or transaction type", "Type", "Tipe transaksi"),
    "refund_type": ("Refund Type", "Tipe refund"),
    "status": ("Status", "Transaction status"),
    "gross": ("Amount", "Gross amount", "Jumlah", "Nominal"),
    "fee": ("Fee", "Fees", "Biaya"),
    "at": ("Settlement time", "Date & Time", "Date and time", "Transaction time", "Tanggal & waktu"),
}
REQUIRED = ("order", "type", "gross")
KINDS: dict[str, Kind] = {
    "payment": "payment",
    "pembayaran": "payment",
    "capture": "payment",
    "settlement": "payment",
    "qris": "payment",
    "bank transfer": "payment",
    "bank_transfer": "payment",
    "refund": "refund",
    "partial refund": "refund",
    "partial_refund": "refund",
    "pengembalian dana": "refund",
    "chargeback": "reversal",
    "partial_chargeback": "reversal",
    "reversal": "reversal",
}
# Money that goes between Midtrans and ourselves belongs to no payment.
ASIDE = frozenset(
    {
        "withdrawal",
        "penarikan dana",
        "payout",
        "disbursement",
        "top up",
        "topup",
        "balance transfer",
        "wallet transaction",
        "fee",
        "account verification",
    }
)
# A payment whose money went back later keeps its own line, told by the word for that.
DONE = frozenset(
    {
        "",
        "success",
        "successful",
        "sukses",
        "berhasil",
        "settlement",
        "settled",
        "capture",
        "refund",
        "partial refund",
        "partial_refund",
        "chargeback",
        "partial_chargeback",
    }
)
NOT_DONE = frozenset({"pending", "expired", "expire", "cancelled", "cancel", "failed", "failure", "deny"})


def rows(lines: Iterable[str], columns: Columns = COLUMNS) -> Iterator[Settled]:
    """Lines whose money moved; what is pending or given up, and what is no payment, is left out. Raises Unreadable."""
    for line, found in settlement.records(lines, columns, required=REQUIRED):
        kind = _kind(found, line)
        if kind is None:
            continue
        yield Settled(
            gateway_reference=found["order"],
            reference=found["order"],
            kind=kind,
            gross=abs(settlement.rupiah(found["gross"], line=line)),
            fee=abs(settlement.rupiah(found["fee"] or "0", line=line, column="fee", whole=False)),
            at=settlement.moment(found["at"], line=line),
            line=line,
        )


def _kind(found: dict[str, str], line: int) -> Kind | None:
    word, status = found["type"].casefold(), found["status"].casefold()
    if word in ASIDE:
        return None
    kind = KINDS.get(word)
    if kind is None:
        raise Unreadable(line, "kind", "type")
    if kind == "refund" and "chargeback" in found["refund_type"].casefold():
        kind = "reversal"
    if status not in DONE | NOT_DONE:
        raise Unreadable(line, "kind", "status")
    return kind if status in DONE else None
