"""Ani has an order and a letter; the development authority seals."""

import io
import secrets
import string
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings

from meterai import stocking
from meterai.models import User
from orders import ordering, paying
from orders.models import Order
from orders.ordering import Wish
from orders.payments.gateway import Standing, Status
from stamping import placing, preparing
from stamping.authority import development
from stamping.models import Document

DATA = Path(__file__).resolve().parent.parent / "data"
NOW = datetime(2026, 9, 1, 3, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def authority() -> development.Paths:
    """The development authority of this test run."""
    return development.make(folder=settings.AUTHORITY_DIR, at=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def letter() -> bytes:
    return (DATA / "letter.pdf").read_bytes()


@pytest.fixture
def stock(db: None) -> None:
    """Twenty serials on sale."""
    importer, activator = User.objects.create_user("gudang-1"), User.objects.create_user("gudang-2")
    letters = string.ascii_uppercase + string.digits
    lines = "\n".join("".join(secrets.choice(letters) for _ in range(22)) for _ in range(20))
    batch = stocking.take_in(delivery=io.BytesIO(lines.encode()), reference="K-1", by=importer, at=NOW)
    stocking.activate(batch=batch, by=activator, at=NOW)


@pytest.fixture
def order(stock: None) -> Callable[..., Order]:
    """Makes an order by the steps: `order(quantity=1, paid=True)`."""

    def make(*, quantity: int = 1, paid: bool = True) -> Order:
        wish = Wish(quantity=quantity, email="ani@contoh.example", phone="", gateway="sandbox", method="qris")
        placed = ordering.place_order(wish=wish, idempotency_key=uuid.uuid4().hex, at=NOW)
        if paid:
            pay(placed)
        return placed

    return make


def pay(order: Order) -> None:
    """The gateway says that the order's money came."""
    payment = order.payments.get()
    standing = Standing(
        gateway_reference="SBX1",
        reference=str(payment.pk),
        status=Status.PAID,
        amount=payment.amount,
        currency="IDR",
        paid_at=NOW,
    )
    paying.settle(payment=payment, standing=standing, at=NOW)
    order.refresh_from_db()


@pytest.fixture
def queued(order: Callable[..., Order], letter: bytes) -> Callable[..., Document]:
    """Makes a document that is placed, agreed to and, its order being paid, queued."""

    def make(*, of: Order | None = None, source: bytes = letter, x: float = 400) -> Document:
        document = preparing.take_up(name="surat.pdf", source=source, at=NOW)
        placing.attach(document=document, order=of or order())
        placing.place(document=document, page=1, x=x, y=100, size=86, at=NOW)
        placing.confirm(document=document, at=NOW)
        return document

    return make
