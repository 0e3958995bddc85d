"""Our client of Xendit against a stand-in that speaks its documented wire format and checks our requests."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orders.payments import http
from orders.payments.gateway import Charge, Gateway, Method, PaymentError, RefundStatus, Status
from orders.payments.settlement import Unreadable
from orders.payments.xendit import settlement
from orders.payments.xendit.client import XenditGateway
from tests.contracts.xendit_server import CALLBACK_TOKEN, SECRET_KEY, XenditServer

METHODS = (Method.QRIS, Method.VIRTUAL_ACCOUNT)


@pytest.fixture
def server() -> Iterator[XenditServer]:
    with XenditServer() as server:
        yield server


@pytest.fixture
def xendit(server: XenditServer) -> XenditGateway:
    return gateway(server)


def gateway(server: XenditServer, **options: str) -> XenditGateway:
    known = {"secret_key": SECRET_KEY, "callback_token": CALLBACK_TOKEN, "url": server.url}
    return XenditGateway(**(known | options))


def charge(**changes: Any) -> Charge:
    values = {
        "reference": str(uuid.uuid4()),
        "amount": 20_000,
        "method": Method.QRIS,
        "description": "2 e-meterai, pesanan MT-7K3M-9QXP",
        "expires_at": datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=30),
        "notify_url": "https://shop.example/gerbang/xendit/notifikasi",
        "return_url": "https://shop.example/pesanan/",
    }
    return Charge(**(values | changes))


@pytest.fixture
def paid(server: XenditServer, xendit: XenditGateway) -> str:
    """The id of a payment by QRIS that was paid."""
    number = xendit.start(charge()).gateway_reference
    server.become(number, "SUCCEEDED")
    return number


def refuses(act: Callable[[], object], *, permanent: bool, match: str | None = None) -> PaymentError:
    with pytest.raises(PaymentError, match=match) as refusal:
        act()
    assert refusal.value.permanent is permanent
    return refusal.value


def test_xendit_fulfils_the_contract(server: XenditServer) -> None:
    ours = gateway(server, fee_qris="140", fee_va="4000", va_bank="BCA")
    assert isinstance(ours, Gateway)
    assert (ours.name, ours.is_sandbox) == ("xendit", True)
    assert [(offer.method, offer.label, offer.fee) for offer in ours.methods()] == [
        (Method.QRIS, "QRIS", 140),
        (Method.VIRTUAL_ACCOUNT, "Virtual account BCA", 4000),
    ]
    assert [method for method in Method if ours.refunds(method)] == [Method.QRIS]
    production = gateway(server, environment="production", secret_key="xnd_production_a-key")
    assert not production.is_sandbox


@pytest.mark.parametrize("method", METHODS)
def test_a_start_repeated_gives_the_same_answer_and_one_payment(
    server: XenditServer, xendit: XenditGateway, method: Method
) -> None:
    wanted = charge(method=method)
    started = xendit.start(wanted)
    assert xendit.start(wanted) == started
    assert len(server.requests) == 1
    given = started.instructions
    assert given.expires_at == wanted.expires_at
    assert (given.qr_string is None) == (method is Method.VIRTUAL_ACCOUNT)
    assert (given.va_number is None, given.va_bank) == ((True, None) if method is Method.QRIS else (False, "BNI"))
    assert given.pay_url is None


def test_what_goes_out_is_what_the_documents_ask_for(server: XenditServer, xendit: XenditGateway) -> None:
    wanted = charge(method=Method.VIRTUAL_ACCOUNT)
    xendit.start(wanted)
    [seen] = server.seen
    assert (seen.verb, seen.path, seen.headers["idempotency-key"]) == ("POST", "/payment_requests", wanted.reference)
    sent = seen.json()
    assert (sent["reference_id"], sent["amount"], sent["currency"]) == (wanted.reference, 20_000, "IDR")
    properties = sent["payment_method"]["virtual_account"]["channel_properties"]
    assert properties["customer_name"] == "Meterai", "no buyer's name goes out"
    assert datetime.fromisoformat(properties["expires_at"]) == wanted.expires_at


@pytest.mark.parametrize("trouble", ["lost", "500", "302", "html", "large"])
def test_a_start_whose_answer_was_lost_is_found_and_repeated(
    server: XenditServer, xendit: XenditGateway, trouble: str
) -> None:
    wanted = charge()
    server.trouble = [trouble]
    refuses(lambda: xendit.start(wanted), permanent=False)
    found = xendit.find(wanted.reference)
    assert (found is not None) == (trouble == "lost")
    number = xendit.start(wanted).gateway_reference
    assert len(server.requests) == 1
    assert xendit.ask(number).reference == wanted.reference
    assert not any(seen.path == "/elsewhere" for seen in server.seen)


@pytest.mark.parametrize("trouble", ["silent", "slow"])
def test_a_silent_xendit_is_given_up(
    server: XenditServer, xendit: XenditGateway, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(http, "TIMEOUT", (0.5, 0.2))
    server.trouble = [trouble]
    wanted = charge()
    refuses(lambda: xendit.start(wanted), permanent=False, match="could not be reached")
    assert xendit.find(wanted.reference) is not None


def test_nobody_at_the_address_leaves_the_outcome_unknown(server: XenditServer) -> None:
    ours = gateway(server, url="http://127.0.0.1:9")
    refuses(lambda: ours.start(charge()), permanent=False)


def test_simultaneous_starts_make_one_payment(server: XenditServer, xendit: XenditGateway) -> None:
    wanted = charge()
    first = xendit.start(wanted)
    with ThreadPoolExecutor(4) as pool:
        started = list(pool.map(lambda _: xendit.start(wanted), range(8)))
    assert {answer.gateway_reference for answer in started} == {first.gateway_reference}


def test_the_same_reference_for_another_amount_is_refused(server: XenditServer, xendit: XenditGateway) -> None:
    wanted = charge()
    xendit.start(wanted)
    refuses(lambda: xendit.start(replace(wanted, amount=30_000)), permanent=True, match="another charge")
    [request] = server.requests.values()
    assert request["amount"] == 20_000


def test_a_start_that_xendit_still_works_on_is_unknown(server: XenditServer, xendit: XenditGateway) -> None:
    wanted = charge()
    server._answered[wanted.reference] = (b"another body", {})
    refuses(lambda: xendit.start(wanted), permanent=False, match="working")


def test_a_method_that_it_does_not_have_is_refused(server: XenditServer, xendit: XenditGateway) -> None:
    refuses(lambda: xendit.start(charge(method=Method.TRANSFER)), permanent=True)
    assert server.seen == []


def test_a_wrong_key_is_refused_for_good(server: XenditServer) -> None:
    ours = gateway(server, secret_key="xnd_development_another")
    refuses(lambda: ours.start(charge()), permanent=True, match="401")


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 18_000},
        {"amount": 20_000.5},
        {"amount": "20000"},
        {"amount": None},
        {"currency": "PHP"},
        {"reference_id": "another"},
        {"id": "../refunds"},
        {"id": None},
        {"payment_method": {"type": "EWALLET"}},
        {"payment_method": {"type": "QR_CODE", "qr_code": {"channel_properties": {"qr_string": ""}}}},
        {"payment_method": None},
    ],
)
def test_an_answer_about_something_else_is_not_taken(
    server: XenditServer, xendit: XenditGateway, change: dict[str, Any]
) -> None:
    server.change = change
    with pytest.raises(PaymentError):
        xendit.start(charge())


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("PENDING", Status.PENDING),
        ("REQUIRES_ACTION", Status.PENDING),
        ("SUCCEEDED", Status.PAID),
        ("EXPIRED", Status.EXPIRED),
        ("FAILED", Status.FAILED),
        ("CANCELED", Status.FAILED),
        ("VOIDED", Status.REVERSED),
    ],
)
def test_asking_tells_what_happened(server: XenditServer, xendit: XenditGateway, theirs: str, ours: Status) -> None:
    wanted = charge()
    number = xendit.start(wanted).gateway_reference
    server.become(number, theirs)
    standing = xendit.ask(number)
    assert (standing.status, standing.amount, standing.currency) == (ours, 20_000, "IDR")
    assert (standing.reference, standing.gateway_reference) == (wanted.reference, number)
    assert (standing.paid_at is not None) == (ours in {Status.PAID, Status.REVERSED})
    assert xendit.find(wanted.reference) == standing


def test_a_code_that_ran_out_expires_its_payment_and_late_money_is_still_taken(
    server: XenditServer, xendit: XenditGateway
) -> None:
    number = xendit.start(charge(method=Method.VIRTUAL_ACCOUNT)).gateway_reference
    server.expire_method(number)
    assert xendit.ask(number).status is Status.EXPIRED
    server.become(number, "SUCCEEDED")
    assert xendit.ask(number).status is Status.PAID


@pytest.mark.parametrize("word", ["AWAITING_CAPTURE", "UNKNOWN", "SOMETHING_NEW", "", 7, None])
def test_a_status_that_we_do_not_know_is_not_guessed(server: XenditServer, xendit: XenditGateway, word: Any) -> None:
    number = xendit.start(charge()).gateway_reference
    server.change = {"status": word}
    refuses(lambda: xendit.ask(number), permanent=False)


@pytest.mark.parametrize(
    ("change", "permanent"),
    [({"currency": "USD"}, True), ({"id": f"pr-{uuid.uuid4()}"}, True), ({"amount": -1}, False)],
)
def test_an_answer_about_other_money_is_not_believed(
    server: XenditServer, xendit: XenditGateway, change: dict[str, Any], permanent: bool
) -> None:
    number = xendit.start(charge()).gateway_reference
    server.change = change
    refuses(lambda: xendit.ask(number), permanent=permanent)


def test_asking_for_an_unknown_payment_is_a_permanent_error(server: XenditServer, xendit: XenditGateway) -> None:
    refuses(lambda: xendit.ask(f"pr-{uuid.uuid4()}"), permanent=True, match="404")
    asked = len(server.seen)
    for number in ("..", "", "pr-../refunds", "pr-1?x=", "SBX" + "0" * 20):
        refuses(lambda number=number: xendit.ask(number), permanent=True)
    assert len(server.seen) == asked, "what is no id is not asked about"
    assert xendit.find("nothing") is None


def test_two_payments_for_one_reference_are_not_chosen_between(server: XenditServer, xendit: XenditGateway) -> None:
    wanted = charge()
    xendit.start(wanted)
    server.forget_keys()
    xendit.start(wanted)
    refuses(lambda: xendit.find(wanted.reference), permanent=False, match="at most one")


def test_a_refund_is_pending_until_it_is_done(server: XenditServer, xendit: XenditGateway, paid: str) -> None:
    for _ in range(2):
        assert xendit.refund(paid, "refund-1", 10_000, "wish") is RefundStatus.PENDING
    assert xendit.ask(paid).refunded == 0
    server.end_refund("refund-1", "SUCCEEDED")
    server.forget_keys()
    assert xendit.refund(paid, "refund-1", 10_000, "wish") is RefundStatus.DONE
    assert len(server.refunds) == 1, "the key was forgotten meanwhile, the refund was not"
    standing = xendit.ask(paid)
    assert (standing.status, standing.amount, standing.refunded) == (Status.PAID, 20_000, 10_000)


@pytest.mark.parametrize("word", ["SUCCEEDED", "VOIDED"])
def test_a_payment_of_which_all_went_back_is_refunded(
    server: XenditServer, xendit: XenditGateway, paid: str, word: str
) -> None:
    server.refund_status = "SUCCEEDED"
    assert xendit.refund(paid, "refund-1", 15_000, "overpaid") is RefundStatus.DONE
    assert xendit.refund(paid, "refund-2", 5_000, "wish") is RefundStatus.DONE
    server.become(paid, word)
    standing = xendit.ask(paid)
    assert (standing.status, standing.refunded) == (Status.REFUNDED, 20_000)
    assert [refund["reason"] for refund in server.refunds] == ["DUPLICATE", "REQUESTED_BY_CUSTOMER"]


def test_a_void_that_only_a_part_was_asked_back_of_is_a_reversal(
    server: XenditServer, xendit: XenditGateway, paid: str
) -> None:
    server.refund_status = "SUCCEEDED"
    xendit.refund(paid, "refund-1", 5_000, "wish")
    server.become(paid, "VOIDED")
    assert xendit.ask(paid).status is Status.REVERSED


@pytest.mark.parametrize("trouble", ["lost", "500"])
def test_a_refund_whose_answer_was_lost_pays_once(
    server: XenditServer, xendit: XenditGateway, paid: str, trouble: str
) -> None:
    server.trouble = ["", trouble]
    refuses(lambda: xendit.refund(paid, "refund-1", 10_000, "wish"), permanent=False)
    assert xendit.refund(paid, "refund-1", 10_000, "wish") is RefundStatus.PENDING
    assert len(server.refunds) == 1


@pytest.mark.parametrize("word", ["FAILED", "CANCELLED"])
def test_a_refund_that_failed_is_refused_for_good_with_the_reason(
    server: XenditServer, xendit: XenditGateway, paid: str, word: str
) -> None:
    xendit.refund(paid, "refund-1", 10_000, "wish")
    server.end_refund("refund-1", word, "ACCOUNT_NOT_FOUND")
    for _ in range(2):
        refuses(lambda: xendit.refund(paid, "refund-1", 10_000, "wish"), permanent=True, match="ACCOUNT_NOT_FOUND")
    assert xendit.ask(paid).refunded == 0


def test_a_refund_that_cannot_be_is_refused_for_good(server: XenditServer, xendit: XenditGateway, paid: str) -> None:
    refuses(lambda: xendit.refund(paid, "refund-1", 20_001, "wish"), permanent=True, match="403")
    account = xendit.start(charge(method=Method.VIRTUAL_ACCOUNT)).gateway_reference
    server.become(account, "SUCCEEDED")
    refuses(lambda: xendit.refund(account, "refund-2", 20_000, "wish"), permanent=True, match="403")
    refuses(lambda: xendit.refund("..", "refund-3", 20_000, "wish"), permanent=True)
    assert server.refunds == []


def test_the_same_key_for_another_refund_is_refused(server: XenditServer, xendit: XenditGateway, paid: str) -> None:
    xendit.refund(paid, "refund-1", 10_000, "wish")
    refuses(lambda: xendit.refund(paid, "refund-1", 5_000, "wish"), permanent=True, match="something else")


def test_a_refund_that_xendit_still_works_on_is_asked_for_again(
    server: XenditServer, xendit: XenditGateway, paid: str
) -> None:
    server.refuses_refunds = "DUPLICATE_ERROR"
    refuses(lambda: xendit.refund(paid, "refund-1", 10_000, "wish"), permanent=False, match="working")
    server.refuses_refunds = "INSUFFICIENT_BALANCE"
    refuses(lambda: xendit.refund(paid, "refund-1", 10_000, "wish"), permanent=True, match="403")


def test_a_status_of_a_refund_that_we_do_not_know_is_not_guessed(
    server: XenditServer, xendit: XenditGateway, paid: str
) -> None:
    server.refund_status = "SOMETHING_NEW"
    refuses(lambda: xendit.refund(paid, "refund-1", 10_000, "wish"), permanent=False)


def test_more_refunds_than_one_page_are_not_counted_wrong(
    server: XenditServer, xendit: XenditGateway, paid: str
) -> None:
    server.refunds = [{"payment_request_id": paid, "reference_id": "x", "amount": 1, "status": "SUCCEEDED"}] * 51
    refuses(lambda: xendit.ask(paid), permanent=False, match="more refunds")


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret_key": ""},
        {"secret_key": "xnd_production_secret"},
        {"environment": "production"},
        {"environment": "test"},
        {"callback_token": ""},
        {"callback_token": "with blanks"},
        {"va_bank": "LAIN"},
        {"va_name": "PT 1"},
        {"fee_va": "empat ribu"},
        {"fee_qris": "-1"},
        {"url": "ftp://xendit.example"},
        {"url": "https://user:secret@xendit.example"},
    ],
)
def test_an_unusable_option_is_refused_without_repeating_it(server: XenditServer, wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError) as refusal:
        gateway(server, **wrong)
    told = str(refusal.value)
    assert "endit" in told and SECRET_KEY not in told and CALLBACK_TOKEN not in told
    if len(next(iter(wrong.values()))) > 10:
        assert next(iter(wrong.values())) not in told


def test_no_secret_is_seen_in_representations_errors_and_logs(
    server: XenditServer, xendit: XenditGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = [repr(xendit), repr(vars(xendit)["_line"])]
    for trouble in ("500", "html", "lost"):
        server.trouble = [trouble]
        error = refuses(lambda: xendit.start(charge()), permanent=False)
        told += [str(error), repr(error.__cause__)]
    assert not any(secret in text for secret in (SECRET_KEY, CALLBACK_TOKEN) for text in [*told, caplog.text])


REPORT = """\
Transactions
Status,Type,Channel,Channel Name,Account Number,Currency,Amount,Total Fee,Total VAT,Created Date,Reference,Product ID
SUCCESS,PAYMENT,QR_CODE,QRIS,,IDR,20000,140,15.4,2026-11-24T10:05:00+07:00,{reference},pr-1102feb0-bb79-47ae
SUCCESS,REFUND,QR_CODE,QRIS,,IDR,-10000,0,0,24 Nov 2026 11:00,refund-1,rfd-1
REVERSED,PAYMENT,CARDS,VISA,,IDR,20000,0,0,,{reference},py-2
FAILED,PAYMENT,QR_CODE,QRIS,,IDR,20000,0,0,,x,py-3
SUCCESS,WITHDRAWAL,BANK,BCA,,IDR,-500000,0,0,,w,wd-1
"""


def test_the_transactions_report_is_read() -> None:
    reference = str(uuid.uuid4())
    payment, refund, reversal = settlement.rows(REPORT.format(reference=reference).splitlines(keepends=True))
    assert (payment.kind, payment.gross, payment.fee, payment.line) == ("payment", 20_000, 155, 3)
    assert (payment.reference, payment.gateway_reference) == (reference, "pr-1102feb0-bb79-47ae")
    assert payment.at == datetime(2026, 11, 24, 3, 5, tzinfo=UTC)
    assert (refund.kind, refund.gross, refund.reference, refund.line) == ("refund", 10_000, "refund-1", 4)
    assert (reversal.kind, reversal.at, reversal.line) == ("reversal", None, 5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("SUCCESS,PAYMENT", "SUCCESS,LOTTERY"), "kind"),
        (("SUCCESS,PAYMENT", "PERHAPS,PAYMENT"), "kind"),
        (("IDR,20000", "PHP,20000"), "currency"),
        (("IDR,20000", "IDR,20000.5"), "amount"),
        (("Product ID", "Nomor"), "no_heading"),
    ],
)
def test_a_report_that_we_do_not_understand_is_refused(change: tuple[str, str], reason: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        list(settlement.rows(REPORT.replace(*change).splitlines(keepends=True)))
    assert refusal.value.reason == reason


def test_the_stand_in_itself_refuses_what_the_documents_refuse(server: XenditServer, xendit: XenditGateway) -> None:
    """A test that cannot fail is a defect: without the key, or with other words, the stand-in says no."""
    import requests

    login = (SECRET_KEY, "")
    body = json.dumps({"reference_id": "r", "amount": 1, "currency": "IDR", "payment_method": {}})
    sent = requests.post(f"{server.url}/payment_requests", data=body, auth=login, timeout=5)
    assert sent.status_code == 400
    headers = {"Content-Type": "application/json"}
    assert (
        requests.post(f"{server.url}/payment_requests", data=body, auth=login, headers=headers, timeout=5).status_code
        == 400
    )
    assert requests.get(f"{server.url}/refunds", auth=("another", ""), timeout=5).status_code == 401
