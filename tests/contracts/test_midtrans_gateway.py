"""Midtrans over real HTTP: charges, what became of them, refunds, and a company that answers badly."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orders.payments import http
from orders.payments.gateway import Charge, Gateway, Method, PaymentError, RefundStatus, Status
from orders.payments.midtrans.client import MidtransGateway
from orders.payments.registry import gateway as built
from tests.contracts.midtrans_server import SERVER_KEY, MidtransServer

NOTIFY_URL = "https://shop.example/gerbang/midtrans/notifikasi"


@pytest.fixture
def server() -> Iterator[MidtransServer]:
    with MidtransServer() as server:
        yield server


@pytest.fixture(params=[False, True], ids=["http status", "status in the body only"])
def either_server(request: pytest.FixtureRequest) -> Iterator[MidtransServer]:
    with MidtransServer(plain_http=request.param) as server:
        yield server


def client(server: MidtransServer, **options: str) -> MidtransGateway:
    return MidtransGateway(**{"server_key": SERVER_KEY, "environment": "sandbox", "url": server.url} | options)


def charge(*, method: Method = Method.QRIS, lasts: timedelta = timedelta(minutes=30)) -> Charge:
    return Charge(
        reference=str(uuid.uuid4()),
        amount=20_000,
        method=method,
        description="2 e-meterai, pesanan ABC-DEF, dan keterangan yang terlalu panjang",
        expires_at=datetime.now(UTC) + lasts,
        notify_url=NOTIFY_URL,
        return_url="https://shop.example/pesanan/ABC",
    )


def begun(server: MidtransServer, *, method: Method = Method.QRIS, paid: bool = False) -> str:
    wanted = charge(method=method)
    client(server).start(wanted)
    if paid:
        server.pay(wanted.reference)
    return wanted.reference


def test_midtrans_fulfils_the_contract(server: MidtransServer) -> None:
    gateway = client(server, fee_qris="150", fee_va="4000", va_bank="bri")
    assert isinstance(gateway, Gateway)
    assert [(offer.method, offer.fee, offer.label) for offer in gateway.methods()] == [
        (Method.QRIS, 150, "QRIS"),
        (Method.VIRTUAL_ACCOUNT, 4000, "Virtual account BRI"),
    ]
    assert gateway.is_sandbox and not client(server, environment="production").is_sandbox


def test_the_environment_decides_the_address_unless_one_is_given() -> None:
    for environment, address in (
        ("production", "https://api.midtrans.com"),
        ("sandbox", "https://api.sandbox.midtrans.com"),
    ):
        gateway = built("midtrans", configuration={"midtrans": {"server_key": "k", "environment": environment}})
        assert repr(gateway) == f"<MidtransGateway {address}>"


def test_a_qris_charge_shows_the_code_and_asks_for_notifications_here(server: MidtransServer) -> None:
    wanted = charge()
    started = client(server).start(wanted)
    assert started.gateway_reference == wanted.reference
    told = started.instructions
    assert (told.qr_string, told.va_number, told.va_bank, told.pay_url) == (
        f"00020101021226{wanted.reference}",
        None,
        None,
        None,
    )
    assert abs(told.expires_at - wanted.expires_at) < timedelta(seconds=3)
    assert server.transactions[wanted.reference]["notify_url"] == NOTIFY_URL


@pytest.mark.parametrize(
    ("bank", "number"),
    [
        ("bca", "91019021579"),
        ("bni", "91019021579"),
        ("bri", "91019021579"),
        ("permata", "8778000002332015"),
    ],
)
def test_a_virtual_account_is_opened_at_the_bank_of_our_choice(server: MidtransServer, bank: str, number: str) -> None:
    told = client(server, va_bank=bank).start(charge(method=Method.VIRTUAL_ACCOUNT)).instructions
    assert (told.va_bank, told.va_number, told.qr_string, told.pay_url) == (bank.upper(), number, None, None)


def test_a_code_that_is_not_written_out_is_shown_as_midtranss_picture(server: MidtransServer) -> None:
    server.shows_qr_string = False
    wanted = charge()
    told = client(server).start(wanted).instructions
    number = server.transactions[wanted.reference]["transaction_id"]
    assert (told.qr_string, told.pay_url) == (None, f"{server.url}/v2/qris/{number}/qr-code")


@pytest.mark.parametrize("trouble", ["lost", "silent"])
def test_a_start_whose_answer_was_lost_gives_the_same_answer_again(
    server: MidtransServer, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT", (0.5, 0.3))
    wanted, gateway = charge(), client(server)
    server.trouble = [trouble]
    with pytest.raises(PaymentError) as lost:
        gateway.start(wanted)
    assert not lost.value.permanent
    started = gateway.start(wanted)
    assert started == gateway.start(wanted)
    assert started.instructions.qr_string and len(server.transactions) == 1


@pytest.mark.parametrize("method", [Method.QRIS, Method.VIRTUAL_ACCOUNT])
def test_a_start_repeated_after_the_key_was_forgotten_finds_the_payment(
    either_server: MidtransServer, method: Method
) -> None:
    wanted, gateway = charge(method=method), client(either_server)
    first = gateway.start(wanted)
    either_server.forget_keys()
    again = gateway.start(wanted)
    assert again.gateway_reference == first.gateway_reference
    assert len(either_server.transactions) == 1
    if method is Method.QRIS:  # the picture is all that is left
        assert again.instructions.pay_url and again.instructions.pay_url.endswith("/qr-code")
    else:
        assert again == first


def test_a_start_too_late_to_pay_finds_the_earlier_one_or_gives_up(server: MidtransServer) -> None:
    wanted, gateway = charge(method=Method.VIRTUAL_ACCOUNT), client(server)
    first = gateway.start(wanted)
    late = replace(wanted, expires_at=datetime.now(UTC) + timedelta(seconds=5))
    assert gateway.start(late) == first
    with pytest.raises(PaymentError, match="404") as refusal:
        gateway.start(replace(late, reference=str(uuid.uuid4())))
    assert refusal.value.permanent


def test_simultaneous_starts_make_one_payment(server: MidtransServer) -> None:
    wanted, gateway = charge(method=Method.VIRTUAL_ACCOUNT), client(server)
    with ThreadPoolExecutor(4) as pool:
        started = list(pool.map(lambda _: gateway.start(wanted), range(8)))
    assert len({each.gateway_reference for each in started}) == len(server.transactions) == 1


@pytest.mark.parametrize("change", [{"amount": 30_000}, {"method": Method.VIRTUAL_ACCOUNT}])
def test_the_same_reference_for_another_charge_is_refused(server: MidtransServer, change: dict[str, Any]) -> None:
    wanted, gateway = charge(), client(server)
    gateway.start(wanted)
    server.forget_keys()
    with pytest.raises(PaymentError, match="another charge") as refusal:
        gateway.start(replace(wanted, **change))
    assert refusal.value.permanent


@pytest.mark.parametrize(
    ("change", "permanent"),
    [
        ({"gross_amount": "19999.00"}, True),
        ({"gross_amount": "20000.50"}, False),
        ({"gross_amount": 20000}, False),
        ({"currency": "USD"}, True),
        ({"currency": None}, True),
        ({"order_id": "another"}, True),
        ({"payment_type": "gopay"}, True),
        ({"transaction_status": "deny"}, True),
        ({"expiry_time": "soon"}, False),
        ({"status_code": "200"}, None),
        ({"status_code": "soon"}, False),
    ],
)
def test_a_charge_is_believed_only_when_it_is_what_we_asked_for(
    server: MidtransServer, change: dict[str, Any], permanent: bool | None
) -> None:
    server.change = change
    if permanent is None:
        assert client(server).start(charge())
        return
    with pytest.raises(PaymentError) as refusal:
        client(server).start(charge())
    assert refusal.value.permanent is permanent


@pytest.mark.parametrize(
    "numbers",
    [
        [],
        None,
        [{"bank": "bni", "va_number": "91019021579"}],
        [{"bank": "bca", "va_number": "91019021579"}, {"bank": "bca", "va_number": "91019021580"}],
        [{"bank": "bca", "va_number": "<b>91019021579</b>"}],
        [{"bank": "bca"}],
    ],
)
def test_an_account_number_that_is_not_one_of_our_bank_is_not_shown(server: MidtransServer, numbers: object) -> None:
    server.change = {"va_numbers": numbers}
    with pytest.raises(PaymentError, match="va_number") as unknown:
        client(server).start(charge(method=Method.VIRTUAL_ACCOUNT))
    assert not unknown.value.permanent


@pytest.mark.parametrize(
    "change",
    [
        {"actions": [{"name": "generate-qr-code", "url": "javascript:alert(1)"}]},
        {"actions": [{"name": "generate-qr-code"}]},
        {"actions": [], "transaction_id": "../charge"},
        {"actions": None, "transaction_id": None},
    ],
)
def test_a_picture_that_lies_nowhere_is_not_shown(server: MidtransServer, change: dict[str, Any]) -> None:
    server.shows_qr_string, server.change = False, change
    with pytest.raises(PaymentError, match="no usable") as unknown:
        client(server).start(charge())
    assert not unknown.value.permanent


def test_a_breakdown_is_unknown_whatever_the_body_says(server: MidtransServer) -> None:
    server.answer = lambda seen: (502, {"status_code": "404"})  # type: ignore[method-assign]
    with pytest.raises(PaymentError, match="502") as unknown:
        client(server).find(str(uuid.uuid4()))
    assert not unknown.value.permanent


def test_a_request_still_at_work_is_neither_taken_nor_refused(server: MidtransServer) -> None:
    server.answer = lambda seen: (202, {"status_code": "202"})  # type: ignore[method-assign]
    with pytest.raises(PaymentError, match="still at work") as unknown:
        client(server).start(charge())
    assert not unknown.value.permanent


def test_a_method_midtrans_does_not_have_is_refused_without_asking(server: MidtransServer) -> None:
    with pytest.raises(PaymentError) as refusal:
        client(server).start(charge(method=Method.TRANSFER))
    assert refusal.value.permanent and not server.seen


@pytest.mark.parametrize(
    ("word", "more", "status", "refunded"),
    [
        ("pending", {}, Status.PENDING, 0),
        ("settlement", {"settlement_time": "2026-09-03 10:00:00"}, Status.PAID, 0),
        ("capture", {"fraud_status": "accept"}, Status.PAID, 0),
        ("capture", {"fraud_status": "challenge"}, Status.PENDING, 0),
        ("expire", {}, Status.EXPIRED, 0),
        ("deny", {}, Status.FAILED, 0),
        ("cancel", {}, Status.FAILED, 0),
        ("failure", {}, Status.FAILED, 0),
        ("deny", {"settlement_time": "2026-09-03 10:00:00"}, Status.REVERSED, 0),
        ("chargeback", {"settlement_time": "2026-09-03 10:00:00"}, Status.REVERSED, 0),
        ("partial_chargeback", {}, Status.REVERSED, 0),
        ("partial_refund", {"refund_amount": "5000.00"}, Status.PAID, 5_000),
        ("refund", {"refund_amount": "20000.00"}, Status.REFUNDED, 20_000),
        ("refund", {}, Status.REFUNDED, 20_000),
    ],
)
def test_asking_tells_what_happened(
    either_server: MidtransServer, word: str, more: dict[str, str], status: Status, refunded: int
) -> None:
    reference = begun(either_server)
    either_server.become(reference, word, **more)
    standing = client(either_server).ask(reference)
    assert (standing.status, standing.amount, standing.refunded) == (status, 20_000, refunded)
    assert standing.reference == standing.gateway_reference == reference
    settled_at = datetime(2026, 9, 3, 3, 0, tzinfo=UTC)  # 10:00 in Jakarta
    assert standing.paid_at == (settled_at if "settlement_time" in more else None)


@pytest.mark.parametrize(
    ("change", "permanent"),
    [
        ({"transaction_status": "resting"}, False),
        ({"transaction_status": 7}, False),
        ({"currency": "USD"}, True),
        ({"currency": None}, True),
        ({"gross_amount": "ten"}, False),
        ({"order_id": "another"}, True),
        ({"transaction_status": "settlement", "settlement_time": "soon"}, False),
        ({"transaction_status": "partial_refund"}, False),
        ({"transaction_status": "partial_refund", "refund_amount": "20001.00"}, False),
    ],
)
def test_a_standing_we_do_not_understand_moves_nothing(
    server: MidtransServer, change: dict[str, Any], permanent: bool
) -> None:
    reference = begun(server)
    server.change = change
    with pytest.raises(PaymentError) as refusal:
        client(server).ask(reference)
    assert refusal.value.permanent is permanent


def test_an_unknown_payment_is_no_payment_when_looked_for_and_an_error_when_asked(
    either_server: MidtransServer,
) -> None:
    gateway = client(either_server)
    assert gateway.find(str(uuid.uuid4())) is None
    for reference in (str(uuid.uuid4()), "..", "a/b", ""):
        with pytest.raises(PaymentError) as refusal:
            gateway.ask(reference)
        assert refusal.value.permanent
    assert len(either_server.seen) == 2  # what was never a reference is not asked for
    found = gateway.find(begun(either_server))
    assert found and found.status is Status.PENDING


def test_looking_for_a_payment_with_a_wrong_key_is_no_answer(server: MidtransServer) -> None:
    with pytest.raises(PaymentError, match="401") as refusal:
        client(server, server_key="wrong").find(str(uuid.uuid4()))
    assert refusal.value.permanent


@pytest.mark.parametrize("trouble", ["lost", "silent", "slow", "500", "302", "html", "large"])
def test_what_midtrans_does_not_say_is_unknown(
    server: MidtransServer, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT", (0.5, 0.3))
    reference = begun(server, paid=True)
    for act in (
        lambda: client(server).ask(reference),
        lambda: client(server).find(reference),
        lambda: client(server).refund(reference, "R1", 5_000, "sisa"),
    ):
        server.trouble = [trouble]
        with pytest.raises(PaymentError) as unknown:
            act()
        assert not unknown.value.permanent
    assert not any(seen.path == "/elsewhere" for seen in server.seen)


@pytest.mark.parametrize(
    ("code", "permanent"),
    [(400, True), (402, True), (407, True), (408, True), (429, False), (500, False), (503, False)],
)
def test_a_no_is_final_and_a_breakdown_is_not(either_server: MidtransServer, code: int, permanent: bool) -> None:
    reference = begun(either_server)
    either_server.transactions.clear()
    status = 200 if either_server.plain_http else code
    either_server.answer = lambda seen: (status, {"status_code": str(code)})  # type: ignore[method-assign]
    with pytest.raises(PaymentError, match=str(code)) as error:
        client(either_server).ask(reference)
    assert error.value.permanent is permanent


@pytest.mark.parametrize(("status", "permanent"), [(401, True), (404, True), (408, False), (429, False), (502, False)])
def test_without_a_word_of_midtranss_own_the_status_of_http_counts(
    server: MidtransServer, status: int, permanent: bool
) -> None:
    server.answer = lambda seen: (status, {"message": "a proxy speaks"})  # type: ignore[method-assign]
    with pytest.raises(PaymentError, match=str(status)) as error:
        client(server).ask(str(uuid.uuid4()))
    assert error.value.permanent is permanent


def test_success_in_the_body_does_not_outweigh_a_refusal_of_http(server: MidtransServer) -> None:
    reference = begun(server, paid=True)
    honest = server.answer
    server.answer = lambda seen: (403, honest(seen)[1])  # type: ignore[method-assign]
    with pytest.raises(PaymentError, match="403"):
        client(server).ask(reference)


def test_a_refund_is_pending_until_the_bank_confirms_and_repeats_pay_once(either_server: MidtransServer) -> None:
    reference, gateway = begun(either_server, paid=True), client(either_server)
    for _ in range(3):
        assert gateway.refund(reference, "refund-1", 5_000, "satu meterai tidak dipakai") is RefundStatus.PENDING
    # After seven days Midtrans would refuse the key, so what is known there is not asked for again.
    assert sum(seen.path.endswith("/refund") for seen in either_server.seen) == 1
    either_server.confirm_refund(reference, "refund-1")
    assert gateway.refund(reference, "refund-1", 5_000, "satu meterai tidak dipakai") is RefundStatus.DONE
    standing = gateway.ask(reference)
    assert (standing.status, standing.refunded) == (Status.PAID, 5_000)
    assert gateway.refund(reference, "refund-2", 15_000, "x" * 300) is RefundStatus.PENDING
    assert len(either_server.transactions[reference]["refunds"][1]["reason"]) == 255
    standing = gateway.ask(reference)
    assert (standing.status, standing.refunded) == (Status.REFUNDED, 20_000)


def test_a_refund_whose_answer_was_lost_pays_once(server: MidtransServer) -> None:
    reference, gateway = begun(server, paid=True), client(server)
    server.trouble = ["", "lost"]  # the look before it is answered
    with pytest.raises(PaymentError) as lost:
        gateway.refund(reference, "refund-1", 20_000, "sold_out")
    assert not lost.value.permanent
    assert gateway.refund(reference, "refund-1", 20_000, "sold_out") is RefundStatus.PENDING
    assert len(server.transactions[reference]["refunds"]) == 1


def test_simultaneous_repeats_of_a_refund_pay_once(server: MidtransServer) -> None:
    reference, gateway = begun(server, paid=True), client(server)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: gateway.refund(reference, "refund-1", 5_000, "sama"), range(8)))
    assert gateway.ask(reference).refunded == 5_000


@pytest.mark.parametrize(
    ("key", "amount", "words"),
    [("refund-1", 6_000, "another amount"), ("refund-2", 15_001, "414"), ("a key", 1_000, "no such refund key")],
)
def test_a_refund_that_cannot_be_is_refused_for_good(
    either_server: MidtransServer, key: str, amount: int, words: str
) -> None:
    reference, gateway = begun(either_server, paid=True), client(either_server)
    gateway.refund(reference, "refund-1", 5_000, "sisa")
    with pytest.raises(PaymentError, match=words) as refusal:
        gateway.refund(reference, key, amount, "sisa")
    assert refusal.value.permanent
    assert gateway.ask(reference).refunded == 5_000


def test_an_unpaid_charge_is_not_refunded(server: MidtransServer) -> None:
    with pytest.raises(PaymentError, match="412") as refusal:
        client(server).refund(begun(server), "refund-1", 5_000, "belum dibayar")
    assert refusal.value.permanent


def test_a_refund_for_which_our_balance_is_too_low_today_is_tried_again(server: MidtransServer) -> None:
    reference, gateway = begun(server, paid=True), client(server)
    server.balance = 1_000
    with pytest.raises(PaymentError, match="414") as refusal:
        gateway.refund(reference, "refund-1", 5_000, "sisa")
    assert not refusal.value.permanent
    server.balance = 10_000
    assert gateway.refund(reference, "refund-1", 5_000, "sisa") is RefundStatus.PENDING


def test_virtual_accounts_are_never_refunded(server: MidtransServer) -> None:
    gateway = client(server)
    assert [gateway.refunds(method) for method in Method] == [True, False, False]
    reference = begun(server, method=Method.VIRTUAL_ACCOUNT, paid=True)
    with pytest.raises(PaymentError, match="refunds no payment of this kind") as refusal:
        gateway.refund(reference, "refund-1", 5_000, "sisa")
    assert refusal.value.permanent
    assert not any(seen.path.endswith("/refund") for seen in server.seen)


def test_a_refund_of_something_else_is_noticed(server: MidtransServer) -> None:
    reference = begun(server, paid=True)
    server.change = {"refund_key": "another"}
    with pytest.raises(PaymentError, match="something else") as refusal:
        client(server).refund(reference, "refund-1", 5_000, "sisa")
    assert refusal.value.permanent


def test_what_lies_about_on_the_machine_does_not_replace_our_key(
    server: MidtransServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert client(server).start(charge())


def test_a_wrong_key_opens_nothing(server: MidtransServer) -> None:
    with pytest.raises(PaymentError, match="401") as refusal:
        client(server, server_key="wrong").start(charge())
    assert refusal.value.permanent and not server.transactions


@pytest.mark.parametrize(
    "change",
    [
        {"server_key": ""},
        {"server_key": "SB-Mid-server with blanks"},
        {"environment": "staging"},
        {"url": "http://user:SB-Mid-server-x@127.0.0.1"},
        {"va_bank": "mandiri"},
        {"qris_acquirer": "nobody"},
        {"fee_qris": "-1"},
        {"fee_va": "gratis"},
    ],
)
def test_an_unusable_option_is_refused_without_repeating_it(change: dict[str, str]) -> None:
    with pytest.raises(ValueError) as error:
        MidtransGateway(**{"server_key": SERVER_KEY, "environment": "sandbox"} | change)
    assert all(value not in str(error.value) for value in change.values() if value)
    assert "Midtrans" in str(error.value)


def test_the_key_stands_in_no_error_log_or_repr(server: MidtransServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    gateway = client(server)
    server.trouble = ["500"]
    with pytest.raises(PaymentError) as error:
        gateway.ask(str(uuid.uuid4()))
    told = f"{error.value!r} {error.value.__cause__!r} {gateway!r} {vars(gateway)!r} {caplog.text}"
    assert SERVER_KEY not in told and "Basic " not in told
