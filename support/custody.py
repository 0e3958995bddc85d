"""Who holds a ticket: the only module that begins and ends custodies.

The ticket's row is locked first, always, so that a hand-over, an answer and the silence of a holder cannot cross.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from meterai import states
from meterai.models import Reseller

from . import clocks, telling
from .models import Body, Custody, Message, Reason, Ticket


class AlreadyHeld(Exception):
    """The ticket is with that body already."""


class TicketClosed(Exception):
    """The complainant has closed the ticket; only the complainant reopens it."""


def begin(
    *, ticket: Ticket, body: Body, reason: Reason, at: datetime, reseller: Reseller | None = None, note: str = ""
) -> Custody:
    """Give a ticket that nobody holds at `at` to a body, and tell the body. The caller holds the transaction."""
    custody = Custody.objects.create(
        ticket=ticket,
        body=body,
        reseller=reseller,
        from_at=at,
        accept_due_at=clocks.accept_due(since=at),
        reason=reason,
        note=note,
    )
    telling.body_has_it(custody=custody, at=at)
    return custody


def current(ticket: Ticket) -> Custody:
    """Who holds the ticket now; there is always one."""
    return ticket.custodies.select_related("reseller").get(until_at=None)


def hand_over(
    *,
    ticket: Ticket,
    to: Body,
    at: datetime,
    actor: str,
    note: str = "",
    reseller: Reseller | None = None,
    reason: Reason = Reason.HANDED_OVER,
) -> Custody:
    """End the present custody and begin the next at the same moment; `note` is read by the complainant.

    Raises AlreadyHeld, TicketClosed.
    """
    with transaction.atomic():
        locked = Ticket.objects.select_for_update().get(pk=ticket.pk)
        if locked.state == Ticket.State.CLOSED:
            raise TicketClosed(ticket.code)
        held = current(locked)
        if (held.body, held.reseller) == (to, reseller):
            raise AlreadyHeld(ticket.code)
        Custody.objects.filter(pk=held.pk).update(until_at=at)
        custody = begin(ticket=locked, body=to, reseller=reseller, reason=reason, note=note, at=at)
        states.note(custody, old=held.body, new=to, at=at, reason=reason, actor=actor)
    return custody


def escalate_silent(*, at: datetime, limit: int = 200) -> int:
    """Move to the issuer what a reseller let lie past its time; returns how many. Safe in many workers at once."""
    return sum(_escalate(custody, at) for custody in _silent(at).select_related("ticket")[:limit])


def _silent(at: datetime) -> "QuerySet[Custody]":
    """Custodies of resellers past their time, without a word of that reseller since it has the ticket."""
    spoken = Message.objects.filter(
        ticket=OuterRef("ticket"),
        author=Message.Author.RESELLER,
        reseller=OuterRef("reseller"),
        at__gte=OuterRef("from_at"),
    )
    late = Custody.objects.filter(
        until_at=None, body=Body.RESELLER, accept_due_at__lt=at, ticket__state=Ticket.State.OPEN
    )
    return late.filter(~Exists(spoken)).order_by("accept_due_at")


def _escalate(custody: Custody, at: datetime) -> bool:
    with transaction.atomic():
        Ticket.objects.select_for_update().get(pk=custody.ticket_id)
        # Read again under the lock: another worker may have been first, or the reseller has spoken after all.
        if not _silent(at).filter(pk=custody.pk).exists():
            return False
        hand_over(ticket=custody.ticket, to=Body.ISSUER, reason=Reason.SILENCE, at=at, actor="sweeper")
    return True
