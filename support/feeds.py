"""What is told about incidents, as a feed: one entry for its beginning and one for each update, in one language."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed, SyndicationFeed
from django.utils.translation import gettext as _
from django.utils.translation import override

from .models import Incident

KINDS: dict[str, type[SyndicationFeed]] = {"status.atom": Atom1Feed, "status.rss": Rss201rev2Feed}
MOST_ENTRIES = 60


def feed(document: dict[str, Any], *, name: str, language: str) -> str:
    """The feed as text; `name` is one of KINDS and tells its format."""
    with override(language):
        home = settings.SITE_URL + reverse("support:status")
        made = KINDS[name](
            title=_("Status layanan e-meterai"),
            link=home,
            description=_("Gangguan dan kabarnya."),
            language=language,
            feed_url=settings.SITE_URL + reverse("support:status_file", args=[name]),
        )
        entries = [entry for incident in document["incidents"] for entry in _entries(incident, language)]
        for entry in sorted(entries, key=lambda one: one["pubdate"], reverse=True)[:MOST_ENTRIES]:
            made.add_item(**entry)
        return made.writeString("utf-8")


def _entries(incident: dict[str, Any], language: str) -> list[dict[str, Any]]:
    link = settings.SITE_URL + reverse("support:status_incident", args=[incident["code"]])
    title = incident["title"][language]
    begun = _entry(title, link, incident["text"][language], incident["begun_at"], 0)
    told = [
        _entry(
            f"{Incident.State(update['state']).label}: {title}", link, update["text"][language], update["at"], number
        )
        for number, update in enumerate(incident["updates"], start=1)
    ]
    return [begun, *told]


def _entry(title: str, link: str, text: str, at: str, number: int) -> dict[str, Any]:
    """`unique_id` names the update, not the page: a reader shows each one once."""
    moment = datetime.fromisoformat(at)
    return {
        "title": title,
        "link": link,
        "description": text,
        "unique_id": f"{link}#{number}",
        "pubdate": moment,
        "updateddate": moment,
    }
