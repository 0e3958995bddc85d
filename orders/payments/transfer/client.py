"""The gateway for transfers by hand. It asks no company: our own books say what was found in the bank's statement."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from orders.payments.gateway import (
    Charge,
    Forged,
    Instructions,
    Method,
    Notified,
    Offer,
    PaymentError,
    RefundStatus,
    Standing,
    Started,
    Status,
)

PREFIX = "TRF-"
USUAL_SECONDS = 24 * 3600  # somebody uploads the statement once or twice a working day
_NUMBER = re.compile(r"[0-9]{5,34}")
LONGEST_NAME = 60
MOST_HOURS = 24 * 7
ENVIRONMENTS = ("production", "sandbox")


@dataclass(frozen=True, kw_only=True)
class Known:
    """What our books know of one payment by transfer."""

    amount: int
    """Rupiah asked for."""
    note: str
    """What the buyer writes in the transfer: the order's code without dashes."""
    expires_at: datetime
    received: int
    """Rupiah of all transfers that were matched to it."""
    first_at: datetime | None
    """When the first of them was booked; a statement gives the day only."""


Book = Callable[[str], Known | None]
"""From a payment's id to what is known of it; None when there is no such payment."""


class TransferGateway:
    """Gateway without a company: the buyer transfers to our account and we find it again."""

    name = "transfer"

    def __init__(
        self,
        *,
        bank: str,
        number: str,
        holder: str,
        hours: str = "24",
        environment: str = "production",
        book: Book,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`bank`, `number` and `holder` are our account as the buyer reads it. Raises ValueError."""
        for option, value in (("bank", bank), ("holder", holder)):
            if not value.strip() or len(value) > LONGEST_NAME:
                raise ValueError(f"The transfer gateway's {option} must have 1 to {LONGEST_NAME} characters.")
        self._number = re.sub(r"[\s.-]", "", number)
        if not _NUMBER.fullmatch(self._number):
            raise ValueError("The transfer gateway's number must be a bank account number.")
        if environment not in ENVIRONMENTS:
            raise ValueError("The transfer gateway's environment must be production or sandbox.")
        if not hours.isdecimal() or not 1 <= int(hours) <= MOST_HOURS:
            raise ValueError(f"The transfer gateway's hours must be 1 to {MOST_HOURS}.")
        self._minutes = int(hours) * 60
        self.is_sandbox = environment == "sandbox"
        self._bank, self._holder = bank.strip(), holder.strip()
        self._book, self._clock = book, clock

    def __repr__(self) -> str:
        return f"<TransferGateway {self.account}>"

    @property
    def account(self) -> str:
        """Bank and number: names the account that a statement belongs to."""
        return f"{self._bank} {self._number}"

    def methods(self) -> tuple[Offer, ...]:
        return (
            Offer(
                method=Method.TRANSFER,
                label="Transfer bank manual",
                fee=0,
                usual_seconds=USUAL_SECONDS,
                minutes_to_pay=self._minutes,
            ),
        )

    def start(self, charge: Charge) -> Started:
        known = self._known(charge.reference)
        if charge.method is not Method.TRANSFER or known.amount != charge.amount:
            raise PaymentError("The books know another payment than was asked for.", permanent=True)
        instructions = Instructions(
            qr_string=None,
            va_number=None,
            va_bank=None,
            pay_url=None,
            expires_at=charge.expires_at,
            account_bank=self._bank,
            account_number=self._number,
            account_holder=self._holder,
            transfer_note=known.note,
        )
        return Started(gateway_reference=PREFIX + charge.reference, instructions=instructions)

    def ask(self, gateway_reference: str) -> Standing:
        if not gateway_reference.startswith(PREFIX):
            raise PaymentError("This is not the number of a transfer.", permanent=True)
        return self._standing(gateway_reference.removeprefix(PREFIX))

    def find(self, reference: str) -> Standing | None:
        return self._standing(reference) if self._book(reference) else None

    def read(self, headers: Mapping[str, str], body: bytes, at: datetime) -> Notified:
        raise Forged("Nobody notifies us of transfers.")

    def refunds(self, method: Method) -> bool:
        return False

    def refund(self, gateway_reference: str, refund_key: str, amount: int, reason: str) -> RefundStatus:
        raise PaymentError("A transfer is paid back by another transfer, not by this gateway.", permanent=True)

    def _known(self, reference: str) -> Known:
        known = self._book(reference)
        if known is None:
            raise PaymentError("The books know no such payment.", permanent=True)
        return known

    def _standing(self, reference: str) -> Standing:
        """`refunded` stays 0: what goes back is a transfer of ours, which our own Refund rows know."""
        known = self._known(reference)
        if known.received:
            status = Status.PAID
        else:
            status = Status.EXPIRED if self._clock() >= known.expires_at else Status.PENDING
        return Standing(
            gateway_reference=PREFIX + reference,
            reference=reference,
            status=status,
            amount=known.received or known.amount,
            currency="IDR",
            paid_at=known.first_at if known.received else None,
        )
