"""A small cast with names: gudang imports, penyelia puts on sale, Posfin resells, Siti buys, petugas helps."""

import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import requests
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from meterai.conserving import balances
from meterai.models import Batch, Reseller, User
from orders.models import Order
from tests import factories
from tests.contracts.conftest import NOTIFY_SECRET, SERVER_KEY, Server

DATABASE_FIXTURES = {"db", "transactional_db", "live_server"}


@pytest.fixture(scope="session", autouse=True)
def translations() -> None:
    """A fresh clone has none compiled, and what a process did not find at first it does not look for again."""
    call_command("compile_translations", stdout=io.StringIO())


@pytest.fixture(autouse=True)
def no_network_inside_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call to a gateway fails the test when our code holds a transaction open meanwhile."""
    send = requests.Session.send

    def guarded(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        ours = [block for block in connection.atomic_blocks if not block._from_testcase]
        assert not ours, f"{request.method} {request.url} was sent inside a transaction"
        return send(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", guarded)


@pytest.fixture(autouse=True)
def fresh_limits(request: pytest.FixtureRequest) -> None:
    """No test meets the limits that another one used up."""
    if DATABASE_FIXTURES & set(request.fixturenames) or request.node.get_closest_marker("django_db"):
        cache.clear()


@pytest.fixture(autouse=True)
def nothing_lost(request: pytest.FixtureRequest) -> Iterator[None]:
    """Conservation holds after every test that had a database, unless the test breaks it on purpose."""
    used = DATABASE_FIXTURES & set(request.fixturenames)
    if used:  # asked for here, so that the database is still there when we look
        request.getfixturevalue("transactional_db" if used - {"db"} else "db")
    yield
    if used and not request.node.get_closest_marker("breaks_conservation") and not connection.needs_rollback:
        assert [row for row in balances() if not row.is_balanced] == []


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "breaks_conservation: the test takes or makes a serial behind our back")


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def gudang(db: None) -> User:
    return factories.person("gudang")


@pytest.fixture
def penyelia(db: None) -> User:
    return factories.person("penyelia")


@pytest.fixture
def stock(db: None, now: datetime) -> Batch:
    """Thirty serials on sale."""
    return factories.stock(30, at=now)


@pytest.fixture
def posfin(db: None) -> Reseller:
    return factories.reseller("posfin")


@pytest.fixture
def order(stock: Batch, now: datetime) -> Order:
    """Siti's order of two stamps, not paid."""
    return factories.order(at=now)


@pytest.fixture(scope="session")
def gateway_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The sandbox gateway as a process of its own, reached over HTTP."""
    server = Server(tmp_path_factory.mktemp("gateway") / "sandbox.sqlite3")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def gateway(gateway_server: Server, settings: Any) -> Server:
    """The site under test pays through the sandbox gateway."""
    options = {"url": gateway_server.url, "server_key": SERVER_KEY, "notify_secret": NOTIFY_SECRET}
    settings.GATEWAY_SETTINGS = {"sandbox": options}
    return gateway_server
