"""Stock that runs low: a letter to the seller and one to the issuer's staff, once each time it falls below."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from meterai import watching
from meterai.forecasting import Forecast
from meterai.models import LowStock

from . import noticing
from .models import Notice


@dataclass(frozen=True)
class Letter:
    """One letter about one open LowStock."""

    row: LowStock
    side: str
    email: str

    @property
    def event(self) -> str:
        """What makes the letter one only."""
        return f"low-stock:{self.row.pk}:{self.side}"


def warn_low_stock(*, at: datetime) -> int:
    """Leave the letters about every open LowStock that were not left yet; returns how many.

    Both sides hear of a reseller's stock, staff alone of the official shop's; without STAFF_EMAIL staff hear nothing.
    """
    open_rows = LowStock.objects.filter(ended_at=None).select_related("reseller")
    letters = {letter.event: letter for row in open_rows for letter in _letters(row)}
    told = set(Notice.objects.filter(event__in=letters).values_list("event", flat=True))
    due = [letter for event, letter in letters.items() if event not in told]
    if due:
        check = watching.newest()
        seen = {one.reseller_id: one for one in watching.sellers(check)} if check else {}
        for letter in due:
            _leave(letter, seen.get(letter.row.reseller_id), at)
    return len(due)


def _letters(row: LowStock) -> Iterator[Letter]:
    if row.reseller:
        yield Letter(row, "reseller", row.reseller.contact_email)
    if settings.STAFF_EMAIL:
        yield Letter(row, "staff", settings.STAFF_EMAIL)


def _leave(letter: Letter, seen: Forecast | None, at: datetime) -> None:
    """Both sides read Indonesian. What is left is told as seen last, or as it was when it fell below."""
    row = letter.row
    with override("id"):
        context: dict[str, Any] = {
            # In one line, since it stands in the subject.
            "seller": " ".join(row.reseller.name.split()) if row.reseller else _("Toko resmi"),
            "is_official": row.reseller is None,
            "to_staff": letter.side == "staff",
            "left": seen.available if seen else row.level,
            "threshold": row.threshold,
            "per_hour": seen.per_hour if seen else 0,
            "lasts": seen.in_words() if seen else "",
            "link": settings.SITE_URL + reverse("admin:index"),
        }
    noticing.leave_to(
        email=letter.email, language="id", event=letter.event, template="low_stock", context=context, at=at
    )
