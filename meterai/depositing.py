"""Deposited: a reseller pays ahead; one person records it, and a second one says whether the money is there."""

from datetime import datetime

from django.db import IntegrityError, transaction

from . import states
from .models import Deposit, Reseller, User


class AlreadyRecorded(Exception):
    """A deposit with this reference is here already; nothing was recorded."""


class SamePerson(Exception):
    """Who records a deposit does not decide about it (four eyes)."""


def record(*, reseller: Reseller, reference: str, amount: int, by: User, at: datetime) -> Deposit:
    """Write down that `reseller` paid `amount` rupiah under the bank's `reference`. Raises AlreadyRecorded.

    It covers nothing until a second person confirms it.
    """
    values = {"reseller": reseller, "reference": reference, "amount": amount}
    try:
        with transaction.atomic():
            deposit = Deposit.objects.create(**values, recorded_at=at, recorded_by=by)
            states.note(deposit, old="", new=deposit.state, at=at, actor=by.username)
    except IntegrityError:
        if Deposit.objects.filter(reference=reference).exists():
            raise AlreadyRecorded(reference) from None
        raise
    return deposit


def confirm(*, deposit: Deposit, by: User, at: datetime) -> None:
    """The money is there: leases may draw on it. Raises SamePerson, states.NoSuchArrow, states.MovedMeanwhile."""
    _decide(deposit, to=Deposit.State.CONFIRMED, by=by, at=at)


def reject(*, deposit: Deposit, by: User, at: datetime) -> None:
    """The money is not there. Raises SamePerson, states.NoSuchArrow, states.MovedMeanwhile."""
    _decide(deposit, to=Deposit.State.REJECTED, by=by, at=at)


def _decide(deposit: Deposit, *, to: str, by: User, at: datetime) -> None:
    if deposit.recorded_by_id == by.pk:
        raise SamePerson(deposit.reference)
    states.move(deposit, to=to, at=at, actor=by.username, decided_at=at, decided_by=by)
