"""Buyers: each wants one order, whatever becomes of the connection, and pays it as their fate says."""

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.utils import timezone

from orders.models import Order, Payment
from orders.reserving import GRACE
from tests.storm.line import LOST, Line

Visit = Iterator[float]
"""What a buyer does, step by step: each value is how many seconds pass before the next step."""
AGAIN, LOOK = 1.0, 2.0  # seconds before something is tried again, and between two looks at the order
RUSHED, ASKING = 0.05, 0.05  # shares of buyers that hang up while they order; that press "I have paid"
BUSY = {LOST, 409, 429, 500, 502, 503, 504}
"""Answers after which a client sends the same once more, with the same Idempotency-Key."""


class Fate(StrEnum):
    """How the money comes."""

    PLAIN = "paid in time"
    LATE = "paid late"
    TWICE = "paid twice"
    WRONG = "wrong amount"
    REVERSED = "reversed"


SHARES = {Fate.LATE: 0.01, Fate.TWICE: 0.01, Fate.WRONG: 0.005, Fate.REVERSED: 0.005}


def fates(count: int, dice: random.Random) -> list[Fate]:
    """One a buyer: the shares of SHARES, but six of each at least, so that a small storm has them all."""
    special = [fate for fate, share in SHARES.items() for _ in range(max(6, round(count * share)))]
    drawn = special + [Fate.PLAIN] * (count - len(special))
    dice.shuffle(drawn)
    return drawn


@dataclass
class Buyer:
    """One person and what they were told."""

    number: int
    fate: Fate
    dice: random.Random
    codes: set[str] = field(default_factory=set)
    """The orders that the shop said are theirs: one, if all is well."""
    secret: str = ""
    reference: str = ""
    """The payment's number at the gateway."""

    @property
    def key(self) -> str:
        return f"storm-buyer-{self.number:08d}"

    @property
    def address(self) -> str:
        """Everybody comes from an address of their own, as the proxy in front tells the shop."""
        return f"10.{self.number >> 16 & 255}.{self.number >> 8 & 255}.{self.number & 255}"


class Town:
    """The shop and the gateway as the buyers reach them, and a count of what they met."""

    def __init__(self, *, shop: str, company: str, server_key: str) -> None:
        self.shop, self.company = Line(shop), Line(company, {"Authorization": f"Bearer {server_key}"})
        self.met: Counter[str] = Counter()

    def visit(self, buyer: Buyer) -> Visit:
        """The whole of it: order, wait until it can be paid, pay."""
        yield from self._place(buyer)
        yield from self._wait_until_payable(buyer)
        yield from FATES[buyer.fate](self, buyer)
        if buyer.dice.random() < ASKING:
            self._press(buyer)

    def _place(self, buyer: Buyer) -> Visit:
        wish = {
            "quantity": buyer.dice.choice([1, 1, 2, 3]),
            "email": f"pembeli{buyer.number}@contoh.example",
            "method": buyer.dice.choice(["qris", "va"]),
        }
        order = ("POST", "/api/v1/orders", wish)
        headers = {"Idempotency_Key": buyer.key, "X_Forwarded_For": buyer.address}
        if buyer.dice.random() < RUSHED:
            self.met["hung up"] += 1
            self.shop.send_and_leave(*order, **headers)
        while (answer := self.shop.send(*order, **headers))[0] in BUSY:
            self._note("order", answer[0])
            yield AGAIN
        status, told = answer
        assert status in (200, 201), f"buyer {buyer.number} was refused: {status} {told}"
        self.met["order known already"] += status == 200
        buyer.codes.add(told["code"])
        buyer.secret = told["key"]

    def _wait_until_payable(self, buyer: Buyer) -> Visit:
        while not buyer.reference:
            yield LOOK
            if told := self._look(buyer):
                buyer.reference = told["payment"]["pay_url"].rpartition("/")[2]

    def wait_until_paid(self, buyer: Buyer) -> Visit:
        """Until the shop's own page says so; who has waited for a while presses "I have paid"."""
        for looks in itertools.count():
            yield LOOK
            told = self._look(buyer) if looks % 5 < 4 else self._press(buyer)
            if told and told["state"] == "paid":
                return

    def _look(self, buyer: Buyer) -> Any:
        """The order as the shop shows it; None when it does not answer."""
        return self._ask(buyer, "GET", f"/api/v1/orders/{min(buyer.codes)}")

    def _press(self, buyer: Buyer) -> Any:
        """ "I have paid": the shop asks the gateway now."""
        return self._ask(buyer, "POST", f"/api/v1/orders/{min(buyer.codes)}/check")

    def _ask(self, buyer: Buyer, verb: str, path: str) -> Any:
        status, told = self.shop.send(verb, path, X_Order_Key=buyer.secret, X_Forwarded_For=buyer.address)
        if status == 200:
            return told
        self._note("question", status)
        return None

    def act(self, buyer: Buyer, action: str, **more: int) -> Visit:
        """Make it happen at the gateway."""
        wish = ("POST", f"/v1/control/{buyer.reference}", {"action": action} | more)
        while (answer := self.company.send(*wish))[0] != 200:
            assert answer[0] in (LOST, 500), f"{action} of buyer {buyer.number}: {answer}"
            yield AGAIN

    def _note(self, what: str, status: int) -> None:
        self.met[f"{what}: {status or 'no answer'}"] += 1


def _plain(town: Town, buyer: Buyer) -> Visit:
    yield from town.act(buyer, "pay")


def _late(town: Town, buyer: Buyer) -> Visit:
    """The deadline passes, the shop's own sweeper lets the order go, and then the money comes."""
    past = timezone.now() - GRACE - timedelta(seconds=1)
    for rows in (Order.objects.filter(code__in=buyer.codes), Payment.objects.filter(order__code__in=buyer.codes)):
        rows.update(expires_at=past)
    while Order.objects.filter(code__in=buyer.codes, state=Order.State.PENDING).exists():
        yield 1.0
    yield from town.act(buyer, "pay_late")


def _twice(town: Town, buyer: Buyer) -> Visit:
    """At once, a moment later, or when the shop has thanked for the first time."""
    if buyer.dice.random() < 0.7:
        yield from town.act(buyer, "pay")
        yield from _a_while(town, buyer)
    yield from town.act(buyer, "pay_twice")


def _wrong(town: Town, buyer: Buyer) -> Visit:
    """Too little, or too much."""
    total = Payment.objects.values_list("amount", flat=True).get(order__code__in=buyer.codes)
    yield from town.act(buyer, "pay_wrong_amount", amount=buyer.dice.choice([total - 1, total // 2, total + 2_500]))


def _reversed(town: Town, buyer: Buyer) -> Visit:
    """The bank takes it back, before the shop has heard that it came or after."""
    yield from town.act(buyer, "pay")
    yield from _a_while(town, buyer)
    yield from town.act(buyer, "reverse")


def _a_while(town: Town, buyer: Buyer) -> Visit:
    """A few seconds, or until the shop says that the order is paid."""
    if buyer.dice.random() < 0.5:
        yield buyer.dice.uniform(0, 5)
    else:
        yield from town.wait_until_paid(buyer)


FATES: dict[Fate, Callable[[Town, Buyer], Visit]] = {
    Fate.PLAIN: _plain,
    Fate.LATE: _late,
    Fate.TWICE: _twice,
    Fate.WRONG: _wrong,
    Fate.REVERSED: _reversed,
}
