"""The waiting page: one markup, as a file for everybody and as the page of one visitor.

The file stands under PUBLIC_ROOT, where a web server serves it while Django and PostgreSQL are down; so it costs no
request of ours. Whoever has no script asks for `?nomor`, and that page is made for him.

    antre/ROOM/index.html, en/antre/ROOM/index.html    the page
    antre/ROOM.isi.json                                what the page says besides the status: minutes, other sellers
"""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import DatabaseError
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import override

from meterai import whole_files

from . import gatekeeping, queueing, room_files
from .models import Room
from .room_files import Facts
from .rooms import tickets

log = logging.getLogger(__name__)

LANGUAGES = {"id": "", "en": "en/"}
OUTLETS = "outlets.json"
# Sellers named on the page; all of them are one link away.
MOST_SELLERS = 5
# Older lists of sellers are not repeated: their stock may be gone.
OLD_STOCK = timedelta(minutes=15)
# Who has no script and opened the file is led to his own page after so many seconds.
LED_AFTER = 5
_DEFAULTS: dict[str, Any] = {"grace": 10, "pass": 10, "at": None, "sellers": []}
VIEWS = {
    Room.State.OPEN: "open",
    Room.State.CLOSED: "closed",
    Room.State.DRAINED: "drained",
    Room.State.PREQUEUE: "prequeue",
}


def publish(*, at: datetime) -> None:
    """Write the pages of every room anew. OSError when the folder cannot be written.

    While the database does not answer, what was written last stands.
    """
    try:
        rooms = list(Room.objects.select_related("reseller"))
    except DatabaseError as error:
        log.warning("the waiting pages stay as they are: %s", type(error).__name__)
        return
    for room in rooms:
        room_files.write(f"{room.slug}.isi", _content(room))
        facts = room_files.facts(room.slug)
        if facts is None:
            continue
        for language, folder in LANGUAGES.items():
            with override(language):
                page = render_to_string("orders/room.html", _for_everybody(facts, language))
            _write(f"{folder}{room_files.FOLDER}/{room.slug}/index.html", page)


def frame(facts: Facts) -> dict[str, Any]:
    """What the page says to everybody, in the language that is active. No statement; a small file is read."""
    slug, told = facts.slug, _told(facts.slug)
    listed = next((one for one in room_files.listed() if one.slug == slug), None)
    written = datetime.fromisoformat(told["at"]) if told["at"] else None
    is_fresh = written is not None and datetime.now(UTC) - written < OLD_STOCK
    return {
        "facts": facts,
        "name": listed.name if listed else slug,
        "status_url": room_files.address(slug),
        "draw_url": room_files.address(f"{slug}.undian"),
        "room_url": reverse("orders:room", args=[slug]),
        "join_url": reverse("orders:room_join", args=[slug]),
        "enter_url": reverse("orders:room_enter", args=[slug]),
        "recover_url": reverse("orders:room_recover", args=[slug]),
        "shop_url": gatekeeping.shop_address(listed.seller if listed else ""),
        "takes_people": facts.state in Room.TAKES_PEOPLE,
        "grace": told["grace"],
        "pass_minutes": told["pass"],
        "sellers": [_seller(one) for one in told["sellers"]] if is_fresh else [],
        "sellers_at": localtime(written) if written else None,
        "letter": _letter("{code}", "{link}"),
    }


def own(context: Mapping[str, Any], *, site: str) -> dict[str, Any]:
    """What the page of one visitor says besides `frame`; `context` has place, ticket, code and joined_at, or not.

    Also chooses the one panel that is shown (`view`), and says when a page without script should look again.
    """
    facts: Facts = context["facts"]
    place = context.get("place")
    view = _view(context)
    own: dict[str, Any] = {
        "view": view,
        "stays": view in ("missed", "used"),
        "minutes": _minutes(place),
        "rank": facts.rank(place.number) if place and facts.draw else None,
    }
    if context.get("ticket"):
        link = f"{site}{reverse('orders:room_recover', args=[facts.slug])}#{context['code']}"
        letter = _letter(context["code"], link)
        own |= {
            "kept_until": context["joined_at"] + tickets.LIFETIME,
            "mail_url": f"mailto:?subject={quote(_('Tempat saya dalam antrean e-meterai'))}&body={quote(letter)}",
            "whatsapp_url": f"https://wa.me/?text={quote(letter)}",
        }
    # A page that was the answer to a form, or one with a challenge that must grow old, is not taken away.
    if own["stays"] or context.get("too_early") or (context.get("challenge") and view == "join"):
        own["refresh"] = None
    return own


def _view(context: Mapping[str, Any]) -> str:
    if context.get("missed"):
        return "missed"
    if context.get("used"):
        return "used"
    facts, place = context["facts"], context.get("place")
    if facts.state in (Room.State.OPEN, Room.State.CLOSED, Room.State.DRAINED):
        return VIEWS[Room.State(facts.state)]
    if place is None:
        return "join"
    if place.ahead is None or facts.state == Room.State.PREQUEUE:
        return "prequeue"
    return "called" if place.called else "waiting"


def _minutes(place: queueing.Place | None) -> str:
    """The range in words, as the script says it too."""
    if place is None or place.minutes is None:
        return _("belum dapat diperkirakan")
    low, high = place.minutes
    if low == 0:
        return _("paling lama {b} menit").format(b=high)
    if low >= 120:
        return _("sekitar {a}–{b} jam").format(a=low // 60, b=-(-high // 60))
    return _("sekitar {a}–{b} menit").format(a=low, b=high)


def _letter(code: str, link: str) -> str:
    """What somebody sends to himself."""
    said = _("Kode pemulihan antrean e-meterai: {code}. Buka {link} di perangkat mana pun; berlaku dua hari.")
    return said.replace("{code}", code).replace("{link}", link)


def _for_everybody(facts: Facts, language: str) -> dict[str, Any]:
    made = frame(facts)
    other = "en" if language == "id" else "id"
    with override(other):
        other_url = reverse("orders:room", args=[facts.slug])
    view = VIEWS.get(Room.State(facts.state), "join")
    return made | {
        "view": "join" if view == "prequeue" else view,
        "is_file": True,
        "refresh": LED_AFTER,
        "is_demo": settings.IS_DEMO,
        "other_language_url": other_url,
        "minutes": "",
    }


def _content(room: Room) -> dict[str, Any]:
    """What the page says besides the status. Other sellers only while they have stock and no queue of their own."""
    known = _outlets()
    counts: dict[str, int] = {}
    for outlet in known.get("outlets", ()):
        counts[outlet["reseller"]] = counts.get(outlet["reseller"], 0) + 1
    own_seller = room.reseller.code if room.reseller else ""
    sellers = [
        {"code": one["code"], "name": one["name"], "url": one["website"], "low": one["stock"] == "low"}
        | {"outlets": counts.get(one["code"], 0)}
        for one in known.get("sellers", ())
        if one["code"] not in ("", own_seller) and one["stock"] in ("plenty", "low") and _is_free(one["code"])
    ]
    sellers.sort(key=lambda one: one["low"])
    return {
        "grace": room.grace_minutes,
        "pass": room.pass_minutes,
        "at": known.get("written_at"),
        "sellers": sellers[:MOST_SELLERS],
    }


def _outlets() -> dict[str, Any]:
    """What the status pages know of resellers and outlets; nothing where they do not run."""
    try:
        return dict(json.loads((Path(settings.PUBLIC_ROOT) / OUTLETS).read_bytes()))
    except (OSError, ValueError):
        return {}


def _is_free(seller: str) -> bool:
    door = room_files.door_of(seller)
    facts = room_files.facts(door) if door else None
    return facts is None or facts.state == Room.State.OPEN


def _seller(one: Mapping[str, Any]) -> dict[str, Any]:
    website = str(one["url"])
    is_address = website.startswith(("https://", "http://"))
    return {
        "name": one["name"],
        "url": website if is_address else gatekeeping.shop_address(one["code"]),
        "is_low": one["low"],
        "outlets": one["outlets"],
    }


def _told(slug: str) -> dict[str, Any]:
    try:
        return _DEFAULTS | json.loads(room_files.path(f"{slug}.isi").read_bytes())
    except (OSError, ValueError):
        return _DEFAULTS


def _write(name: str, text: str) -> None:
    whole_files.put_if_other(path=Path(settings.PUBLIC_ROOT) / name, data=text.encode())
