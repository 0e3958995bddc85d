"""The status pages as whole files, in one language, from the status document alone: no query, no request.

They stand by themselves: whatever serves files can serve them while everything behind is down.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import formats
from django.utils.timezone import localdate, localtime
from django.utils.translation import get_language, gettext_lazy, ngettext, override
from django.utils.translation import gettext as _

from orders.models import Room

from . import judging, status
from .judging import Reason
from .models import Cause, Component, Health, Incident, Recovery, Severity

HEADLINES = {
    Health.NORMAL: ("good", gettext_lazy("Semua layanan berjalan normal.")),
    Health.UNKNOWN: ("info", gettext_lazy("Ada layanan yang belum terukur. Yang terukur berjalan normal.")),
    Health.SLOW: ("warn", gettext_lazy("Ada layanan yang lambat.")),
    Health.DISTURBED: ("bad", gettext_lazy("Ada layanan yang terganggu.")),
    Health.DOWN: ("bad", gettext_lazy("Ada layanan yang tidak berjalan.")),
}
NOTHING_YET = ("info", gettext_lazy("Belum ada pengukuran."))
# What the headline names: whatever is not normal.
_BAD = (Health.SLOW, Health.DISTURBED, Health.DOWN)
TAGS = {Health.NORMAL: "good", Health.SLOW: "waiting", Health.DISTURBED: "bad", Health.DOWN: "bad", Health.UNKNOWN: ""}
REASONS = {
    Reason.TOO_FEW: gettext_lazy("Terlalu sedikit percobaan dalam satu jam terakhir untuk dinilai."),
    Reason.FAILURES: gettext_lazy("Terlalu banyak percobaan yang gagal."),
    Reason.LONG: gettext_lazy("Banyak yang berhasil, tetapi lebih lama dari yang dijanjikan."),
    Reason.WAITING: gettext_lazy("Ada yang menunggu lebih lama dari yang dijanjikan."),
    Reason.STANDSTILL: gettext_lazy("Ada yang menunggu lama, dan tidak ada yang selesai."),
    Reason.NO_MONEY: gettext_lazy("Tidak ada satu pun pembayaran yang masuk."),
    Reason.SOLD_OUT: gettext_lazy("Stok toko resmi habis. Lihat penyalur di bawah."),
    Reason.INCIDENT: gettext_lazy("Ada gangguan yang sedang ditangani."),
}
STOCKS = {
    "plenty": ("good", gettext_lazy("cukup")),
    "low": ("waiting", gettext_lazy("menipis")),
    "none": ("bad", gettext_lazy("habis")),
    "unknown": ("", gettext_lazy("belum ada data")),
}
# Days are bars: what is worse is shorter as well as another colour.
HEIGHTS = {"n": 24, "s": 18, "t": 12, "d": 6, "u": 2}
_HEALTHS = {letter: health for health, letter in status.LETTERS.items()}
# Ended incidents on the first page; all of the ninety days have pages of their own.
MOST_PAST = 10


@dataclass(frozen=True)
class Bar:
    """All days of one health: its letter and the outline of its bars."""

    letter: str
    path: str


def pages(document: Mapping[str, Any], outlets: Mapping[str, Any], *, language: str, assets: str) -> dict[str, str]:
    """Every page in this language, by its address. `assets` tells one version of style and script from the next."""
    with override(language):
        frame = {**_frame(document, language), "assets": assets}
        made = {reverse("support:status"): _page("status", frame | _front(document, outlets))}
        made[reverse("support:status_outlets")] = _page("status_outlets", frame | _places(document, outlets))
        for incident in document["incidents"]:
            address = reverse("support:status_incident", args=[incident["code"]])
            made[address] = _page("status_incident", frame | {"incident": _incident(incident)})
    other = "en" if language == "id" else "id"
    return {address: page.replace("@@OTHER@@", _in(other, address)) for address, page in made.items()}


def _page(name: str, context: Mapping[str, Any]) -> str:
    return render_to_string(f"support/{name}.html", dict(context))


def _in(language: str, address: str) -> str:
    """The same page in the other language."""
    return f"/en{address}" if language == "en" else address.removeprefix("/en")


def _frame(document: Mapping[str, Any], language: str) -> dict[str, Any]:
    """What every page has around it."""
    return {
        "language": language,
        "written_at": _time(document["written_at"]),
        "trouble_since": _time(document["trouble"]["since"]) if document["trouble"] else None,
        "is_demo": settings.IS_DEMO,
    }


def _front(document: Mapping[str, Any], outlets: Mapping[str, Any]) -> dict[str, Any]:
    told = [_incident(incident) for incident in document["incidents"]]
    recovery = document["recovery"]
    return {
        "headline": _headline(document),
        "components": [_component(one, document) for one in document["components"]],
        "open": [one for one in told if not one["ended_at"]],
        "past": [one for one in told if one["ended_at"]][:MOST_PAST],
        "sellers": _sellers(document, outlets),
        "rooms": [_room(one) for one in document.get("rooms", [])],
        "recovery": recovery and {"stage": Recovery.State(recovery["stage"]).label, "share": recovery["share"]},
        "days": status.DAYS,
    }


def _room(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": one["name"],
        "state": Room.State(one["state"]).label,
        "is_queueing": one["state"] in (Room.State.QUEUEING, Room.State.PREQUEUE),
        "waiting": one["waiting"],
        "url": reverse("orders:room", args=[one["slug"]]),
    }


def _headline(document: Mapping[str, Any]) -> dict[str, Any]:
    healths = [Health(one["health"]) for one in document["components"]]
    worst = judging.worst(healths)
    kind, words = NOTHING_YET if set(healths) == {Health.UNKNOWN} else HEADLINES[worst]
    text, parts = str(words), ""
    if worst in _BAD:
        hit = (one for one in document["components"] if Health(one["health"]) in _BAD)
        parts = ", ".join(f"{Component(one['name']).label}: {Health(one['health']).label}" for one in hit)
    if document["trouble"]:
        since = _written(document["trouble"]["since"])
        kind = "bad"
        text = _("Basis data tidak menjawab sejak %(since)s, jadi tidak ada yang dapat diukur.") % {"since": since}
    return {"kind": kind, "text": text, "parts": parts}


def _component(one: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    health = Health(one["health"])
    today = localdate(_time(document["written_at"]))
    return {
        "name": one["name"],
        "label": Component(one["name"]).label,
        "health": health.label,
        "tag": TAGS[health],
        "success": _success(one),
        "waiting": _waiting(one),
        "reasons": [REASONS[Reason(code)] for code in one["reasons"]],
        "bars": [Bar(letter, path) for letter, path in _bars(one["days"])],
        "uptime": _uptime(one["uptime"]),
        "bad_days": _bad_days(one["days"], today),
    }


def _success(one: Mapping[str, Any]) -> str:
    if one["success"] is None:
        return ""
    values = {
        "percent": formats.number_format(100 * one["success"], decimal_pos=1),
        "tries": formats.number_format(one["tries"], force_grouping=True),
        "minutes": one["minutes"],
    }
    return _("%(percent)s%% dari %(tries)s percobaan dalam %(minutes)s menit terakhir berhasil.") % values


def _waiting(one: Mapping[str, Any]) -> str:
    if not one["waiting"]:
        return ""
    words = _("%(n)s menunggu, yang terlama %(age)s.")
    return words % {"n": formats.number_format(one["waiting"], force_grouping=True), "age": duration(one["oldest"])}


def duration(seconds: float) -> str:
    """A span in one unit, as people say it."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days:
        return ngettext("%(n)s hari", "%(n)s hari", days) % {"n": days}
    if hours:
        return ngettext("%(n)s jam", "%(n)s jam", hours) % {"n": hours}
    if minutes:
        return ngettext("%(n)s menit", "%(n)s menit", minutes) % {"n": minutes}
    return ngettext("%(n)s detik", "%(n)s detik", int(seconds)) % {"n": int(seconds)}


def _uptime(share: float | None) -> str:
    if share is None:
        return ""
    # Rounded down: only what never failed is a hundred.
    percent = int(share * 10000) / 100
    return f"{formats.number_format(percent, decimal_pos=2)}%"


def _bars(days: str) -> Iterator[tuple[str, str]]:
    """One outline a health, so that ninety days weigh little; each day is 4 wide, 3 of it filled."""
    for letter, height in HEIGHTS.items():
        places = [place for place, one in enumerate(days) if one == letter]
        if places:
            yield letter, "".join(f"M{4 * place} {24 - height}h3v{height}h-3z" for place in places)


def _bad_days(days: str, today: date) -> list[dict[str, Any]]:
    """The days that were neither normal nor unmeasured, the newest first."""
    found = []
    for ago, letter in enumerate(reversed(days)):
        if letter not in "nu":
            found.append({"day": today - timedelta(days=ago), "health": _HEALTHS[letter].label})
    return found


def _incident(one: Mapping[str, Any]) -> dict[str, Any]:
    """In this page's language, the newest update first."""
    language = get_language() or "id"
    updates = [
        {
            "at": _time(update["at"]),
            "state": Incident.State(update["state"]).label,
            "text": update["text"][language],
        }
        for update in one["updates"]
    ]
    return {
        "code": one["code"],
        "url": reverse("support:status_incident", args=[one["code"]]),
        "title": one["title"][language],
        "text": one["text"][language],
        "state": Incident.State(one["state"]).label,
        "severity": Severity(one["severity"]).label,
        "cause": one["reseller"] or Cause(one["cause"]).label,
        "components": ", ".join(str(Component(name).label) for name in one["components"]),
        "begun_at": _time(one["begun_at"]),
        "ended_at": _time(one["ended_at"]) if one["ended_at"] else None,
        "updates": updates[::-1],
    }


def _sellers(document: Mapping[str, Any], outlets: Mapping[str, Any]) -> list[dict[str, Any]]:
    places = Counter(one["reseller"] for one in outlets["outlets"])
    shown = []
    for one in document["sellers"]:
        kind, words = STOCKS[one["stock"]]
        buy = reverse("orders:buy") + (f"?reseller={one['code']}" if one["code"] else "")
        shown.append(
            {
                "name": one["name"] or _("Toko resmi"),
                "is_demo": one["is_demo"],
                "code": one["code"],
                "tag": kind,
                "stock": words,
                "sold": _sold(one["sold"]),
                "outlets": places[one["code"]],
                "buy": buy if one["stock"] in ("plenty", "low") else "",
                "website": one["website"],
            }
        )
    return shown


def _sold(band: int | None) -> str:
    """Sales of the last hour: enough to see that somebody sells, too little to read a rival's books."""
    if band is None:
        return _("belum ada data")
    if not band:
        return _("tidak ada")
    return _("%(n)s atau lebih") % {"n": formats.number_format(band, force_grouping=True)}


def _places(document: Mapping[str, Any], outlets: Mapping[str, Any]) -> dict[str, Any]:
    """Outlets by province and city, each with its reseller's stock."""
    sellers = {one["code"]: one for one in _sellers(document, outlets)}
    provinces: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in outlets["outlets"]:
        if one["reseller"] in sellers:
            provinces[one["province"]].append({**one, "seller": sellers[one["reseller"]]})
    return {"provinces": dict(provinces), "outlets_at": _time(outlets["written_at"])}


def _time(text: str) -> datetime:
    return localtime(datetime.fromisoformat(text))


def _written(text: str) -> str:
    return f"{formats.date_format(_time(text), 'SHORT_DATETIME_FORMAT')} WIB"
