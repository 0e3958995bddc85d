"""The only way to somebody's ticket: its code and the key of its secret link."""

from meterai import codes, links

from .models import Ticket
from .models.ticket import CODE_PREFIX


def open_ticket(*, code: str, key: str) -> Ticket:
    """The ticket, or Http404: the same answer for no such ticket and for a wrong or revoked key."""
    code = codes.tidy(code, prefix=CODE_PREFIX)
    ticket = Ticket.objects.select_related("order").filter(code=code).first()
    return links.opened(ticket, given=key, kind="ticket", code=code)
