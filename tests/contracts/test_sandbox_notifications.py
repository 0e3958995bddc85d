"""What the sandbox company sends by itself: signed, repeated, forged, and not lost with its process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from orders.payments.gateway import Charge, Forged, Status
from orders.payments.sandbox.client import SandboxGateway

MakeCharge = Callable[..., Charge]


@pytest.fixture
def obedient(sandbox: Any) -> Iterator[Any]:
    """The sandbox, its mischief taken back afterwards."""
    yield sandbox
    sandbox.settings(delay_seconds=0, drop_share=0, duplicate=False, reorder=False)


def test_paying_on_the_hosted_page_leads_back_and_notifies(
    gateway: SandboxGateway, charge: MakeCharge, shop: Any
) -> None:
    wanted = charge()
    started = gateway.start(wanted)
    assert started.instructions.pay_url
    for _ in range(2):  # a double click
        answer = requests.post(started.instructions.pay_url, allow_redirects=False, timeout=5)
        assert (answer.status_code, answer.headers["Location"]) == (303, wanted.return_url)
    [(headers, body)] = shop.catch(1)
    notified = gateway.read(headers, body, datetime.now(UTC))
    assert notified.gateway_reference == started.gateway_reference
    assert notified.event.startswith("msg_")
    standing = gateway.ask(notified.gateway_reference)
    assert (standing.status, standing.amount) == (Status.PAID, wanted.amount)
    assert len(shop.caught) == 1


def test_a_tampered_or_stale_notification_is_refused(
    sandbox: Any, gateway: SandboxGateway, charge: MakeCharge, shop: Any
) -> None:
    sandbox.act(gateway.start(charge()).gateway_reference, "pay")
    [(headers, body)] = shop.catch(1)
    now = datetime.now(UTC)
    gateway.read(headers, body, now)
    with pytest.raises(Forged):
        gateway.read(headers, body.replace(b"20000", b"90000"), now)
    for minutes in (-6, 6):
        with pytest.raises(Forged, match="window"):
            gateway.read(headers, body, now + timedelta(minutes=minutes))


def test_a_forged_notification_is_refused_and_moves_nothing(
    sandbox: Any, gateway: SandboxGateway, charge: MakeCharge, shop: Any
) -> None:
    number = gateway.start(charge()).gateway_reference
    sandbox.act(number, "forge")
    [(headers, body)] = shop.catch(1)
    assert b'"status": "paid"' in body
    with pytest.raises(Forged):
        gateway.read(headers, body, datetime.now(UTC))
    assert gateway.ask(number).status is Status.PENDING


def test_an_error_and_a_redirect_are_retried_as_the_same_event(
    sandbox: Any, gateway: SandboxGateway, charge: MakeCharge, shop: Any
) -> None:
    shop.answers = [500, 302]
    sandbox.act(gateway.start(charge()).gateway_reference, "pay")
    caught = shop.catch(3)
    events = {gateway.read(headers, body, datetime.now(UTC)).event for headers, body in caught}
    assert len(events) == 1


def test_mischief_duplicates_drops_and_delays(
    obedient: Any, gateway: SandboxGateway, charge: MakeCharge, shop: Any
) -> None:
    obedient.settings(drop_share=1)
    obedient.act(gateway.start(charge()).gateway_reference, "pay")
    obedient.settings(drop_share=0, duplicate=True, delay_seconds=0.5)
    number = gateway.start(charge()).gateway_reference
    began = time.monotonic()
    obedient.act(number, "pay")
    notified = [gateway.read(headers, body, datetime.now(UTC)) for headers, body in shop.catch(2)]
    assert time.monotonic() - began >= 0.5
    assert notified[0] == notified[1]
    assert notified[0].gateway_reference == number


def test_a_notification_repeated_by_hand_is_the_same_event(
    sandbox: Any, gateway: SandboxGateway, charge: MakeCharge, shop: Any
) -> None:
    number = gateway.start(charge()).gateway_reference
    assert sandbox.act(number, "duplicate").status_code == 409
    sandbox.act(number, "pay")
    sandbox.act(number, "duplicate")
    notified = [gateway.read(headers, body, datetime.now(UTC)) for headers, body in shop.catch(2)]
    assert notified[0] == notified[1]


def test_nonsense_settings_are_refused(sandbox: Any) -> None:
    for wish in ({"delay_seconds": -1}, {"drop_share": 2}, {"duplicate": "yes"}):
        assert sandbox.settings(**wish).status_code == 422


def test_a_killed_server_keeps_the_payment_and_sends_what_was_pending(
    sandbox: Any, charge: MakeCharge, shop: Any, tmp_path: Path
) -> None:
    server = type(sandbox)(tmp_path / "killed.sqlite3")
    server.start()
    try:
        gateway = server.gateway()
        wanted = charge()
        shop.answers = [503]
        started = gateway.start(wanted)
        server.act(started.gateway_reference, "pay")
        shop.catch(1)
    finally:
        server.kill()
    server.start()
    try:
        notified = [gateway.read(*caught, datetime.now(UTC)) for caught in shop.catch(2, within=12)]
        assert notified[0] == notified[1]
        assert gateway.ask(started.gateway_reference).status is Status.PAID
        assert gateway.start(wanted) == started
    finally:
        server.kill()
