"""Letters about a ticket: what is left for whom. Rows only; orders.noticing sends them.

To the complainant: the link and the time promised. To a reseller: that there is a ticket, its number and what it is
about, and nothing about the person; what the reseller may see it will read in its own admin.
"""

from datetime import datetime

from django.conf import settings
from django.utils.translation import override

from orders import noticing

from . import clocks
from .models import Custody, Message, Ticket


def received(*, ticket: Ticket, at: datetime) -> None:
    """To the complainant: here is your number, your link, and when you have an answer."""
    _tell_complainant(ticket, event=f"{ticket.code}:received", template="ticket_received", at=at)


def answered(*, message: Message, at: datetime) -> None:
    """To the complainant: there is an answer. Once a message."""
    _tell_complainant(
        message.ticket, event=f"{message.ticket.code}:answered:{message.pk}", template="ticket_answered", at=at
    )


def link_again(*, ticket: Ticket, at: datetime) -> None:
    """To the complainant: the link once more; at most one letter a minute."""
    minute = at.strftime("%Y%m%d%H%M")
    _tell_complainant(ticket, event=f"{ticket.code}:link:{minute}", template="ticket_link", at=at)


def body_has_it(*, custody: Custody, at: datetime) -> None:
    """To a reseller's contact address: a ticket is yours to answer. The issuer's staff work from their list instead."""
    if custody.reseller is None:
        return
    ticket = custody.ticket
    with override("id"):
        context = {
            "code": ticket.code,
            "category": ticket.get_category_display(),
            "due": clocks.written(custody.accept_due_at),
        }
    noticing.leave_to(
        email=custody.reseller.contact_email,
        language="id",
        event=f"{ticket.code}:routed:{custody.pk}",
        template="ticket_routed",
        context=context,
        at=at,
    )


def _tell_complainant(ticket: Ticket, *, event: str, template: str, at: datetime) -> None:
    with override(ticket.language):
        context = {
            "code": ticket.code,
            "category": ticket.get_category_display(),
            "due": clocks.written(ticket.answer_due_at),
            "link": settings.SITE_URL + ticket.tracking_url(),
        }
    noticing.leave_to(
        email=ticket.email, language=ticket.language, event=event, template=template, context=context, at=at
    )
