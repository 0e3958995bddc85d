"""Matched: what came to our bank account finds the order that it was sent for, or is listed for a person.

One transaction an entry: the order's lock, the entry's move, the settling. A killed worker loses and doubles nothing.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import DataError, transaction

from meterai import codes, states
from meterai.claiming import claim
from meterai.models import User

from . import bankbook, gates, paying, refunding
from .models import BankEntry, Order, Payment, Refund
from .ordering import CODE_PREFIX
from .payments.gateway import PaymentError, Standing
from .payments.registry import UnknownGateway

LEASE = timedelta(seconds=30)
# A code as people copy it and banks break it: small letters, dashes or none, blanks anywhere.
_BLANKS = r"[\s./_-]*"
_CODE = re.compile(f"(?=({_BLANKS.join(CODE_PREFIX)}(?:{_BLANKS}[0-9A-Z]){{8}}))")
# The payment an order's transfer is meant for: one that waits, else one that was too small, else the latest.
_RANK = {Payment.State.STARTED: 0, Payment.State.PENDING: 0, Payment.State.HELD: 1, Payment.State.REFUNDED: 3}


class Unmatchable(Exception):
    """This money cannot be credited to this order; `cause` says why."""

    def __init__(self, cause: BankEntry.Cause) -> None:
        super().__init__(str(cause.value))
        self.cause = cause


def match_due(*, at: datetime, limit: int = 100) -> int:
    """Decide about entries that nobody looked at yet, oldest first; returns how many. Safe in many workers at once."""
    waiting = BankEntry.objects.filter(state=BankEntry.State.NEW)
    decided = 0
    for entry in claim(waiting, due="next_try_at", at=at, lease=LEASE, limit=limit):
        try:
            _decide(entry, at)
            decided += 1
        except (PaymentError, states.MovedMeanwhile):
            continue  # somebody else was first, or the lease runs out and the row comes due again
    return decided


def match_by_hand(*, entry: BankEntry, order: Order, reason: str, by: User, at: datetime) -> None:
    """Credit an entry that nobody's rule could place to `order`, because of `reason`.

    Raises Unmatchable, states.MovedMeanwhile, states.NoSuchArrow; then nothing has changed.
    """
    with transaction.atomic():
        _sign(entry, reason, by)
        _credit(entry, order=order, at=at, actor=by.username, reason=reason)


def set_aside(*, entry: BankEntry, reason: str, by: User, at: datetime) -> None:
    """This money is for no order: a deposit, interest, or paid back by hand. Raises MovedMeanwhile, NoSuchArrow."""
    with transaction.atomic():
        _sign(entry, reason, by)
        states.move(
            entry,
            to=BankEntry.State.ASIDE,
            at=at,
            actor=by.username,
            reason=reason[:200],
            decided_at=at,
            next_try_at=None,
        )


def named_in(text: str) -> list[Order]:
    """The orders whose code stands in `text`, however it is written."""
    found = {codes.tidy(written, prefix=CODE_PREFIX) for written in _written_codes(text)} - {""}
    return list(Order.objects.filter(code__in=found).order_by("pk"))


def likely(entry: BankEntry, *, most: int = 10) -> list[Payment]:
    """Payments by transfer of this very amount that still lack money, the newest first: what a person may look at."""
    lacking = [*Payment.OPEN, Payment.State.EXPIRED, Payment.State.FAILED, Payment.State.HELD]
    payments = Payment.objects.filter(gateway=bankbook.GATEWAY, amount=entry.amount, state__in=lacking)
    day_after = entry.date + timedelta(days=1)
    return list(payments.filter(created_at__date__lte=day_after).select_related("order").order_by("-created_at")[:most])


def _written_codes(text: str) -> Iterator[str]:
    return (found[1] for found in _CODE.finditer(text.upper()))


def _decide(entry: BankEntry, at: datetime) -> None:
    orders = named_in(f"{entry.description} {entry.reference}")
    try:
        if len(orders) != 1:
            raise Unmatchable(BankEntry.Cause.SEVERAL if orders else BankEntry.Cause.NO_CODE)
        _credit(entry, order=orders[0], at=at, actor="matcher", reason="order code")
    except Unmatchable as no:
        states.move(
            entry,
            to=BankEntry.State.UNMATCHED,
            at=at,
            actor="matcher",
            reason=str(no.cause.value),
            cause=no.cause,
            next_try_at=None,
        )


def _credit(entry: BankEntry, *, order: Order, at: datetime, actor: str, reason: str) -> None:
    """Match and settle, or raise and leave everything as it was.

    The order's row first, always: two transfers for one order are summed one after the other, none beside the other.
    """
    old = entry.state
    try:
        with transaction.atomic():
            Order.objects.select_for_update().get(pk=order.pk)
            payment = _payment_for(order)
            states.move(
                entry,
                to=BankEntry.State.MATCHED,
                at=at,
                actor=actor,
                reason=reason[:200],
                payment=payment,
                cause="",
                decided_at=at,
                next_try_at=None,
            )
            _settle(payment, _standing(payment), at)
    except Unmatchable:
        entry.state, entry.payment = old, None
        raise


def _standing(payment: Payment) -> Standing:
    """What the gateway says now, this entry included. Raises Unmatchable where transfers are no longer taken."""
    try:
        standing = gates.gate(payment.gateway).find(str(payment.pk))
    except UnknownGateway:
        standing = None
    if standing is None:
        raise Unmatchable(BankEntry.Cause.NO_TRANSFER)
    return standing


def _settle(payment: Payment, standing: Standing, at: datetime) -> None:
    """Raises Unmatchable when this money would be nobody's afterwards, or is more than a payment can hold."""
    try:
        paying.settle(payment=payment, standing=standing, at=at)
    except (refunding.TooMuch, DataError):
        raise Unmatchable(BankEntry.Cause.UNSETTLED) from None
    if not _is_accounted_for(payment):
        raise Unmatchable(BankEntry.Cause.UNSETTLED)


def _payment_for(order: Order) -> Payment:
    """Raises Unmatchable when the order was never to be paid by transfer, or that is over."""
    transfers = order.payments.filter(gateway=bankbook.GATEWAY).order_by("-created_at")
    alive = [one for one in transfers if one.state != Payment.State.REVERSED and not _is_given_up(one)]
    if not alive:
        raise Unmatchable(BankEntry.Cause.ENDED if transfers else BankEntry.Cause.NO_TRANSFER)
    return min(alive, key=lambda payment: _RANK.get(Payment.State(payment.state), 2))


def _is_given_up(payment: Payment) -> bool:
    """Somebody decided to send back what was too little: what comes now is not its rest."""
    held = payment.state == Payment.State.HELD
    return held and payment.refunds.filter(reason=Refund.Reason.AMOUNT).exists()


def _is_accounted_for(payment: Payment) -> bool:
    """Whether each rupiah that came has its place: the order's price, a refund, or the desk of a person (HELD)."""
    payment.refresh_from_db()
    if payment.state == Payment.State.HELD:
        return True
    if payment.state == Payment.State.REFUNDED:
        return payment.refunded >= payment.received
    # What the buyer gives back by wish is part of the price.
    back = payment.refunds.exclude(state=Refund.State.CANCELLED).exclude(reason=Refund.Reason.WISH)
    kept = 0 if back.filter(reason__in=refunding.GAVE_NO_STAMPS).exists() else payment.amount
    returned = sum(back.values_list("amount", flat=True))
    return payment.state == Payment.State.PAID and kept + returned >= payment.received


def _sign(entry: BankEntry, reason: str, by: User) -> None:
    """Who decides and why, before the move: the database takes no decision without them."""
    BankEntry.objects.filter(pk=entry.pk, state=entry.state).update(decided_by=by, reason=reason)
