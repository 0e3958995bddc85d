"""What every payment gateway must do for us, and nothing about how it does it.

Plain Python: no Django, no network. Money is whole rupiah; every datetime carries a zone.
A gateway is a company we do not control: it may be slow, answer twice, or not answer at all. So nothing it
*sends* is believed; a notification only says whom to ask about, and `ask` fetches the state from the source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable


class Method(StrEnum):
    """How a buyer can hand over the money."""

    QRIS = "qris"
    """The national QR code, scanned by any Indonesian bank or wallet app."""
    VIRTUAL_ACCOUNT = "va"
    """A bank account number made for this one payment."""
    TRANSFER = "transfer"
    """A transfer to our own bank account, found again in the bank's statement."""


class Status(StrEnum):
    """Where a payment stands, in our words; each gateway maps its own words onto these.

    PENDING -> PAID | EXPIRED | FAILED;  EXPIRED | FAILED -> PAID (late money);  PAID -> REVERSED | REFUNDED.
    """

    PENDING = "pending"
    """The gateway waits for the buyer's money."""
    PAID = "paid"
    """The gateway has the money and owes it to us; part of it may have been refunded since."""
    EXPIRED = "expired"
    """The time to pay ran out without money; money may still come late."""
    FAILED = "failed"
    """The gateway gave the payment up (denied, cancelled) without money."""
    REVERSED = "reversed"
    """The gateway took paid money back against our will: denial after settlement, or chargeback."""
    REFUNDED = "refunded"
    """All the money that came in was sent back to the buyer at our wish."""


class RefundStatus(StrEnum):
    """How far money is on its way back."""

    PENDING = "pending"
    """The gateway took the refund and has not sent the money yet: ask again with the same key."""
    DONE = "done"
    """The gateway sent the money to the buyer."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A method as the buyer sees it before choosing."""

    method: Method
    label: str
    """Indonesian source text for gettext."""
    fee: int
    """Rupiah the gateway adds for this method."""
    usual_seconds: int
    """From the buyer's "pay" to our knowledge of it, usually."""
    minutes_to_pay: int | None = None
    """How long an order waits for money of this method; None: as long as the shop's orders wait."""


@dataclass(frozen=True, kw_only=True)
class Charge:
    """What we ask a gateway to collect. A repeat must carry the very same values, the times included."""

    reference: str
    """Our payment's id, and the idempotency key: the gateway makes one payment for it, ever."""
    amount: int
    """Rupiah, more than zero."""
    method: Method
    description: str
    """Shown to the buyer by the gateway; carries no personal data."""
    expires_at: datetime
    notify_url: str
    """Where the gateway sends its notifications: an absolute http(s) address."""
    return_url: str
    """Where the buyer's browser goes after paying: an absolute http(s) address."""


@dataclass(frozen=True, kw_only=True)
class Instructions:
    """How the buyer pays; what a method does not use is None."""

    qr_string: str | None
    va_number: str | None
    va_bank: str | None
    pay_url: str | None
    """A page of the gateway's own, if it has one."""
    expires_at: datetime
    account_bank: str | None = None
    """Our own account, for a transfer by hand: bank, number, holder, and what to write as the transfer's news."""
    account_number: str | None = None
    account_holder: str | None = None
    transfer_note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Started:
    """The gateway took the charge and waits for money."""

    gateway_reference: str
    """The gateway's id of the payment."""
    instructions: Instructions


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The gateway's own current state of one payment, fetched by id: nothing else moves our payment."""

    gateway_reference: str
    reference: str
    """Our payment's id, as the gateway returns it: compare it before believing the rest."""
    status: Status
    amount: int
    """Rupiah received in all, once money came (less or more than asked? compare); else rupiah asked."""
    currency: str
    """Always "IDR"; an adapter refuses anything else."""
    paid_at: datetime | None
    """When money first came."""
    refunded: int = 0
    """Rupiah of `amount` sent back so far; a part leaves the status PAID."""


@dataclass(frozen=True, kw_only=True)
class Notified:
    """What a verified notification says: whom to ask about. Its idea of the state is dropped on purpose."""

    event: str
    """The gateway's id of the notification, the same for each re-delivery of it."""
    gateway_reference: str


class PaymentError(Exception):
    """The gateway did not do what we asked, or we do not know whether it did.

    Not permanent: nobody knows the outcome; the same call with the same reference or key is a safe repeat.
    Permanent: the gateway refused, or its answer contradicts what we asked; a repeat changes nothing.
    """

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent


class Forged(Exception):
    """The notification's signature is missing or wrong, or its timestamp is stale or ahead: answer 401."""


class Malformed(Exception):
    """The notification is truly the gateway's, but not in the documented shape: answer 400."""


@runtime_checkable
class Gateway(Protocol):
    """One payment company. Safe to share between threads."""

    @property
    def name(self) -> str:
        """The short name stored with each payment: "sandbox"."""

    @property
    def is_sandbox(self) -> bool:
        """True when no real money moves; pages must then say so."""

    def methods(self) -> tuple[Offer, ...]:
        """What a buyer may choose from. No network."""

    def start(self, charge: Charge) -> Started:
        """Ask for the money; a repeat with the same charge gives the same answer. Raises PaymentError."""

    def ask(self, gateway_reference: str) -> Standing:
        """Its current state. Raises PaymentError: permanent when the gateway knows no such payment."""

    def find(self, reference: str) -> Standing | None:
        """The payment made for our reference, for when the answer to `start` was lost.

        None: the gateway has none. Raises PaymentError.
        """

    def read(self, headers: Mapping[str, str], body: bytes, at: datetime) -> Notified:
        """Verify a notification as received (body untouched) then. No network. Raises Forged, Malformed."""

    def refunds(self, method: Method) -> bool:
        """Whether it can send money of this method back by itself; where not, we pay out by bank transfer."""

    def refund(self, gateway_reference: str, refund_key: str, amount: int, reason: str) -> RefundStatus:
        """Send `amount` rupiah back to the buyer, once per refund_key: the same key is a safe repeat.

        PENDING: call again later with the same key and values. Raises PaymentError: permanent when the gateway
        refuses, as when more is asked for than is left, or when it cannot refund this payment.
        """
