"""What a page or the API may say about a ticket to whoever holds its link. Reads only."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from orders.showing import Moment

from . import clocks
from .models import Custody, Message, Ticket

TAGS = {Ticket.State.OPEN: "waiting", Ticket.State.ANSWERED: "good", Ticket.State.CLOSED: ""}


@dataclass(frozen=True)
class Shown:
    """A ticket with its dated history: who holds it and why, the steps so far, what was said."""

    ticket: Ticket
    custody: Custody
    history: list[Moment]
    messages: list[Message]

    @property
    def tag(self) -> str:
        """The colour of the state."""
        return TAGS[Ticket.State(self.ticket.state)]


def show(ticket: Ticket) -> Shown:
    """Three queries, however long the history."""
    custodies = list(ticket.custodies.select_related("reseller"))
    messages = list(ticket.messages.select_related("reseller"))
    return Shown(ticket, custodies[-1], list(_history(ticket, custodies, messages)), messages)


def _history(ticket: Ticket, custodies: list[Custody], messages: list[Message]) -> Iterator[Moment]:
    yield Moment(_("Aduan diterima"), "done", ticket.created_at)
    waiting = ticket.state == Ticket.State.OPEN
    for custody in custodies:
        state = "now" if waiting and custody.until_at is None else "done"
        label = _("Dipegang oleh %(holder)s") % {"holder": custody.holder}
        yield Moment(
            label, state, custody.from_at, " ".join(filter(None, [custody.get_reason_display(), custody.note]))
        )
    if waiting:
        yield Moment(
            _("Dijawab"), "todo", note=_("paling lambat %(due)s") % {"due": clocks.written(ticket.answer_due_at)}
        )
    elif answers := [message for message in messages if message.author != Message.Author.COMPLAINANT]:
        yield Moment(_("Dijawab oleh %(body)s") % {"body": answers[-1].by}, "done", answers[-1].at)
    if ticket.closed_at:
        yield Moment(_("Ditutup oleh Anda"), "done", ticket.closed_at)
