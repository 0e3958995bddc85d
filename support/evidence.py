"""What a person can show about where a stamp came from, strongest first.

A sealed PDF carries its serial under a signature; a signed order link was given to the buyer alone; an order code
counts with the contact the order was made with; a serial or a payment reference leads to who sold it; a reseller's
name that somebody picked from a list proves nothing and is only noted.
"""

import logging
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Q

from meterai import codes
from meterai.models import Reseller, Stamp
from orders.contacts import Contact
from orders.models import Order, Payment
from orders.ordering import CODE_PREFIX
from stamping import verifying

log = logging.getLogger(__name__)


class Kind(StrEnum):
    """Where a piece of evidence comes from; the order of the members is their strength."""

    SEALED_FILE = "sealed_file"
    ORDER_LINK = "order_link"
    ORDER_CODE = "order_code"
    SERIAL = "serial"
    PAYMENT = "payment"
    # From here on nothing is proven.
    ORDER_CLAIMED = "order_claimed"
    SAID = "said"


NO_PROOF = frozenset({Kind.ORDER_CLAIMED, Kind.SAID})


@dataclass(frozen=True)
class Evidence:
    """One piece: what it is, what it names (a serial, an order code, a payment id, a reseller's code), and who sold.

    `reseller` empty means the official shop, except where `is_proof` is false: then the seller is not known by it.
    """

    kind: Kind
    reference: str
    reseller: Reseller | None = None
    order: Order | None = None

    @property
    def is_proof(self) -> bool:
        """Whether a ticket may be sent on to somebody on the strength of it."""
        return self.kind not in NO_PROOF

    def as_json(self) -> dict[str, str | None]:
        """As it is kept with the decision: no personal data."""
        seller = self.reseller.code if self.reseller else "official" if self.is_proof else None
        return {"kind": self.kind.value, "reference": self.reference, "seller": seller}


@dataclass(frozen=True)
class Claim:
    """What a person brings: a PDF's bytes, an order opened by its signed link, a typed number, a picked reseller."""

    pdf: bytes = b""
    order: Order | None = None
    number: str = ""
    contact: Contact | None = None
    reseller: Reseller | None = None


def gather(*, claim: Claim, at: datetime) -> list[Evidence]:
    """Everything that `claim` shows, strongest first. What leads nowhere is left out. Reads the PDF, keeps nothing."""
    return list(_gather(claim, at))


def _gather(claim: Claim, at: datetime) -> Iterator[Evidence]:
    if claim.pdf:
        for serial in _sealed(claim.pdf, at):
            yield from _sold(serial, Kind.SEALED_FILE)
    if claim.order:
        yield Evidence(Kind.ORDER_LINK, claim.order.code, claim.order.reseller, claim.order)
    if claim.number:
        yield from _typed(claim)
    if claim.reseller:
        yield Evidence(Kind.SAID, claim.reseller.code, claim.reseller)


def _sealed(pdf: bytes, at: datetime) -> tuple[str, ...]:
    """The serials under intact seals. While verification itself is down, a complaint must still get in: then none."""
    try:
        return verifying.serials_in(source=pdf, at=at)
    except (OSError, ValueError) as trouble:  # the trusted certificates are missing or unreadable
        log.warning("A complaint's file could not be checked: %s", type(trouble).__name__)
        return ()


def _typed(claim: Claim) -> Iterator[Evidence]:
    """The one field for numbers takes an order code, a serial or a payment reference; its shape tells which."""
    if code := codes.tidy(claim.number, prefix=CODE_PREFIX):
        yield from _order(code, claim)
    elif len(serial := _letters(claim.number)) == 22:
        yield from _sold(serial, Kind.SERIAL)
    else:
        yield from _payment(claim.number.strip())


def _order(code: str, claim: Claim) -> Iterator[Evidence]:
    order = Order.objects.select_related("reseller").filter(code=code).first()
    if order is None:
        return
    if _is_contact_of(order, claim):
        yield Evidence(Kind.ORDER_CODE, code, order.reseller, order)
    else:
        yield Evidence(Kind.ORDER_CLAIMED, code)


def _is_contact_of(order: Order, claim: Claim) -> bool:
    given = claim.contact or Contact()
    return bool(given.email and given.email == order.email) or bool(given.phone and given.phone == order.phone)


def _sold(serial: str, kind: Kind) -> Iterator[Evidence]:
    """Who sold a serial is on its stamp; one that was only reserved was sold by nobody."""
    stamp = Stamp.objects.select_related("reseller").filter(pk=serial).exclude(state=Stamp.State.RESERVED).first()
    if stamp:
        yield Evidence(kind, serial, stamp.reseller)


def _payment(reference: str) -> Iterator[Evidence]:
    named = Q(gateway_reference=reference)
    with suppress(ValueError):  # not a UUID: then it can only be the gateway's own number
        named |= Q(pk=uuid.UUID(reference))
    found = list(Payment.objects.select_related("order__reseller").filter(named)[:2])
    if len(found) == 1:  # two gateways may use the same number: then it proves nothing
        order = found[0].order
        yield Evidence(Kind.PAYMENT, str(found[0].pk), order.reseller, order)


def _letters(typed: str) -> str:
    return "".join(letter for letter in typed.upper() if letter.isascii() and letter.isalnum())
