"""An order is written in one transaction: order, serials, lines, and the payment that a worker will start."""

import hashlib
import uuid
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from meterai import codes, states
from meterai.models import Reseller

from . import allowing, gates, noticing
from .models import Order, Payment
from .pricing import price
from .reserving import reserve

CODE_PREFIX = "MT"


@dataclass(frozen=True)
class Wish:
    """What a buyer asks for. E-mail or telephone number, at least one."""

    quantity: int
    email: str
    phone: str
    gateway: str
    method: str
    reseller_code: str = ""
    language: str = "id"

    @property
    def digest(self) -> str:
        """Tells a repeat of the same wish from another wish under the same key."""
        return hashlib.sha256(repr(astuple(self)).encode()).hexdigest()


class KeyReused(Exception):
    """This idempotency key was used before, for another wish (answer 422)."""

    def __init__(self, order: Order) -> None:
        super().__init__(order.code)
        self.order = order


class InFlight(Exception):
    """The same key is being worked on at this moment (answer 409); ask again."""


class NotSelling(Exception):
    """The reseller named sells nothing here, or the way to pay is not offered."""


class NotPayable(Exception):
    """The order waits for no money any more, or a payment is under way already."""


def place_order(*, wish: Wish, idempotency_key: str, at: datetime) -> Order:
    """Reserve stamps and write the order; the same key and wish give the same order again.

    Raises taking.SoldOut, allowing.LimitReached, KeyReused, InFlight, NotSelling. No network is touched: a worker asks
    the gateway afterwards (paying.start_due).
    """
    with transaction.atomic():
        if known := _known(wish, idempotency_key):
            return known
        order = _new_order(wish, idempotency_key, at)
        states.note(order, old="", new=order.state, at=at, actor="buyer")
        allowing.take(order=order)
        reserve(order=order, at=at)
        begin_payment(order=order, gateway=wish.gateway, method=wish.method, at=at)
        noticing.leave(event=f"{order.code}:ordered", template="ordered", order=order, at=at)
    return order


def begin_payment(*, order: Order, gateway: str, method: str, at: datetime) -> Payment:
    """Write the row that a worker (or the buyer's own request, after commit) starts at the gateway."""
    payment = Payment.objects.create(
        id=uuid.uuid4(),
        order=order,
        gateway=gateway,
        method=method,
        amount=order.total,
        created_at=at,
        expires_at=order.expires_at,
        next_ask_at=at,
    )
    states.note(payment, old="", new=payment.state, at=at, actor="buyer")
    return payment


def pay_again(*, order: Order, gateway: str, method: str, at: datetime) -> Payment:
    """Another payment after the last one failed or expired, while the order still waits. The fee follows the method.

    Raises NotPayable, NotSelling.
    """
    try:
        offer = gates.offer_of(gateway_name=gateway, method=method)
    except LookupError:
        raise NotSelling(method) from None
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order.pk)
        ended = not order.payments.exclude(state__in=[Payment.State.FAILED, Payment.State.EXPIRED]).exists()
        if order.state != Order.State.PENDING or at >= order.expires_at or not ended:
            raise NotPayable(order.code)
        order.total += offer.fee - order.payment_fee
        order.payment_fee = offer.fee
        order.save(update_fields=["total", "payment_fee"])
        return begin_payment(order=order, gateway=gateway, method=method, at=at)


def _known(wish: Wish, key: str) -> Order | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"order:{key}"])
        if not cursor.fetchone()[0]:
            raise InFlight(key)
    order = Order.objects.filter(idempotency_key=key).first()
    if order and order.idempotency_digest != wish.digest:
        raise KeyReused(order)
    return order


def _new_order(wish: Wish, key: str, at: datetime) -> Order:
    try:
        offer = gates.offer_of(gateway_name=wish.gateway, method=wish.method)
    except LookupError:
        raise NotSelling(wish.method) from None
    cost = price(quantity=wish.quantity, payment_fee=offer.fee)
    values: dict[str, Any] = {
        "email": wish.email,
        "phone": wish.phone,
        "language": wish.language,
        "reseller": _reseller(wish.reseller_code),
        "quantity": wish.quantity,
        "duty": cost.duty,
        "service_fee": cost.service_fee,
        "payment_fee": cost.payment_fee,
        "total": cost.total,
        "created_at": at,
        "expires_at": at + timedelta(minutes=offer.minutes_to_pay or settings.RESERVATION_MINUTES),
        "idempotency_key": key,
        "idempotency_digest": wish.digest,
    }
    return codes.with_new_code(
        prefix=CODE_PREFIX,
        constraint="orders_order_code",
        make=lambda code: Order.objects.create(code=code, **values),
    )


def _reseller(code: str) -> Reseller | None:
    if not code:
        return None
    reseller = Reseller.objects.filter(code=code, is_active=True).first()
    if reseller is None:
        raise NotSelling(code)
    return reseller
