"""What tests begin with: stock, people, wishes, and what a gateway says. Real steps make it, wherever there is one."""

import io
import itertools
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings

from meterai import depositing, leasing, states, stocking
from meterai.models import Batch, Deposit, Reseller, User
from orders import ordering
from orders.models import Order, Payment
from orders.ordering import Wish
from orders.payments.gateway import Standing, Status

_numbers = itertools.count(1)
QR = "00020101021126570014ID.CO.EXAMPLE.WWW5802ID6304ABCD"


def serials(count: int, *, prefix: str = "TEST") -> list[str]:
    """So many serials, each new."""
    return [f"{prefix}{next(_numbers):0{22 - len(prefix)}d}" for _ in range(count)]


def delivery(codes: Iterable[str], *, heading: str = "serial") -> io.BytesIO:
    """A file as the issuer sends it."""
    return io.BytesIO("\n".join([heading, *codes, ""]).encode())


def person(name: str, **values: Any) -> User:
    """A user; found again by name."""
    return User.objects.get_or_create(username=name, defaults={"is_staff": True} | values)[0]


def draft(count: int, *, at: datetime, reference: str = "") -> Batch:
    """A batch that "gudang" imported and nobody activated."""
    reference = reference or f"KIRIMAN-{next(_numbers)}"
    return stocking.take_in(delivery=delivery(serials(count)), reference=reference, by=person("gudang"), at=at)


def stock(count: int, *, at: datetime) -> Batch:
    """A batch on sale in the official shop."""
    batch = draft(count, at=at)
    stocking.activate(batch=batch, by=person("penyelia"), at=at)
    return batch


def reseller(code: str = "posfin", **values: Any) -> Reseller:
    """A reseller without stock."""
    known = {"name": code.title(), "contact_email": f"bantuan@{code}.example"}
    return Reseller.objects.get_or_create(code=code, defaults=known | values)[0]


def deposit(owner: Reseller, stamps: int, *, at: datetime) -> Deposit:
    """The duty of so many stamps, paid ahead: "gudang" recorded it, "penyelia" confirmed it."""
    amount = stamps * settings.DUTY
    paid = depositing.record(
        reseller=owner, reference=f"SETORAN-{next(_numbers)}", amount=amount, by=person("gudang"), at=at
    )
    depositing.confirm(deposit=paid, by=person("penyelia"), at=at)
    return paid


def lease(owner: Reseller, count: int, *, at: datetime) -> None:
    """Stock of the official shop for a reseller, against a deposit of its own."""
    paid = deposit(owner, count, at=at)
    leasing.grant(reseller=owner, quantity=count, deposit=paid, by=person("penyelia"), at=at)


def wish(**changes: Any) -> Wish:
    """Siti wants two stamps and pays by QRIS."""
    known = {
        "quantity": 2,
        "email": "siti@contoh.example",
        "phone": "",
        "gateway": "sandbox",
        "method": "qris",
    }
    return Wish(**(known | changes))


def order(*, at: datetime, key: str = "", **changes: Any) -> Order:
    """An order, placed, its payment not yet started."""
    return ordering.place_order(wish=wish(**changes), idempotency_key=key or str(uuid.uuid4()), at=at)


def asked_for(placed: Order, *, at: datetime) -> Payment:
    """The order's payment, as if the gateway had just taken the charge."""
    payment = placed.payments.get(state=Payment.State.STARTED)
    states.move(
        payment,
        to=Payment.State.PENDING,
        at=at,
        gateway_reference=f"SBX{next(_numbers):020d}",
        instructions={"qr_string": QR, "va_number": "", "va_bank": "", "pay_url": ""},
    )
    return payment


def standing(payment: Payment, status: Status = Status.PAID, *, at: datetime, **changes: Any) -> Standing:
    """What the gateway says about a payment."""
    known = {
        "gateway_reference": payment.gateway_reference,
        "reference": str(payment.pk),
        "status": status,
        "amount": payment.amount,
        "currency": "IDR",
        "paid_at": at if status is Status.PAID else None,
    }
    return Standing(**(known | changes))
