"""The sandbox company and our client of it, over real HTTP: payments, refunds, and what survives."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import requests

from orders.payments.gateway import Charge, Gateway, Method, PaymentError, Status
from orders.payments.sandbox.client import SandboxGateway

MakeCharge = Callable[..., Charge]

OFFERED = [Method.QRIS, Method.VIRTUAL_ACCOUNT]


def test_the_sandbox_fulfils_the_contract(gateway: SandboxGateway) -> None:
    assert isinstance(gateway, Gateway)
    assert gateway.is_sandbox
    assert {offer.method for offer in gateway.methods()} == set(OFFERED)


@pytest.mark.parametrize("method", OFFERED)
def test_a_start_repeated_gives_the_same_answer(gateway: SandboxGateway, charge: MakeCharge, method: Method) -> None:
    wanted = charge(method=method)
    started = gateway.start(wanted)
    assert gateway.start(wanted) == started
    assert started.instructions.expires_at == wanted.expires_at
    assert (started.instructions.qr_string is None) == (method is Method.VIRTUAL_ACCOUNT)
    assert (started.instructions.va_number is None) == (method is Method.QRIS)


def test_the_first_start_creates_and_the_second_only_repeats(sandbox: Any, charge: MakeCharge) -> None:
    body = _body(charge())
    headers = sandbox.key | {"Idempotency-Key": body["reference"]}
    answers = [requests.post(f"{sandbox.url}/v1/payments", json=body, headers=headers, timeout=5) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json() == answers[1].json()


def test_simultaneous_starts_make_one_payment(gateway: SandboxGateway, charge: MakeCharge) -> None:
    wanted = charge()
    with ThreadPoolExecutor(8) as pool:
        started = list(pool.map(lambda _: gateway.start(wanted), range(16)))
    assert len({answer.gateway_reference for answer in started}) == 1


def test_the_same_reference_for_another_amount_is_refused(gateway: SandboxGateway, charge: MakeCharge) -> None:
    wanted = charge()
    gateway.start(wanted)
    with pytest.raises(PaymentError, match="422") as refusal:
        gateway.start(replace(wanted, amount=30_000))
    assert refusal.value.permanent
    standing = gateway.find(wanted.reference)
    assert standing and standing.amount == 20_000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("currency", "USD"),
        ("amount", 0),
        ("amount", True),
        ("amount", "20000"),
        ("method", "cash"),
        ("expires_at", "2099-01-01T00:00:00"),
        ("expires_at", "2001-01-01T00:00:00+07:00"),
        ("notify_url", "ftp://shop.example/"),
        ("return_url", "http://shop.example/\r\nSet-Cookie: a=b"),
        ("return_url", "https://shop.example; script-src *"),
    ],
)
def test_an_unusable_field_is_refused(sandbox: Any, charge: MakeCharge, field: str, value: object) -> None:
    body = _body(charge()) | {field: value}
    headers = sandbox.key | {"Idempotency-Key": body["reference"]}
    answer = requests.post(f"{sandbox.url}/v1/payments", json=body, headers=headers, timeout=5)
    assert answer.status_code == 422
    assert field in answer.json()["error"]["message"]


def test_a_start_whose_answer_was_lost_is_found_by_our_reference(gateway: SandboxGateway, charge: MakeCharge) -> None:
    wanted = charge()
    assert gateway.find(wanted.reference) is None
    started = gateway.start(wanted)
    standing = gateway.find(wanted.reference)
    assert standing is not None
    assert (standing.gateway_reference, standing.status) == (started.gateway_reference, Status.PENDING)


def test_a_wrong_key_opens_nothing(sandbox: Any, charge: MakeCharge) -> None:
    for verb, path in (("GET", "/v1/payments?reference=P1"), ("PUT", "/v1/control/settings")):
        answer = requests.request(
            verb, sandbox.url + path, headers={"Authorization": "Bearer wrong"}, json={}, timeout=5
        )
        assert answer.status_code == 401
    with pytest.raises(PaymentError, match="401") as refusal:
        sandbox.gateway(server_key="wrong").start(charge())
    assert refusal.value.permanent


def test_asking_for_an_unknown_payment_is_a_permanent_error(gateway: SandboxGateway) -> None:
    for number in ("SBX" + "0" * 20, "../payments", ""):
        with pytest.raises(PaymentError) as refusal:
            gateway.ask(number)
        assert refusal.value.permanent


@pytest.mark.parametrize(
    ("action", "status", "amount"),
    [
        ("pay", Status.PAID, 20_000),
        ("pay_late", Status.PAID, 20_000),
        ("pay_twice", Status.PAID, 40_000),
        ("pay_wrong_amount", Status.PAID, 18_000),
        ("expire", Status.EXPIRED, 20_000),
        ("fail", Status.FAILED, 20_000),
    ],
)
def test_asking_tells_what_happened(
    sandbox: Any, gateway: SandboxGateway, charge: MakeCharge, action: str, status: Status, amount: int
) -> None:
    number = gateway.start(charge()).gateway_reference
    assert sandbox.act(number, action).status_code == 200
    standing = gateway.ask(number)
    assert (standing.status, standing.amount) == (status, amount)
    assert (standing.paid_at is not None) == (status is Status.PAID)


def test_paid_money_can_be_reversed_but_unpaid_money_cannot(
    sandbox: Any, gateway: SandboxGateway, charge: MakeCharge
) -> None:
    number = gateway.start(charge()).gateway_reference
    assert sandbox.act(number, "reverse").status_code == 409
    sandbox.act(number, "pay")
    sandbox.act(number, "reverse")
    assert gateway.ask(number).status is Status.REVERSED


def test_a_payment_expires_by_itself_and_late_money_is_still_taken(
    sandbox: Any, gateway: SandboxGateway, charge: MakeCharge
) -> None:
    number = gateway.start(charge(lasts=0.3)).gateway_reference
    time.sleep(0.4)
    assert gateway.ask(number).status is Status.EXPIRED
    assert sandbox.act(number, "pay").status_code == 409
    assert sandbox.act(number, "pay_late").status_code == 200
    assert gateway.ask(number).status is Status.PAID


@pytest.mark.parametrize("method", OFFERED)
def test_a_refund_repeated_with_its_key_pays_once(
    sandbox: Any, gateway: SandboxGateway, charge: MakeCharge, method: Method
) -> None:
    number = gateway.start(charge(method=method)).gateway_reference
    sandbox.act(number, "pay")
    for _ in range(3):
        gateway.refund(number, "R1", 10_000, "satu meterai tidak dipakai")
    standing = gateway.ask(number)
    assert (standing.status, standing.amount, standing.refunded) == (Status.PAID, 20_000, 10_000)
    gateway.refund(number, "R2", 10_000, "sisanya")
    assert gateway.ask(number).status is Status.REFUNDED
    gateway.refund(number, "R2", 10_000, "sisanya")
    assert gateway.ask(number).refunded == 20_000


def test_simultaneous_repeats_of_a_refund_pay_once(sandbox: Any, gateway: SandboxGateway, charge: MakeCharge) -> None:
    number = gateway.start(charge()).gateway_reference
    sandbox.act(number, "pay")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: gateway.refund(number, "R1", 5_000, "sama"), range(16)))
    assert gateway.ask(number).refunded == 5_000


def test_a_refund_that_cannot_be_is_refused_for_good(sandbox: Any, gateway: SandboxGateway, charge: MakeCharge) -> None:
    number = gateway.start(charge()).gateway_reference
    with pytest.raises(PaymentError, match="409"):
        gateway.refund(number, "R1", 10_000, "belum dibayar")
    sandbox.act(number, "pay")
    gateway.refund(number, "R1", 15_000, "sebagian")
    for key, amount in (("R1", 5_000), ("R2", 5_001)):
        with pytest.raises(PaymentError, match="422") as refusal:
            gateway.refund(number, key, amount, "sebagian")
        assert refusal.value.permanent
    assert gateway.ask(number).refunded == 15_000


def _body(charge: Charge) -> dict[str, Any]:
    return {
        "reference": charge.reference,
        "amount": charge.amount,
        "currency": "IDR",
        "method": charge.method.value,
        "description": charge.description,
        "expires_at": charge.expires_at.isoformat(),
        "notify_url": charge.notify_url,
        "return_url": charge.return_url,
    }
