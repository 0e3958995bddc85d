"""The banner of a known incident, for any page: from the status file on disk, without a query."""

from typing import Any

from django import template
from django.urls import reverse
from django.utils.translation import get_language

from support import status

register = template.Library()


@register.simple_tag
def known_incidents() -> list[dict[str, Any]]:
    """Open incidents in the page's language, the gravest first: `title`, `url`, and whether it is `grave`."""
    document = status.current()
    language = get_language() or "id"
    order = ("critical", "major", "minor")
    told = [one for one in (document or {}).get("incidents", []) if not one["ended_at"]]
    return [
        {
            "title": one["title"]["en" if language == "en" else "id"],
            "url": reverse("support:status_incident", args=[one["code"]]),
            "is_grave": one["severity"] != "minor",
        }
        for one in sorted(told, key=lambda one: order.index(one["severity"]))
    ]
