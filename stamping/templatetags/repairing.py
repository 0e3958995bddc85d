"""The offer to repair a document, for its page."""

from typing import Any

from django import template

from .. import repair_showing, wording
from ..models import Document
from ..preparing import facts_of

register = template.Library()


@register.inclusion_tag("stamping/repair_offer.html", takes_context=True)
def repair_offer(context: dict[str, Any], document: Document) -> dict[str, Any]:
    """For a document that needs a repair, all its page says; else one line where something may be repaired."""
    found = facts_of(document).findings if document.facts else ()
    return {
        "document": document,
        "offers": repair_showing.offers(document),
        "is_signed": repair_showing.is_signed(document),
        "findings": [wording.finding(one.code) for one in found if one.severity == "repair"],
        "csrf_token": context.get("csrf_token"),
    }
