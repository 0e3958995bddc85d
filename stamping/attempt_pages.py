"""The page of a proof of attempt, in the language that is active."""

import io
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from reportlab.lib.units import mm
from reportlab.platypus import SimpleDocTemplate
from reportlab.platypus.flowables import Flowable, Spacer

from orders.models import Room

from . import paper
from .paper import words

if TYPE_CHECKING:
    from .attempting import Attempt

WIB = ZoneInfo("Asia/Jakarta")


def draw(attempt: "Attempt") -> bytes:
    """The PDF, not sealed yet."""
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=paper.PAGE,
        leftMargin=paper.MARGIN,
        rightMargin=paper.MARGIN,
        topMargin=14 * mm,
        bottomMargin=18 * mm,
        title=f"{_('Bukti mengantre')} {_number(attempt.number)}",
        author=attempt.seller,
        invariant=1,
    )
    document.build(list(_story(attempt)), canvasmaker=partial(paper.Numbered, foot=partial(_line, attempt)))
    return out.getvalue()


def _line(attempt: "Attempt", number: int, last: int) -> tuple[str, str]:
    parts = [_("Bukti mengantre"), attempt.seller, _wib(attempt.at)]
    if attempt.is_demo:
        parts.append(_("PERCOBAAN"))
    return " · ".join(parts), _("Halaman %(number)s dari %(last)s") % {"number": number, "last": last}


def _story(attempt: "Attempt") -> Iterator[Flowable]:
    yield words(_("Bukti mengantre membeli e-meterai"), "title")
    if attempt.is_demo:
        yield words(_("PERCOBAAN: dari situs percobaan, bukan bukti yang sebenarnya."), "alarm")
    yield Spacer(0, 2 * mm)
    yield paper.facts((label, words(said)) for label, said in _own(attempt))
    yield words(_("Keadaan toko saat nomor diambil"), "section")
    yield paper.facts((label, words(said)) for label, said in _then(attempt))
    yield words(_("Keadaan toko saat bukti ini dibuat"), "section")
    yield paper.facts((label, words(said)) for label, said in _now(attempt))
    if attempt.changes:
        yield words(_("Perubahan keadaan toko sejak nomor diambil"), "section")
        yield paper.facts((_wib(at), words(_state(state))) for at, state in attempt.changes)
    yield words(_("Cara memeriksa"), "section")
    how = _(
        "Bukti ini disegel: segelnya batal bila satu huruf diubah. Bukti ini menyatakan bahwa pemegang nomor "
        "mengantre, bukan siapa pemegangnya, sebab mengantre tidak meminta identitas."
    )
    yield words(how, "soft")


def _own(attempt: "Attempt") -> Iterator[tuple[str, str]]:
    yield _("Penjual"), f"{attempt.seller}, {attempt.room}"
    yield _("Nomor diambil pada"), _wib(attempt.joined_at)
    yield _("Nomor antrean"), _number(attempt.number)
    yield _("Urutan dalam antrean"), _("belum diundi") if attempt.rank is None else _number(attempt.rank)
    if attempt.promised:
        low, high = attempt.promised
        yield _("Perkiraan saat itu"), _("%(low)s–%(high)s menit") % {"low": low, "high": high}
    yield _("Dipanggil"), _wib(attempt.called_at) if attempt.called_at else _("belum")
    yield _("Masuk toko"), _wib(attempt.entered_at) if attempt.entered_at else _("belum")
    yield _("Pesanan dengan nomor ini"), _("ada") if attempt.has_ordered else _("tidak ada")


def _then(attempt: "Attempt") -> Iterator[tuple[str, str]]:
    mark = attempt.then
    if mark is None:
        yield _("Catatan"), _("tidak ada catatan sekitar waktu itu")
        return
    yield _("Dicatat pada"), _wib(mark.at)
    yield _("Keadaan"), _state(mark.state)
    yield _("Dipanggil sampai"), _number(mark.serving)
    yield _("Orang menunggu"), _number(mark.waiting)
    yield (
        _("Orang di toko"),
        _("%(inside)s, batas %(ceiling)s")
        % {
            "inside": _number(mark.in_shop),
            "ceiling": _number(mark.ceiling),
        },
    )


def _now(attempt: "Attempt") -> Iterator[tuple[str, str]]:
    yield _("Dibuat pada"), _wib(attempt.at)
    yield _("Keadaan"), _state(attempt.state)
    yield _("Dipanggil sampai"), _number(attempt.serving)
    yield _("Kabar terakhir"), _wib(attempt.heard_at)


def _state(state: str) -> str:
    return str(Room.State(state).label)


def _wib(moment: datetime) -> str:
    return f"{moment.astimezone(WIB):%d-%m-%Y %H:%M:%S} WIB"


def _number(count: int) -> str:
    return str(number_format(count, force_grouping=True))
