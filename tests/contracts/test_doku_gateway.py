"""DOKU Checkout over real HTTP: charges, what became of them, and a company that answers badly."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orders.payments import http
from orders.payments.doku import answers
from orders.payments.doku.client import DokuGateway
from orders.payments.doku.invoices import invoice_of, reference_of
from orders.payments.gateway import Charge, Gateway, Method, PaymentError, Status
from orders.payments.http import Fields
from orders.payments.registry import gateway as built
from tests.contracts.doku_server import CLIENT_ID, SECRET_KEY, DokuServer

NOTIFY_URL = "https://shop.example/gerbang/doku/notifikasi"
OPTIONS = {"client_id": CLIENT_ID, "secret_key": SECRET_KEY, "environment": "sandbox"}


@pytest.fixture
def server() -> Iterator[DokuServer]:
    with DokuServer() as server:
        yield server


def client(server: DokuServer, **options: str) -> DokuGateway:
    return DokuGateway(**OPTIONS | {"url": server.url} | options)


def charge(*, method: Method = Method.QRIS, lasts: timedelta = timedelta(minutes=30)) -> Charge:
    return Charge(
        reference=str(uuid.uuid4()),
        amount=20_000,
        method=method,
        description="2 e-meterai; pesanan ABC-DEF",
        expires_at=datetime.now(UTC) + lasts,
        notify_url=NOTIFY_URL,
        return_url="https://shop.example/pesanan/ABC",
    )


def begun(server: DokuServer) -> str:
    return client(server).start(charge()).gateway_reference


def test_doku_fulfils_the_contract(server: DokuServer) -> None:
    gateway = client(server, fee_qris="150", fee_va="4500")
    assert isinstance(gateway, Gateway)
    assert [(offer.method, offer.fee, offer.label) for offer in gateway.methods()] == [
        (Method.QRIS, 150, "QRIS"),
        (Method.VIRTUAL_ACCOUNT, 4500, "Virtual account bank"),
    ]
    assert gateway.is_sandbox and not client(server, environment="production").is_sandbox


def test_the_environment_decides_the_address_unless_one_is_given() -> None:
    for environment, address in (("production", "https://api.doku.com"), ("sandbox", "https://api-sandbox.doku.com")):
        gateway = built("doku", configuration={"doku": OPTIONS | {"environment": environment}})
        assert repr(gateway) == f"<DokuGateway {address}>"


@pytest.mark.parametrize(
    ("method", "channels"),
    [
        (Method.QRIS, ["QRIS"]),
        (Method.VIRTUAL_ACCOUNT, ["VIRTUAL_ACCOUNT_BCA", "VIRTUAL_ACCOUNT_BANK_PERMATA"]),
    ],
)
def test_the_buyer_pays_on_dokus_page_by_the_chosen_method_only(
    server: DokuServer, method: Method, channels: list[str]
) -> None:
    wanted = charge(method=method)
    started = client(server, va_banks="bca, permata").start(wanted)
    told = started.instructions
    assert told.pay_url and told.pay_url.startswith(f"{server.url}/checkout-link-v2/")
    assert (told.qr_string, told.va_number, told.va_bank) == (None, None, None)
    assert timedelta(0) <= told.expires_at - wanted.expires_at + timedelta(seconds=2) <= timedelta(minutes=1)
    wish = server.orders[started.gateway_reference]["wish"]
    assert wish["payment"]["payment_method_types"] == channels
    assert wish["additional_info"]["override_notification_url"] == NOTIFY_URL
    assert wish["order"]["callback_url"] == wanted.return_url
    assert wish["order"]["line_items"][0]["name"] == "2 e-meterai  pesanan ABC-DEF"


@pytest.mark.parametrize("reference", [str(uuid.UUID(int=0)), str(uuid.UUID(int=2**128 - 1)), str(uuid.uuid4())])
def test_an_invoice_number_is_short_and_leads_back_to_our_reference(reference: str) -> None:
    invoice = invoice_of(reference)
    assert len(invoice) == 26 and reference_of(invoice) == reference


@pytest.mark.parametrize("invoice", ["", "A" * 25, "a" * 26, "1" * 26, "A" * 25 + "B", "../" + "A" * 23])
def test_a_strangers_invoice_number_leads_nowhere(server: DokuServer, invoice: str) -> None:
    with pytest.raises(ValueError, match="not an invoice number"):
        reference_of(invoice)


@pytest.mark.parametrize("reference", ["P1", "0B1D2C5E-8F0A-4C1B-9B1E-0A1B2C3D4E5F", ""])
def test_a_reference_that_is_no_uuid_is_refused_without_asking(server: DokuServer, reference: str) -> None:
    wanted = replace(charge(), reference=reference)
    for act in (lambda: client(server).find(reference), lambda: client(server).start(wanted)):
        with pytest.raises(PaymentError, match="UUID") as refusal:
            act()
        assert refusal.value.permanent
    assert not server.seen


@pytest.mark.parametrize("trouble", ["lost", "silent"])
def test_a_start_whose_answer_was_lost_gives_the_same_answer_again(
    server: DokuServer, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT", (0.5, 0.3))
    wanted, gateway = charge(lasts=timedelta(minutes=29, seconds=30)), client(server)
    server.trouble = [trouble]
    with pytest.raises(PaymentError) as lost:
        gateway.start(wanted)
    assert not lost.value.permanent
    found = gateway.find(wanted.reference)
    assert found and found.status is Status.PENDING
    started = gateway.start(wanted)
    assert started == gateway.start(wanted)
    assert started.instructions.pay_url and len(server.orders) == 1


def test_a_page_that_doku_does_not_tell_again_is_given_up(server: DokuServer) -> None:
    wanted, gateway = charge(), client(server)
    gateway.start(wanted)
    server.forget_requests()  # the invoice is taken and the page unknown
    with pytest.raises(PaymentError, match="400") as refusal:
        gateway.start(wanted)
    assert refusal.value.permanent and len(server.orders) == 1


def test_the_same_reference_for_another_charge_is_refused(server: DokuServer) -> None:
    wanted, gateway = charge(), client(server)
    gateway.start(wanted)
    with pytest.raises(PaymentError, match="409") as refusal:
        gateway.start(replace(wanted, amount=30_000))
    assert refusal.value.permanent


def test_a_charge_that_cannot_be_is_refused_without_asking(server: DokuServer) -> None:
    for wanted in (charge(method=Method.TRANSFER), charge(lasts=timedelta(0))):
        with pytest.raises(PaymentError) as refusal:
            client(server).start(wanted)
        assert refusal.value.permanent
    assert not server.seen


@pytest.mark.parametrize(
    ("part", "change", "permanent"),
    [
        ("order", {"amount": "19999"}, True),
        ("order", {"amount": "20000.5"}, False),
        ("order", {"amount": True}, False),
        ("order", {"invoice_number": "A" * 26}, True),
        ("order", {"currency": "USD"}, True),
        ("payment", {"url": ""}, False),
        ("payment", {"url": "javascript:alert(1)"}, False),
        ("payment", {"url": "https://user@shop.example/"}, False),
        ("payment", {"expired_date": "soon"}, False),
        ("payment", {"expired_date": None}, None),
        ("order", {"currency": None}, None),
        ("order", {"amount": 20000}, None),
    ],
)
def test_a_charge_is_believed_only_when_it_is_what_we_asked_for(
    server: DokuServer, part: str, change: dict[str, Any], permanent: bool | None
) -> None:
    honest = server.answer

    def answer(seen: Any) -> tuple[int, dict[str, Any]]:
        status, body = honest(seen)
        body["response"][part] |= change
        return status, body

    server.answer = answer  # type: ignore[method-assign]
    if permanent is None:
        assert client(server).start(charge())
        return
    with pytest.raises(PaymentError) as refusal:
        client(server).start(charge())
    assert refusal.value.permanent is permanent


def test_a_page_without_https_is_refused_where_doku_itself_is_reached_by_https(server: DokuServer) -> None:
    wanted = charge()
    invoice = client(server).start(wanted).gateway_reference
    order = {"invoice_number": invoice, "amount": "20000"}
    told = Fields({"response": {"order": order, "payment": {"url": "http://sandbox.doku.com/x"}}}, gateway="DOKU")
    assert answers.started(told, charge=wanted, invoice=invoice, secure=False).instructions.pay_url
    with pytest.raises(PaymentError, match="url"):
        answers.started(told, charge=wanted, invoice=invoice, secure=True)


@pytest.mark.parametrize(
    ("word", "page", "status"),
    [
        (None, "ORDER_GENERATED", Status.PENDING),
        (None, "ORDER_RECOVERED", Status.PENDING),
        (None, "ORDER_EXPIRED", Status.EXPIRED),
        ("PENDING", "ORDER_GENERATED", Status.PENDING),
        ("PENDING", "ORDER_EXPIRED", Status.EXPIRED),
        ("TIMEOUT", "ORDER_GENERATED", Status.PENDING),
        ("REDIRECT", "ORDER_GENERATED", Status.PENDING),
        ("SUCCESS", "ORDER_GENERATED", Status.PAID),
        ("SUCCESS", "ORDER_EXPIRED", Status.PAID),
        ("FAILED", "ORDER_GENERATED", Status.FAILED),
        ("EXPIRED", "ORDER_GENERATED", Status.EXPIRED),
        ("REFUNDED", "ORDER_GENERATED", Status.REFUNDED),
    ],
)
def test_asking_tells_what_happened(server: DokuServer, word: str | None, page: str, status: Status) -> None:
    wanted, gateway = charge(), client(server)
    invoice = gateway.start(wanted).gateway_reference
    server.page(invoice, page)
    if word:
        server.become(invoice, word, date="2026-09-03T03:00:00Z")
    standing = gateway.ask(invoice)
    assert (standing.status, standing.amount, standing.currency) == (status, 20_000, "IDR")
    assert (standing.reference, standing.gateway_reference) == (wanted.reference, invoice)
    paid = status in (Status.PAID, Status.REFUNDED)
    assert standing.paid_at == (datetime(2026, 9, 3, 3, 0, tzinfo=UTC) if paid else None)
    assert standing.refunded == (20_000 if status is Status.REFUNDED else 0)
    assert gateway.find(wanted.reference) == standing


def test_an_old_account_knows_a_payment_once_its_channel_is_chosen() -> None:
    with DokuServer(is_old=True) as server:
        wanted, gateway = charge(), client(server)
        invoice = gateway.start(wanted).gateway_reference
        assert gateway.find(wanted.reference) is None
        server.become(invoice, "SUCCESS")
        assert gateway.ask(invoice).status is Status.PAID


@pytest.mark.parametrize(
    ("change", "permanent"),
    [
        ({"order": {"invoice_number": "INV-1", "amount": 20_000, "status": "ORDER_GENERATED"}}, True),
        ({"transaction": {"status": "RESTING"}}, False),
        ({"transaction": {"status": 7}}, False),
        ({"transaction": ["SUCCESS"]}, False),
        ({"transaction": {"status": "SUCCESS", "date": "soon"}}, False),
        ({"transaction": {"status": "SUCCESS", "date": "2026-09-03T03:00:00"}}, False),
        ({"order": None}, False),
    ],
)
def test_a_standing_we_do_not_understand_moves_nothing(
    server: DokuServer, change: dict[str, Any], permanent: bool
) -> None:
    invoice = begun(server)
    server.change = change
    with pytest.raises(PaymentError) as refusal:
        client(server).ask(invoice)
    assert refusal.value.permanent is permanent


@pytest.mark.parametrize(
    ("change", "permanent"),
    [
        ({"amount": -1}, False),
        ({"amount": 0.5}, False),
        ({"currency": "USD"}, True),
        ({"status": "ORDER_LOST"}, False),
        ({"status": None}, False),
        ({"invoice_number": "AAAAAAAAAAAAAAAAAAAAAAAAAA"}, True),
    ],
)
def test_an_order_we_do_not_understand_moves_nothing(
    server: DokuServer, change: dict[str, Any], permanent: bool
) -> None:
    invoice = begun(server)
    order = {"invoice_number": invoice, "amount": 20_000, "status": "ORDER_GENERATED"}
    server.change = {"order": order | change}
    for act in (lambda: client(server).ask(invoice), lambda: client(server).find(reference_of(invoice))):
        with pytest.raises(PaymentError) as refusal:
            act()
        assert refusal.value.permanent is permanent


def test_an_unknown_payment_is_no_payment_when_looked_for_and_an_error_when_asked(server: DokuServer) -> None:
    gateway = client(server)
    assert gateway.find(str(uuid.uuid4())) is None
    for invoice in (invoice_of(str(uuid.uuid4())), "..", ""):
        with pytest.raises(PaymentError) as refusal:
            gateway.ask(invoice)
        assert refusal.value.permanent
    assert len(server.seen) == 2  # what was never an invoice number is not asked for


@pytest.mark.parametrize("trouble", ["lost", "silent", "slow", "500", "302", "html", "large"])
def test_what_doku_does_not_say_is_unknown(server: DokuServer, trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TIMEOUT", (0.5, 0.3))
    invoice = begun(server)
    for act in (
        lambda: client(server).ask(invoice),
        lambda: client(server).find(reference_of(invoice)),
        lambda: client(server).start(charge()),
    ):
        server.trouble = [trouble]
        with pytest.raises(PaymentError) as unknown:
            act()
        assert not unknown.value.permanent
    assert not any(seen.path == "/elsewhere" for seen in server.seen)


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(400, True), (401, True), (408, False), (422, True), (429, False), (500, False), (503, False)],
)
def test_a_no_is_final_and_a_breakdown_is_not(server: DokuServer, status: int, permanent: bool) -> None:
    invoice = begun(server)
    server.answer = lambda seen: (status, {"error": {"code": "x"}})  # type: ignore[method-assign]
    for act in (
        lambda: client(server).ask(invoice),
        lambda: client(server).find(reference_of(invoice)),
        lambda: client(server).start(charge()),
    ):
        with pytest.raises(PaymentError, match=str(status)) as error:
            act()
        assert error.value.permanent is permanent


def test_no_money_goes_back_through_doku(server: DokuServer) -> None:
    gateway = client(server)
    invoice = begun(server)
    server.become(invoice, "SUCCESS")
    before = len(server.seen)
    assert not any(gateway.refunds(method) for method in Method)
    with pytest.raises(PaymentError) as refusal:
        gateway.refund(invoice, "refund-1", 5_000, "sisa")
    assert refusal.value.permanent and len(server.seen) == before


@pytest.mark.parametrize("wrong", [{"secret_key": "SK-another"}, {"client_id": "BRN-another"}])
def test_a_wrong_key_opens_nothing(server: DokuServer, wrong: dict[str, str]) -> None:
    invoice = begun(server)
    for act in (
        lambda: client(server, **wrong).start(charge()),
        lambda: client(server, **wrong).ask(invoice),
    ):
        with pytest.raises(PaymentError, match="401") as refusal:
            act()
        assert refusal.value.permanent
    assert len(server.orders) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": ""},
        {"secret_key": ""},
        {"secret_key": "SK-with blanks"},
        {"environment": "staging"},
        {"url": "http://user:SK-x@127.0.0.1"},
        {"va_banks": "bca,nobody"},
        {"va_banks": ""},
        {"notify_path": "gerbang"},
        {"notify_path": "/gerbang?x=1"},
        {"fee_qris": "-1"},
        {"fee_va": "gratis"},
    ],
)
def test_an_unusable_option_is_refused_without_repeating_it(change: dict[str, str]) -> None:
    with pytest.raises(ValueError) as error:
        DokuGateway(**OPTIONS | change)
    assert all(value not in str(error.value) for value in change.values() if value)
    assert "DOKU" in str(error.value)


def test_the_key_stands_in_no_error_log_or_repr(server: DokuServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    gateway = client(server)
    server.trouble = ["500"]
    with pytest.raises(PaymentError) as error:
        gateway.ask(invoice_of(str(uuid.uuid4())))
    told = f"{error.value!r} {error.value.__cause__!r} {gateway!r} {vars(gateway)!r} {caplog.text}"
    assert SECRET_KEY not in told and "HMACSHA256" not in told
