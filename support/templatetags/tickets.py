"""Tickets on the pages of other apps: their templates may ask for one, their code does not know of it."""

from django import template

from stamping.models import Document

from .. import opening
from ..models import Ticket

register = template.Library()


@register.simple_tag
def ticket_of(document: Document) -> Ticket | None:
    """The ticket that was opened by itself for a document that failed; for a page that is opened by its secret link."""
    return opening.ticket_of(document)
