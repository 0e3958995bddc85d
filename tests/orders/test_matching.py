"""Money on our own account: each transfer is credited once, to its order, and none is lost."""

import io
import threading
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test import Client
from django.utils import timezone

from meterai import states
from meterai.models import Batch, Flip, Stamp
from orders import matching, ordering, paying, refunding, reserving, statements
from orders.models import BankEntry, BankStatement, Discrepancy, Notification, Order, Payment, Refund
from orders.payments.transfer.statement import Unreadable
from tests import factories

pytestmark = pytest.mark.django_db

ACCOUNT = "BCA 1234567890"
HEADING = "Tanggal;Keterangan;Jumlah;D/K"


@pytest.fixture(autouse=True)
def by_transfer(settings: Any) -> None:
    """The shop takes transfers to one account, beside the sandbox."""
    options = {"bank": "BCA", "number": "1234567890", "holder": "PT Contoh"}
    sandbox = {"url": "http://127.0.0.1:9", "server_key": "key", "notify_secret": "whsec_bm90IGEgcmVhbCBzZWNyZXQ="}
    settings.GATEWAY_SETTINGS = {"transfer": options, "sandbox": sandbox}


@pytest.fixture
def order(stock: Batch, now: datetime) -> Order:
    """Siti's order of two stamps; she knows where to transfer."""
    return ordered(now)


@pytest.fixture
def payment(order: Order) -> Payment:
    return order.payments.get()


def ordered(now: datetime) -> Order:
    order = factories.order(at=now, gateway="transfer", method="transfer")
    paying.start(payment=order.payments.get(), at=now)
    return order


def row(words: str, amount: str = "20.000,00", *, day: date | None = None, side: str = "K") -> str:
    return f"{day or timezone.localdate():%d/%m/%Y};{words};{amount};{side}"


def take_in(*rows: str, at: datetime, account: str = ACCOUNT, heading: str = HEADING) -> BankStatement:
    file = io.BytesIO("\n".join([heading, *rows, ""]).encode())
    return statements.take_in(file=file, account=account, name="mutasi.csv", by=factories.person("petugas"), at=at)


def came(*rows: str, at: datetime) -> list[BankEntry]:
    """Take a statement in and match it; the entries as they are then, in the file's order."""
    statement = take_in(*rows, at=at)
    matching.match_due(at=at)
    return list(statement.entries.order_by("line"))


def sold() -> int:
    return Stamp.objects.filter(state="sold").count()


def test_the_buyer_is_told_where_to_transfer_and_what_to_write(order: Order, payment: Payment) -> None:
    given = payment.instructions
    assert payment.state == "pending"
    assert (given["account_bank"], given["account_number"], given["account_holder"]) == (
        "BCA",
        "1234567890",
        "PT Contoh",
    )
    assert given["transfer_note"] == order.code.replace("-", "")


def test_a_transfer_with_the_note_pays_the_order(order: Order, payment: Payment, now: datetime) -> None:
    [entry] = came(row(f"TRSF E-BANKING CR 20000.00{payment.instructions['transfer_note']} SITI"), at=now)
    order.refresh_from_db()
    payment.refresh_from_db()
    assert (entry.state, entry.payment, order.state, payment.state) == ("matched", payment, "paid", "paid")
    assert (payment.received, sold()) == (20_000, 2)
    assert payment.paid_at == payment.created_at, "the statement gives the day only; not before the order was placed"
    flip = Flip.objects.get(noun="orders.bankentry", row=str(entry.pk))
    assert (flip.old, flip.new, flip.actor) == ("new", "matched", "matcher")


@pytest.mark.parametrize(
    "written",
    [
        "{code}",
        "{code} siti",
        "pembelian {lower}",
        "{plain}",
        "x{plain}y",
        "{first} {second}",
        "{first}-{second}",
        "mt {second_lower_with_blanks}",
        "FEE {plain} ATM TRANSFER 0812345678",
    ],
)
def test_the_code_is_found_however_it_is_written(order: Order, now: datetime, written: str) -> None:
    plain = order.code.replace("-", "")
    words = written.format(
        code=order.code,
        lower=order.code.lower(),
        plain=plain,
        first=plain[:5],
        second=plain[5:],
        second_lower_with_blanks=" ".join(plain[2:].lower()),
    )
    [entry] = came(row(words), at=now)
    order.refresh_from_db()
    assert (entry.state, order.state) == ("matched", "paid")


def test_the_same_file_twice_credits_nothing_twice(order: Order, payment: Payment, now: datetime) -> None:
    first = take_in(row(order.code), at=now)
    with pytest.raises(statements.AlreadyRead) as refusal:
        take_in(row(order.code), at=now)
    assert refusal.value.statement == first
    matching.match_due(at=now)
    assert matching.match_due(at=now + timedelta(hours=1)) == 0
    payment.refresh_from_db()
    assert (payment.received, Refund.objects.count(), BankEntry.objects.count()) == (20_000, 0, 1)


def test_overlapping_files_credit_nothing_twice(order: Order, payment: Payment, now: datetime) -> None:
    came(row("GAJI", "5.000.000"), row(order.code), at=now)
    second = take_in(row(f"  {order.code.lower()} "), row("SEWA", "1.000.000"), at=now)
    assert (second.new_credits, second.known_credits) == (1, 1)
    matching.match_due(at=now)
    payment.refresh_from_db()
    assert (payment.received, payment.state, Refund.objects.count()) == (20_000, "paid", 0)


def test_identical_rows_of_one_day_are_as_many_transfers_as_there_are(
    order: Order, payment: Payment, now: datetime
) -> None:
    came(row(order.code), at=now)
    second = take_in(row(order.code), row(order.code), at=now)
    assert (second.new_credits, second.known_credits) == (1, 1)
    matching.match_due(at=now)
    payment.refresh_from_db()
    assert payment.received == 40_000


def test_the_database_itself_refuses_an_entry_twice(order: Order, now: datetime) -> None:
    [entry] = came(row(order.code), at=now)
    entry.pk = None
    with pytest.raises(IntegrityError, match="entry_once_a_bank"), transaction.atomic():
        entry.save(force_insert=True)
    statement = BankStatement.objects.get()
    statement.pk = None
    with pytest.raises(IntegrityError, match="statement_file_once"), transaction.atomic():
        statement.save(force_insert=True)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("entry_has_amount", {"amount": 0}),
        ("entry_matched_has_payment", {"state": "matched"}),
        ("entry_unmatched_has_cause", {"cause": ""}),
        ("entry_decided_has_reason", {"reason": "", "decided_by": 1}),
        ("entry_aside_by_a_person", {"state": "aside"}),
        ("orders_bankentry_arrows", {"state": "new"}),
    ],
)
def test_the_database_refuses_an_entry_that_makes_no_sense(
    now: datetime, constraint: str, values: dict[str, Any]
) -> None:
    [entry] = came(row("tanpa kode"), at=now)
    assert entry.state == "unmatched"
    if "decided_by" in values:
        values = values | {"decided_by": factories.person("petugas")}
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        BankEntry.objects.filter(pk=entry.pk).update(**values)


def test_a_statement_is_written_once(now: datetime) -> None:
    statement = take_in(row("x"), at=now)
    with pytest.raises(IntegrityError, match="orders_bankstatement_written_once"), transaction.atomic():
        BankStatement.objects.filter(pk=statement.pk).update(debits=7)


def test_too_little_is_held_for_a_person_and_the_rest_pays_the_order(
    order: Order, payment: Payment, now: datetime
) -> None:
    [entry] = came(row(order.code, "15.000"), at=now)
    order.refresh_from_db()
    payment.refresh_from_db()
    assert (entry.state, payment.state, payment.received, order.state) == ("matched", "held", 15_000, "pending")
    assert (Discrepancy.objects.get().expected, Discrepancy.objects.get().found) == (20_000, 15_000)
    came(row(f"sisanya {order.code}", "5.000"), at=now)
    order.refresh_from_db()
    payment.refresh_from_db()
    assert (payment.state, payment.received, order.state, sold()) == ("paid", 20_000, "paid", 2)
    assert not Discrepancy.objects.filter(state="open").exists()


def test_too_much_pays_the_order_and_the_surplus_is_to_go_back(order: Order, payment: Payment, now: datetime) -> None:
    came(row(order.code, "25.000"), at=now)
    order.refresh_from_db()
    refund = Refund.objects.get()
    assert (order.state, refund.reason, refund.amount) == ("paid", "overpaid", 5_000)
    assert (refund.way, refund.state) == ("transfer", "account"), "no gateway can send it back: the buyer is asked"


def test_a_second_transfer_for_one_order_is_to_go_back(order: Order, payment: Payment, now: datetime) -> None:
    entries = came(row(order.code), row(order.code), at=now)
    payment.refresh_from_db()
    assert [entry.state for entry in entries] == ["matched", "matched"]
    assert (payment.state, payment.received, payment.refunded, sold()) == ("paid", 40_000, 20_000, 2)
    assert [(refund.reason, refund.amount) for refund in Refund.objects.all()] == [("overpaid", 20_000)]


def test_every_further_transfer_for_one_order_is_to_go_back(order: Order, payment: Payment, now: datetime) -> None:
    came(row(order.code), row(order.code), row(order.code, "7.000"), at=now)
    payment.refresh_from_db()
    assert (payment.state, payment.received, payment.refunded) == ("paid", 47_000, 27_000)
    assert sorted(refund.amount for refund in Refund.objects.all()) == [7_000, 20_000]


def test_money_for_which_no_refund_is_left_waits_for_a_person(
    order: Order, payment: Payment, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The matcher does not trust: should settling ever leave a rupiah in no place, the entry is not matched."""
    with monkeypatch.context() as patch:
        patch.setattr(refunding, "give_back", lambda **values: None)
        first, second = came(row(order.code), row(order.code), at=now)
    payment.refresh_from_db()
    assert (first.state, second.state, second.cause) == ("matched", "unmatched", "unsettled")
    assert (payment.received, Refund.objects.count()) == (20_000, 0)
    matching.match_by_hand(entry=second, order=order, reason="sekali lagi", by=factories.person("petugas"), at=now)
    assert Refund.objects.get().amount == 20_000


def test_money_for_a_payment_that_went_back_goes_back_too(order: Order, payment: Payment, now: datetime) -> None:
    came(row(order.code, "5.000"), at=now)
    refund = refunding.give_back_held(payment=payment, why="pembeli batal", by=factories.person("petugas"), at=now)
    [late] = came(row(f"sisanya {order.code}", "15.000"), at=now)
    assert (late.state, late.cause) == ("unmatched", "ended"), "what was given up is not made whole by itself"
    factories_account(refund)
    refunding.done(refund=refund, at=now, actor="petugas")
    matching.match_by_hand(entry=late, order=order, reason="kembalikan", by=factories.person("petugas"), at=now)
    payment.refresh_from_db()
    assert (payment.state, payment.received, payment.refunded) == ("refunded", 20_000, 20_000)
    assert sold() == 0


def test_a_transfer_for_an_order_that_was_paid_otherwise_goes_back(
    order: Order, payment: Payment, now: datetime
) -> None:
    paying.settle(payment=payment, standing=factories.standing(payment, "expired", at=now), at=now)
    other = ordering.pay_again(order=order, gateway="sandbox", method="qris", at=now)
    states.move(other, to="pending", at=now, gateway_reference="SBX00000000000000000001")
    paying.settle(payment=other, standing=factories.standing(other, at=now), at=now)
    came(row(order.code), at=now)
    payment.refresh_from_db()
    refund = Refund.objects.get()
    assert (payment.state, refund.payment, refund.reason, refund.amount) == ("paid", payment, "surplus", 20_000)
    assert sold() == 2


def test_late_money_gets_other_stamps(order: Order, payment: Payment, now: datetime) -> None:
    late = payment.expires_at + timedelta(hours=1)
    assert reserving.release_expired(at=late) == 1
    came(row(order.code), at=late)
    order.refresh_from_db()
    assert (order.state, sold()) == ("paid", 2)


def test_late_money_without_stock_goes_back(order: Order, payment: Payment, now: datetime) -> None:
    late = payment.expires_at + timedelta(hours=1)
    reserving.release_expired(at=late)
    factories.order(at=late, quantity=29)
    came(row(order.code), at=late)
    refund = Refund.objects.get()
    assert (refund.reason, refund.amount, sold()) == ("sold_out", 20_000, 0)


@pytest.mark.parametrize("cause", ["no_code", "several", "no_transfer", "ended"])
def test_what_no_rule_can_place_is_listed_for_a_person(
    order: Order, payment: Payment, now: datetime, cause: str
) -> None:
    words = order.code
    if cause == "no_code":
        words = "MT-0000-0000 SITI"
    elif cause == "several":
        words = f"{order.code} {ordered(now).code}"
    elif cause == "no_transfer":
        words = factories.order(at=now).code
    else:
        came(row(f"pertama {order.code}"), at=now)
        payment.refresh_from_db()
        states.move(payment, to="reversed", at=now)
    [entry] = came(row(words, "20.000"), row("x", "1", side="D"), at=now)
    assert (entry.state, entry.cause, entry.payment) == ("unmatched", cause, None)


def test_a_sum_that_no_payment_can_hold_waits_for_a_person(order: Order, payment: Payment, now: datetime) -> None:
    [entry] = came(row(order.code, "5.000.000.000"), at=now)
    payment.refresh_from_db()
    assert (entry.state, entry.cause, payment.state, payment.received) == ("unmatched", "unsettled", "pending", 0)


def test_where_transfers_are_no_longer_taken_the_money_waits_for_a_person(
    order: Order, payment: Payment, settings: Any, now: datetime
) -> None:
    settings.GATEWAY_SETTINGS = {"sandbox": settings.GATEWAY_SETTINGS["sandbox"]}
    [entry] = came(row(order.code), at=now)
    assert (entry.state, entry.cause) == ("unmatched", "no_transfer")


def test_a_person_matches_by_hand_with_a_reason(order: Order, payment: Payment, now: datetime) -> None:
    [entry] = came(row("SITI AMINAH"), at=now)
    petugas = factories.person("petugas")
    matching.match_by_hand(entry=entry, order=order, reason="nama dan jumlah cocok", by=petugas, at=now)
    entry.refresh_from_db()
    order.refresh_from_db()
    assert (entry.state, entry.payment, entry.decided_by, entry.reason) == (
        "matched",
        payment,
        petugas,
        "nama dan jumlah cocok",
    )
    assert order.state == "paid"
    flip = Flip.objects.filter(noun="orders.bankentry", row=str(entry.pk)).latest("pk")
    assert (flip.actor, flip.reason) == ("petugas", "nama dan jumlah cocok")
    with pytest.raises(states.NoSuchArrow):
        matching.match_by_hand(entry=entry, order=order, reason="sekali lagi", by=petugas, at=now)
    entry.refresh_from_db()
    assert entry.reason == "nama dan jumlah cocok"


def test_a_hand_that_cannot_match_changes_nothing(stock: Batch, now: datetime) -> None:
    [entry] = came(row("SITI AMINAH"), at=now)
    with pytest.raises(matching.Unmatchable) as refusal:
        other = factories.order(at=now)
        matching.match_by_hand(entry=entry, order=other, reason="coba", by=factories.person("petugas"), at=now)
    assert refusal.value.cause == "no_transfer"
    entry.refresh_from_db()
    assert (entry.state, entry.decided_by, entry.reason) == ("unmatched", None, "")


def test_money_for_no_order_is_set_aside_and_can_still_be_an_orders(
    order: Order, payment: Payment, now: datetime
) -> None:
    [entry] = came(row("SETORAN RESELLER"), at=now)
    petugas = factories.person("petugas")
    matching.set_aside(entry=entry, reason="setoran reseller", by=petugas, at=now)
    assert (entry.state, entry.payment) == ("aside", None)
    matching.match_by_hand(entry=entry, order=order, reason="ternyata pembeli", by=petugas, at=now)
    order.refresh_from_db()
    assert order.state == "paid"


def test_a_person_is_shown_the_orders_that_wait_for_this_amount(order: Order, payment: Payment, now: datetime) -> None:
    entries = came(row("SITI AMINAH"), row("SITI", "21.000"), at=now)
    assert matching.likely(entries[0]) == [payment]
    assert matching.likely(entries[1]) == []


def test_lines_that_are_not_understood_are_reported_with_their_numbers(order: Order, now: datetime) -> None:
    statement = take_in(row(order.code), "kemarin;x;20.000;K", row("x", "1,50"), row("y", side=""), at=now)
    statement.refresh_from_db()
    assert statement.refused_lines == [[3, "date"], [4, "sen"], [5, "side"]]
    assert (statement.new_credits, statement.debits, statement.layout) == (1, 0, "plain")


def test_days_in_another_layout_are_refused_since_nothing_could_be_recognised(order: Order, now: datetime) -> None:
    came(row(order.code), at=now)
    english = f"{timezone.localdate():%Y-%m-%d},{order.code},20000.00,0,1"
    heading = "TGL_TRAN,DESK_TRAN,MUTASI_KREDIT,MUTASI_DEBET,SALDO"
    with pytest.raises(statements.OtherLayout):
        take_in(english, at=now, heading=heading)
    assert (BankStatement.objects.count(), BankEntry.objects.count()) == (1, 1)
    take_in(english, at=now, heading=heading, account="BRI 12345")


@pytest.mark.parametrize(
    ("rows", "code"),
    [([], "empty"), (["x;y;z;K"] * (statements.MOST_REFUSED + 1), "refused"), (["x" * 100] * 30_000, "large")],
)
def test_a_file_that_cannot_be_a_statement_leaves_nothing_behind(now: datetime, rows: list[str], code: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        take_in(*rows, at=now)
    assert refusal.value.code == code
    assert (BankStatement.objects.count(), BankEntry.objects.count()) == (0, 0)


class Killed(BaseException):
    """What a process meets when it dies; no step catches it."""


def test_a_reading_that_is_killed_leaves_nothing_and_the_file_can_be_sent_again(
    order: Order, payment: Payment, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(f"lain {number}") for number in range(1200)] + [row(order.code)]
    chunks = []
    write = BankEntry.objects.bulk_create

    def dies(entries: list[BankEntry], **options: Any) -> Any:
        chunks.append(len(entries))
        if len(chunks) == 3:
            raise Killed
        return write(entries, **options)

    with monkeypatch.context() as patch:
        patch.setattr(type(BankEntry.objects), "bulk_create", lambda self, entries, **options: dies(entries, **options))
        with pytest.raises(Killed):
            take_in(*rows, at=now)
    assert chunks == [500, 500, 201]
    assert (BankStatement.objects.count(), BankEntry.objects.count()) == (0, 0)
    assert take_in(*rows, at=now).new_credits == 1201


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_matcher_that_is_killed_loses_and_doubles_nothing(
    order: Order, payment: Payment, now: datetime, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    take_in(row(order.code), at=now)
    settle = paying.settle

    def dies(**values: Any) -> None:
        if moment == "after":
            settle(**values)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(paying, "settle", dies)
        with pytest.raises(Killed):
            matching.match_due(at=now)
    payment.refresh_from_db()
    assert (BankEntry.objects.get().state, payment.state, sold()) == ("new", "pending", 0)
    assert matching.match_due(at=now) == 0, "the killed worker's lease still runs"
    assert matching.match_due(at=now + matching.LEASE) == 1
    payment.refresh_from_db()
    assert (BankEntry.objects.get().state, payment.state, payment.received, sold()) == ("matched", "paid", 20_000, 2)


def test_asking_about_a_transfer_never_undoes_what_was_matched(order: Order, payment: Payment, now: datetime) -> None:
    came(row(order.code, "15.000"), at=now)
    for _ in range(3):
        payment.refresh_from_db()
        paying.check(payment=payment, at=now)
    payment.refresh_from_db()
    assert (payment.state, payment.received) == ("held", 15_000)
    came(row(order.code, "5.000"), at=now)
    payment.refresh_from_db()
    paying.check(payment=payment, at=now)
    payment.refresh_from_db()
    assert (payment.state, payment.received, Refund.objects.count()) == ("paid", 20_000, 0)


def test_a_transfer_nobody_made_expires(order: Order, payment: Payment, settings: Any, now: datetime) -> None:
    Payment.objects.filter(pk=payment.pk).update(expires_at=now - timedelta(seconds=1))
    paying.check(payment=payment, at=now)
    payment.refresh_from_db()
    assert payment.state == "expired"


def test_the_refund_of_a_surplus_leaves_the_payment_paid(order: Order, payment: Payment, now: datetime) -> None:
    came(row(order.code), row(order.code), at=now)
    refund = Refund.objects.get()
    factories_account(refund)
    refunding.done(refund=refund, at=now, actor="petugas", reason="bukti transfer 7")
    payment.refresh_from_db()
    paying.check(payment=payment, at=now)
    payment.refresh_from_db()
    assert (payment.state, payment.received, payment.refunded, Refund.objects.count()) == ("paid", 40_000, 20_000, 1)


def factories_account(refund: Refund) -> None:
    """The buyer told where the money may go."""
    told = {"bank": "BCA", "account_number": "999", "account_holder": "Siti"}
    states.move(refund, to=Refund.State.REQUESTED, at=timezone.now(), **told)


@pytest.mark.django_db(transaction=True)
def test_two_transfers_matched_at_the_same_moment_are_summed(order: Order, payment: Payment, now: datetime) -> None:
    take_in(row(order.code), row(order.code), at=now)
    meet(lambda: matching.match_due(at=now, limit=1), times=2)
    payment.refresh_from_db()
    assert set(BankEntry.objects.values_list("state", flat=True)) == {"matched"}
    assert (payment.received, [refund.amount for refund in Refund.objects.all()]) == (40_000, [20_000])


@pytest.mark.django_db(transaction=True)
def test_without_the_orders_lock_one_of_two_transfers_would_be_forgotten(
    order: Order, payment: Payment, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race itself: each sees only its own entry, and the second money is in no sum. The lock prevents it."""
    take_in(row(order.code), row(order.code), at=now)
    both_have_summed = threading.Barrier(2, timeout=10)
    settle = paying.settle

    def waits(**values: Any) -> None:
        both_have_summed.wait()
        settle(**values)

    monkeypatch.setattr(Order.objects.__class__, "select_for_update", lambda self, **options: self.all())
    monkeypatch.setattr(paying, "settle", waits)
    meet(lambda: matching.match_due(at=now, limit=1), times=2)
    payment.refresh_from_db()
    assert (payment.received, Refund.objects.count()) == (20_000, 0)


@pytest.mark.django_db(transaction=True)
def test_one_file_sent_twice_at_the_same_moment_is_read_once(order: Order, now: datetime) -> None:
    rows = [row(f"lain {number}") for number in range(50)] + [row(order.code)]
    refused = []

    def send() -> None:
        try:
            take_in(*rows, at=now)
        except statements.AlreadyRead:
            refused.append(1)

    factories.person("petugas")
    meet(send, times=3)
    assert (len(refused), BankStatement.objects.count(), BankEntry.objects.count()) == (2, 1, 51)


def meet(act: Any, *, times: int) -> None:
    """Run `act` in so many threads at once, each on a connection of its own; an error in one fails the test."""
    together, troubles = threading.Barrier(times, timeout=10), []

    def run() -> None:
        try:
            together.wait()
            act()
        except Exception as trouble:
            troubles.append(trouble)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert troubles == [] and connection.connection is not None


def test_whoever_notifies_us_of_a_transfer_is_refused(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.post("/gerbang/transfer/notifikasi", data={"paid": "yes"}, content_type="application/json")
    assert answer.status_code == 401
    assert not Notification.objects.exists()
    assert len([record for record in caplog.records if record.name == "orders.webhooks"]) == 1
