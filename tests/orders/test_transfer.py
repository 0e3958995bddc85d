"""The gateway without a company: what the buyer is told, what our books answer, and how statements are read."""

import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from orders.payments.gateway import Charge, Forged, Gateway, Method, PaymentError, Status
from orders.payments.transfer.client import Known, TransferGateway
from orders.payments.transfer.columns import amount_of, date_of
from orders.payments.transfer.statement import Credit, Debit, Refused, Row, Unreadable, open_statement

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
TODAY = date(2026, 11, 24)
REFERENCE = "0f6c1d0e-5b1f-4a63-9f5c-0d6a5a7c1b2e"
NUMBER = f"TRF-{REFERENCE}"


def known(**changes: Any) -> Known:
    values = {
        "amount": 20_000,
        "note": "MT7K3M9QXP",
        "expires_at": NOW + timedelta(hours=1),
        "received": 0,
        "first_at": None,
    }
    return Known(**(values | changes))


def gateway(book: Known | None = None, **changes: Any) -> TransferGateway:
    """A gateway whose books know one payment, or none."""
    options = {"bank": "BCA", "number": "123-456 7890", "holder": "PT Contoh", "clock": lambda: NOW}
    return TransferGateway(**(options | {"book": {REFERENCE: book}.get} | changes))


def charge(**changes: Any) -> Charge:
    values = {
        "reference": REFERENCE,
        "amount": 20_000,
        "method": Method.TRANSFER,
        "description": "2 e-meterai",
        "expires_at": NOW + timedelta(hours=1),
        "notify_url": "http://shop.example/",
        "return_url": "http://shop.example/",
    }
    return Charge(**(values | changes))


def test_the_transfer_gateway_fulfils_the_contract() -> None:
    ours = gateway()
    assert isinstance(ours, Gateway)
    assert [(offer.method, offer.fee) for offer in ours.methods()] == [(Method.TRANSFER, 0)]
    assert (ours.name, ours.is_sandbox, ours.account) == ("transfer", False, "BCA 1234567890")
    assert gateway(environment="sandbox").is_sandbox


def test_the_buyer_gets_account_amount_and_note_the_same_each_time() -> None:
    ours = gateway(known())
    started = ours.start(charge())
    assert ours.start(charge()) == started
    given = started.instructions
    assert (given.account_bank, given.account_number, given.account_holder) == ("BCA", "1234567890", "PT Contoh")
    assert (given.transfer_note, given.expires_at) == ("MT7K3M9QXP", NOW + timedelta(hours=1))
    assert (given.qr_string, given.va_number, given.pay_url) == (None, None, None)
    assert started.gateway_reference == NUMBER


@pytest.mark.parametrize("wrong", [{"amount": 30_000}, {"method": Method.QRIS}, {"reference": "another"}])
def test_a_charge_that_the_books_do_not_know_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(PaymentError) as refusal:
        gateway(known()).start(charge(**wrong))
    assert refusal.value.permanent


@pytest.mark.parametrize(
    ("book", "status", "amount"),
    [
        (known(), Status.PENDING, 20_000),
        (known(expires_at=NOW), Status.EXPIRED, 20_000),
        (known(received=20_000, first_at=NOW), Status.PAID, 20_000),
        (known(received=15_000, first_at=NOW), Status.PAID, 15_000),
        (known(received=40_000, first_at=NOW, expires_at=NOW), Status.PAID, 40_000),
    ],
)
def test_asking_answers_from_what_was_matched(book: Known, status: Status, amount: int) -> None:
    ours = gateway(book)
    standing = ours.ask(NUMBER)
    assert (standing.status, standing.amount, standing.currency) == (status, amount, "IDR")
    assert (standing.reference, standing.gateway_reference, standing.refunded) == (REFERENCE, NUMBER, 0)
    assert (standing.paid_at is not None) == (status is Status.PAID)
    assert ours.find(REFERENCE) == standing


def test_what_the_books_do_not_know_is_no_payment() -> None:
    assert gateway().find(REFERENCE) is None
    for number in (NUMBER, REFERENCE, "", "TRF-"):
        with pytest.raises(PaymentError) as refusal:
            gateway().ask(number)
        assert refusal.value.permanent


def test_nobody_notifies_and_nothing_is_refunded_by_the_gateway() -> None:
    ours = gateway(known(received=20_000, first_at=NOW))
    with pytest.raises(Forged):
        ours.read({"x-callback-token": "anything"}, b"{}", NOW)
    assert not any(ours.refunds(method) for method in Method)
    with pytest.raises(PaymentError) as refusal:
        ours.refund(NUMBER, "R1", 20_000, "surplus")
    assert refusal.value.permanent


@pytest.mark.parametrize(
    "wrong",
    [{"bank": " "}, {"holder": ""}, {"number": "12a45"}, {"number": ""}, {"environment": "test"}, {"bank": "B" * 61}],
)
def test_an_unusable_option_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        gateway(**wrong)


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("20000", 20_000),
        ("20000.00", 20_000),
        ("20000,00", 20_000),
        ("20.000", 20_000),
        ("20,000", 20_000),
        ("20.000,00", 20_000),
        ("20,000.00", 20_000),
        ("1.234.567,00", 1_234_567),
        ("1,234,567.0", 1_234_567),
        ("Rp 20.000,-", 20_000),
        ("IDR20,000.00", 20_000),
        ("'20,000.00 CR", 20_000),
        ("20,000.00DB", 20_000),
        ("-20.000,00", -20_000),
        ("(20,000)", -20_000),
        ("+20.000", 20_000),
    ],
)
def test_an_amount_is_read_in_both_number_formats(written: str, amount: int) -> None:
    assert amount_of(written) == amount


@pytest.mark.parametrize(
    "written", ["", "Rp", "abc", "1.000.00", "1,2,3", "20.0000", "1.234,567", "1e5", "2" * 16, "²"]
)
def test_an_amount_in_no_format_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        amount_of(written)


def test_part_of_a_rupiah_is_refused_and_not_rounded() -> None:
    for written in ("12.345,67", "12,345.01", "0.5"):
        with pytest.raises(ValueError, match="sen"):
            amount_of(written)


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("24/11/2026", date(2026, 11, 24)),
        ("'24/11", date(2026, 11, 24)),
        ("31/12", date(2025, 12, 31)),
        ("29/02", None),
        ("2026-11-24 10:11:12", date(2026, 11, 24)),
        ("2026-11-24T10:11:12+07:00", date(2026, 11, 24)),
        ("24/11/26 10.11.12", date(2026, 11, 24)),
        ("24-Nov-2026", date(2026, 11, 24)),
        ("1 Des 2025", date(2025, 12, 1)),
        ("24 Agustus 2026", date(2026, 8, 24)),
        ("11/24/2026", None),
        ("31/11/2026", None),
        ("Saldo Awal", None),
        ("", None),
    ],
)
def test_a_day_is_read_as_banks_write_it(written: str, day: date | None) -> None:
    assert date_of(written, last_day=TODAY) == day


BCA = """\
No. rekening : 1234567890
Nama : PT CONTOH
Periode : 01/11/2026 - 24/11/2026
Kode Mata Uang : IDR
Tanggal Transaksi,Keterangan,Cabang,Jumlah,,Saldo
'23/11,TRSF E-BANKING CR 2311/FTSCY/WS95031        20000.00MT7K3M9QXP      SITI,'0000,20000.00,CR,1234567.00
'24/11,BIAYA ADM,'0000,"15,000.00",DB,1219567.00
PEND,SWITCHING CR MT7K3M9QXP,'0998,"20,000.00",CR,1239567.00
'24/11,BUNGA,'0000,12.34,CR,1239579.34

Saldo Awal : ,,,,,1214567.00
Mutasi Debet: ,,15000.00
Mutasi Kredit: ,,20012.34
Saldo Akhir : ,,,,,1219579.34
"""
MANDIRI = """\
AccountNo,Ccy,PostDate,Remarks,AdditionalDesc,Credit Amount,Debit Amount,Close Balance
1370012345678,IDR,24/11/2026 10.11.12,TRANSFER DARI SITI,mt-7k3m-9qxp,"20,000.00",0.00,"1,020,000.00"
1370012345678,IDR,24/11/2026 11.00.00,BIAYA,,.00,"6,500.00","1,013,500.00"
"""
BRI = """\
"NOREK";"TGL_TRAN";"JAM_TRAN";"SEQ";"DESK_TRAN";"MUTASI_DEBET";"MUTASI_KREDIT";"SALDO_AKHIR_MUTASI"
"012301000123300";"2026-11-24 00:00:00";"101112";"7";"BRIMO MT7K3M9QXP";"0.00";"20000.00";"1020000.00"
"012301000123300";"2026-11-24 00:00:00";"101500";"8";"ADM";"6500.00";"0.00";"1013500.00"
"""
PLAIN = """\
Tanggal;Keterangan;Jumlah;D/K
24/11/2026;"Transfer
Siti; MT7K3M9QXP";20.000,00;K
24/11/2026;Tarik tunai;-100.000,00;
24/11/2026;Setoran;+50.000;
"""


def read(text: str | bytes, *, today: date = TODAY) -> tuple[str, list[Row]]:
    raw = text if isinstance(text, bytes) else text.encode()
    opened = open_statement(io.BytesIO(raw), today=today)
    return opened.layout, list(opened.rows())


def test_a_statement_of_bca_is_read_with_its_sums_and_what_is_not_booked_yet() -> None:
    words = "TRSF E-BANKING CR 2311/FTSCY/WS95031 20000.00MT7K3M9QXP SITI"
    assert read(BCA) == (
        "bca",
        [
            Credit(line=6, date=date(2026, 11, 23), amount=20_000, description=words, reference=""),
            Debit(line=7),
            Refused(line=8, code="pending"),
            Refused(line=9, code="sen"),
        ],
    )


def test_days_without_a_year_belong_to_the_period_of_the_statement() -> None:
    old = BCA.replace("01/11/2026 - 24/11/2026", "01/11/2024 - 30/11/2024")
    assert read(old)[1][0].date == date(2024, 11, 23)  # type: ignore[union-attr]


def test_statements_of_mandiri_and_bri_are_read() -> None:
    words = "TRANSFER DARI SITI mt-7k3m-9qxp"
    assert read(MANDIRI)[0] == "mandiri"
    assert read(MANDIRI.replace('.00,"6', '0.00,"6'))[1] == [
        Credit(line=2, date=TODAY, amount=20_000, description=words, reference=""),
        Debit(line=3),
    ]
    assert read(BRI) == (
        "bri",
        [
            Credit(line=2, date=TODAY, amount=20_000, description="BRIMO MT7K3M9QXP", reference="7"),
            Debit(line=3),
        ],
    )


def test_a_plain_file_is_read_with_semicolons_a_byte_order_mark_and_lines_in_quotes() -> None:
    assert read(b"\xef\xbb\xbf" + PLAIN.replace("\n", "\r\n").encode()) == (
        "plain",
        [
            Credit(line=2, date=TODAY, amount=20_000, description="Transfer Siti; MT7K3M9QXP", reference=""),
            Debit(line=4),
            Credit(line=5, date=TODAY, amount=50_000, description="Setoran", reference=""),
        ],
    )


def test_english_headings_with_two_columns_are_read() -> None:
    text = "Date,Description,Debit,Credit,Balance\n2026-11-24,From Siti,,20000,1\n2026-11-24,Fee,1000,,2\n"
    assert [type(row) for row in read(text)[1]] == [Credit, Debit]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("24/11/2026;x", "columns"),
        ("kemarin;x;20.000;K", "date"),
        ("25/11/2026;x;20.000;K", "future"),
        ("24/11/2026;x;dua puluh ribu;K", "amount"),
        ("24/11/2026;x;0;K", "amount"),
        ("24/11/2026;x;20.000;", "side"),
        ("24/11/2026;x;20.000;?", "side"),
        ("24/11/2026;x;20.000,50;K", "sen"),
        ("PEND;x;20.000;K", "pending"),
    ],
)
def test_a_line_that_is_not_understood_is_refused_with_its_number(row: str, code: str) -> None:
    good = "24/11/2026;Siti;20.000;K"
    _, rows = read(f"Tanggal;Keterangan;Jumlah;D/K\n{good}\n{row}\n{good}\n")
    assert rows[1] == Refused(line=3, code=code)
    assert isinstance(rows[0], Credit) and isinstance(rows[2], Credit)


def test_a_transfer_whose_words_begin_like_a_sum_is_money_all_the_same() -> None:
    text = "Keterangan;Tanggal;Jumlah;D/K\nTotal MT7K3M9QXP;24/11/2026;20.000;K\nTotal;;20.000;K\n"
    assert [type(row) for row in read(text)[1]] == [Credit]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "heading"),
        (b"Nama,Alamat\nSiti,Jakarta\n", "heading"),
        (b"Tanggal,Keterangan\n24/11/2026,tanpa jumlah\n", "heading"),
        (b"%PDF-1.7\n" + bytes(range(256)) * 20, "heading"),
        (b"x\n" * 50 + PLAIN.encode(), "heading"),
        (b"Tanggal;Keterangan;Jumlah;D/K\n24/11/2026;" + b"x" * 5000 + b";20.000;K\n", "line"),
        (b'Tanggal;Keterangan;Jumlah;D/K\n24/11/2026;"Siti;20.000;K\n', "quotes"),
    ],
)
def test_what_is_no_statement_is_refused_whole(raw: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        read(raw)
    assert refusal.value.code == code
