"""Paid out: a refund that no gateway can send goes to the buyer's bank account, by a person's hand.

ACCOUNT -> REQUESTED   the buyer names an account, and may correct it
REQUESTED -> SENT      a person has begun: the account stands still, and a reversal no longer stops the refund
SENT                   the bank took the transfer: its reference and time are written down, once
SENT -> DONE           the bank says that it arrived, or has not sent it back within RETURN_DAYS
SENT -> ACCOUNT        the bank sent it back, or would not take it: the buyer is asked again
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from meterai import states
from meterai.claiming import claim
from meterai.models import User

from . import refunding
from .models import Refund

# A wrong account shows within two days: by then the bank has sent the money back.
RETURN_DAYS = 2
LEASE = timedelta(minutes=2)


class NotNow(Exception):
    """The refund is not at the point where this can be done, or somebody else did it first."""


def give_account(*, refund: Refund, bank: str, number: str, holder: str, at: datetime) -> None:
    """Where the buyer wants the money. May be corrected until a person begins the transfer. Raises NotNow."""
    account = {"bank": bank, "account_number": number, "account_holder": holder}
    with transaction.atomic():
        if refund.state == Refund.State.ACCOUNT:
            _move(refund, Refund.State.REQUESTED, at=at, actor="buyer", reason="account given", **account)
        else:
            waiting = Refund.objects.filter(pk=refund.pk, state=Refund.State.REQUESTED, way=Refund.Way.TRANSFER)
            if not waiting.update(**account):
                raise NotNow(refund.pk)
            _note(refund, at=at, actor="buyer", reason="account corrected")
            _set(refund, account)
        # Also of a correction: whoever stole the link cannot turn the money aside unseen.
        refunding.tell(refund, template="refund_account_given", at=at, event=f"account:{int(at.timestamp())}")


def start(*, refund: Refund, by: User, at: datetime) -> None:
    """A person begins the transfer: REQUESTED -> SENT, the account stands still. Raises NotNow."""
    _check_transfer(refund)
    _move(refund, Refund.State.SENT, at=at, actor=by.username, reason="transfer begun")


def record(*, refund: Refund, reference: str, why: str, by: User, at: datetime) -> None:
    """The bank took the transfer: its reference, and a word for the record. Once. Raises NotNow."""
    _check_transfer(refund)
    sent: dict[str, Any] = {
        "sent_at": at,
        "transfer_reference": reference,
        "next_try_at": at + timedelta(days=RETURN_DAYS),
    }
    with transaction.atomic():
        begun = Refund.objects.filter(pk=refund.pk, state=Refund.State.SENT, sent_at=None)
        if not begun.update(**sent):
            raise NotNow(refund.pk)
        _set(refund, sent)
        _note(refund, at=at, actor=by.username, reason=f"transferred: {why}")
        refunding.tell(refund, template="refund_sent", at=at, event=f"sent:{reference}")


def finish(*, refund: Refund, why: str, by: User, at: datetime) -> None:
    """The bank says that the money arrived: a recorded transfer is DONE. Raises NotNow."""
    _check_transfer(refund)
    if refund.sent_at is None:
        raise NotNow(refund.pk)
    _done(refund, at=at, actor=by.username, reason=why[:200])


def send_back(*, refund: Refund, why: str, by: User, at: datetime) -> None:
    """The bank sent the money back, or would not take it: SENT -> ACCOUNT, and the buyer is asked again.

    The number that did not work is dropped; bank and holder stay, to be corrected. Raises NotNow.
    """
    _check_transfer(refund)
    cleared: dict[str, Any] = {"account_number": "", "transfer_reference": "", "sent_at": None, "next_try_at": None}
    with transaction.atomic():
        _move(refund, Refund.State.ACCOUNT, at=at, actor=by.username, reason=f"sent back: {why}"[:200], **cleared)
        refunding.tell(refund, template="refund_account", at=at, event=f"sent back:{int(at.timestamp())}")


def finish_due(*, at: datetime, limit: int = 100) -> int:
    """Recorded transfers that no bank sent back in time are DONE; returns how many."""
    recorded = Refund.objects.filter(state=Refund.State.SENT, way=Refund.Way.TRANSFER, sent_at__isnull=False)
    count = 0
    for refund in claim(recorded, due="next_try_at", at=at, lease=LEASE, limit=limit):
        try:
            _done(refund, at=at, actor="sweeper", reason="not sent back")
        except NotNow:
            continue  # a person was faster
        count += 1
    return count


def erase_accounts(*, at: datetime, limit: int = 500) -> int:
    """Empty the bank accounts of refunds that are long over: nobody needs them any more. Returns how many."""
    long_ago = at - timedelta(days=settings.REFUND_ACCOUNT_DAYS)
    over = Refund.objects.filter(state=Refund.State.DONE, done_at__lt=long_ago) | Refund.objects.filter(
        state=Refund.State.CANCELLED, requested_at__lt=long_ago
    )
    count = 0
    for refund in over.exclude(bank="", account_number="", account_holder="")[:limit]:
        with transaction.atomic():
            Refund.objects.filter(pk=refund.pk).update(bank="", account_number="", account_holder="")
            _note(refund, at=at, actor="sweeper", reason="account erased")
        count += 1
    return count


def _check_transfer(refund: Refund) -> None:
    if refund.way != Refund.Way.TRANSFER:
        raise NotNow(refund.pk)


def _move(refund: Refund, to: Refund.State, *, at: datetime, actor: str, reason: str, **changes: Any) -> None:
    try:
        states.move(refund, to=to, at=at, actor=actor, reason=reason, **changes)
    except (states.NoSuchArrow, states.MovedMeanwhile):
        raise NotNow(refund.pk) from None


def _done(refund: Refund, *, at: datetime, actor: str, reason: str) -> None:
    try:
        refunding.done(refund=refund, at=at, actor=actor, reason=reason)
    except (states.NoSuchArrow, states.MovedMeanwhile):
        raise NotNow(refund.pk) from None


def _note(refund: Refund, *, at: datetime, actor: str, reason: str) -> None:
    """A row for what changed while the state stayed."""
    states.note(refund, old=refund.state, new=refund.state, at=at, actor=actor, reason=reason[:200])


def _set(refund: Refund, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(refund, name, value)
