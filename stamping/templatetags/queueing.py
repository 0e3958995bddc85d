"""What a page of the queue says while the authority does not answer."""

from django import template
from django.utils import timezone

from .. import following
from ..models import Document

register = template.Library()


@register.simple_tag
def silence_words(document: Document | None = None) -> str:
    """The truth about a queued document, or about all of an order's without one; empty while the authority answers."""
    if document is not None and document.state != Document.State.QUEUED:
        return ""
    return following.silence_words(document=document, at=timezone.now())
