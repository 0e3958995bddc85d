"""What the placing page says: the page, the suggestion, the warning, other places and other pages."""

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from . import authorities, looking, placing, previewing
from .forms import NUDGE, PRESETS, PlaceForm, millimetres, preset_place
from .models import Document
from .pdf.geometry import Placement
from .pdf.inkmap import SPECKS
from .pdf.page_look import MM, PageLook
from .pdf.preflight import Page
from .preparing import facts_of

STRIP, AROUND = 12, 3
"""Pages that are all offered as pictures; of a longer document so many on either side of the one that is shown."""
NEAR = 2.2
"""How much of the page a preview shows from near, in sides of the stamp."""
NUDGES = {"left": (-NUDGE, 0.0), "up": (0.0, NUDGE), "down": (0.0, -NUDGE), "right": (NUDGE, 0.0)}


@dataclass(frozen=True)
class Leaf:
    """A page in the row of pages."""

    number: int
    picture: str
    width: int
    height: int
    is_shown: bool
    is_suggested: bool
    after_gap: bool


@dataclass(frozen=True)
class Spot:
    """A place to choose by one press: its name in a form, its words, and where it is in millimetres."""

    name: str
    words: str
    x: float
    y: float


def first_place(document: Document, *, page: int | None = None) -> Placement:
    """Where the stamp is shown before a person has chosen: the suggestion for `page`, or for the document."""
    pages = facts_of(document).pages
    known = looking.look(document=document, page=page)
    number = page or known.best or len(pages)
    seen = known.page(number)
    wanted = seen.place if seen else preset_place(pages[number - 1], number=number, preset="bottom-right")
    try:
        return placing.fit(document=document, wanted=wanted)
    except placing.OutsideThePage:  # a page without room for any stamp; nothing can be placed on it
        return wanted


def facts(*, document: Document, placement: Placement, form: PlaceForm | None = None) -> dict[str, Any]:
    """Everything that the placing page shows for a stamp at `placement`, which is on a page of the document."""
    pages = facts_of(document).pages
    number, shown = placement.page, pages[placement.page - 1]
    known = looking.look(document=document, page=number)
    seen = known.page(number)
    width, height = previewing.picture_size(shown)
    return {
        "form": form or PlaceForm(initial=_typed(placement), pages=pages),
        "at": placement,
        "page": shown,
        "top": shown.height - placement.y - placement.size,
        "picture_width": width,
        "picture_height": height,
        "page_count": len(pages),
        "leaves": leaves(document, number, known.best),
        "presets": _presets(shown, placement),
        "nudges": _nudges(),
        "suggested": _suggested(number, seen),
        "why": _why(number, known.best, seen),
        "is_suggested": seen is not None and _is_at(placement, seen.place),
        "covering": covering(seen, placement),
        "is_unknown": seen is None,
        "spoken": spoken(placement),
        "script": json.dumps(_for_script(shown, seen, placement)),
    }


def foreseen(*, document: Document, placement: Placement) -> dict[str, Any]:
    """What the preview of a stamp at `placement` needs: its picture, what of it is shown from near, a warning."""
    page = facts_of(document).pages[placement.page - 1]
    place = "_".join(f"{value:g}" for value in (placement.page, placement.x, placement.y, placement.size))
    address = reverse("stamping:preview", args=[document.pk, document.key])
    side = min(NEAR * placement.size, page.width, page.height)
    middle = placement.x + placement.size / 2, page.height - placement.y - placement.size / 2
    left, top = (
        min(max(at - side / 2, 0.0), room - side) for at, room in zip(middle, (page.width, page.height), strict=True)
    )
    width, height = previewing.picture_size(page)
    return {
        "previewed": placement,
        "preview_page": page,
        "preview_url": f"{address}?{urlencode({'di': place})}",
        "preview_size": (width, height),
        "is_ours": not authorities.is_remote(),
        "near": f"{left:.2f} {top:.2f} {side:.2f} {side:.2f}",
        "preview_warning": covering(
            looking.look(document=document, page=placement.page).page(placement.page), placement
        ),
    }


def covering(seen: PageLook | None, placement: Placement) -> str:
    """The warning that the stamp would cover something; empty where it would not."""
    what = seen.covers(placement) if seen else ""
    return warnings()[what] if what else ""


def warnings() -> dict[str, str]:
    """Each warning, by what would be covered."""
    return {
        "signature": _("Di sini meterai menutupi tanda tangan digital atau meterai yang sudah ada."),
        "field": _("Di sini meterai menutupi isian formulir atau catatan."),
        "picture": _("Di sini meterai menutupi gambar, misalnya foto atau kode QR."),
        "ink": _("Di sini meterai menutupi tulisan atau goresan."),
    }


def spoken(placement: Placement) -> str:
    """Where the stamp is, as a person says it."""
    x, y = (millimetres(round(value / MM) * MM) for value in (placement.x, placement.y))
    return _("%(x)s mm dari kiri, %(y)s mm dari bawah") % {"x": x, "y": y}


def leaves(document: Document, shown: int, best: int | None) -> list[Leaf]:
    """The pages to turn to: all of a short document; else the first, the last, the suggested and those nearby."""
    pages = facts_of(document).pages
    numbers = {1, len(pages), best or shown, *range(shown - AROUND, shown + AROUND + 1)}
    if len(pages) <= STRIP:
        numbers = set(range(1, len(pages) + 1))
    found: list[Leaf] = []
    for number in sorted(numbers & set(range(1, len(pages) + 1))):
        address = reverse("stamping:page", args=[document.pk, document.key, number]) + "?kecil"
        width, height = _leaf_size(pages[number - 1])
        gap = bool(found) and found[-1].number != number - 1
        found.append(Leaf(number, address, width, height, number == shown, number == best, gap))
    return found


def _leaf_size(page: Page) -> tuple[int, int]:
    scale = min(56 / page.width, 72 / page.height)
    return max(1, round(page.width * scale)), max(1, round(page.height * scale))


def _typed(placement: Placement) -> dict[str, float]:
    return {"page": placement.page, "x": placement.x, "y": placement.y, "side": placement.size}


def _presets(page: Page, placement: Placement) -> list[Spot]:
    words = [_("Kiri atas"), _("Tengah atas"), _("Kanan atas"), _("Kiri tengah"), _("Tengah"), _("Kanan tengah")]
    words += [_("Kiri bawah"), _("Tengah bawah"), _("Kanan bawah")]
    spots = []
    for name, said in zip(PRESETS, words, strict=True):
        at = preset_place(page, number=placement.page, preset=name, size=placement.size)
        spots.append(_spot(name, said, at))
    return spots


def _nudges() -> list[Spot]:
    words = {"left": _("5 mm ke kiri"), "up": _("5 mm ke atas")}
    words |= {"down": _("5 mm ke bawah"), "right": _("5 mm ke kanan")}
    return [Spot(name, words[name], x / MM, y / MM) for name, (x, y) in NUDGES.items()]


def _suggested(number: int, seen: PageLook | None) -> Spot | None:
    return _spot("suggested", _hows()[seen.how], seen.place) if seen else None


def _spot(name: str, words: str, at: Placement) -> Spot:
    return Spot(name, words, round(at.x / MM, 2), round(at.y / MM, 2))


def _hows() -> dict[str, str]:
    return {
        "beside_signature": _("di samping tempat tanda tangan"),
        "free_space": _("di tempat kosong"),
        "corner": _("di tempat yang paling sedikit menutupi isi halaman"),
    }


def _why(number: int, best: int | None, seen: PageLook | None) -> str:
    """Why the stamp is suggested where it is."""
    if seen is None:
        return ""
    where = _hows()[seen.how]
    if number == best:
        return _("Saran kami: halaman %(page)s, %(where)s.") % {"page": number, "where": where}
    return _("Saran kami untuk halaman %(page)s: %(where)s.") % {"page": number, "where": where}


def _is_at(placement: Placement, place: Placement) -> bool:
    return abs(placement.x - place.x) < MM / 2 and abs(placement.y - place.y) < MM / 2


def _for_script(page: Page, seen: PageLook | None, placement: Placement) -> dict[str, Any]:
    """What placing.js needs to move the stamp and to warn as we do, in millimetres."""
    told: dict[str, Any] = {
        "wide": round(page.width / MM, 3),
        "high": round(page.height / MM, 3),
        "side": round(placement.size / MM, 3),
        "say": _("%(x)s mm dari kiri, %(y)s mm dari bawah"),
        "warnings": warnings(),
        "specks": SPECKS,
    }
    if seen:
        grid = seen.grid
        told["ink"] = {
            "cell": grid.cell / MM,
            "inset": grid.inset / MM,
            "wide": grid.wide,
            "high": grid.high,
            "bits": b64encode(grid.bits).decode(),
        }
        told["taken"] = [[one.kind, *(round(v / MM, 2) for v in one.box)] for one in seen.taken]
    return told
