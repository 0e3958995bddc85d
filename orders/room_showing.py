"""A waiting room in a member of staff's words: figures, signals, and why the line moves as it does."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Sum
from django.utils.formats import date_format, number_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from . import room_chart, room_marks
from .models import Outcome, Room
from .room_chart import Point

# A room that was not ticked for so long is not looked after.
OLD = timedelta(seconds=15)
# Each signal: its name, and whether it is a share or seconds.
SIGNALS: dict[str, tuple[Any, bool]] = {
    "reserve": (gettext_lazy("membuat pesanan, p95 (detik)"), False),
    "pay": (gettext_lazy("menjawab pembayaran, p95 (detik)"), False),
    "errors": (gettext_lazy("jawaban gagal (bagian)"), True),
    "pool": (gettext_lazy("menunggu basis data (detik)"), False),
    "seal": (gettext_lazy("umur antrean pembubuhan (detik)"), False),
}
WHYS = {
    "hand": gettext_lazy("Kecepatan ditetapkan petugas. Sinyal kesehatan tidak dipakai."),
    "down": gettext_lazy("Toko tidak menjawab dan tidak ada yang masuk: tidak ada yang dipanggil."),
    "silent": gettext_lazy("Tidak ada kabar kesehatan: batas dibekukan, tidak dinaikkan."),
    "rising": gettext_lazy("Toko sehat: batas dinaikkan sedikit demi sedikit."),
    "steady": gettext_lazy("Toko sehat, batas setinggi sasaran."),
}
PANELS = {
    "queue": gettext_lazy("Menunggu"),
    "admission": gettext_lazy("Dipanggil per menit"),
    "occupancy": gettext_lazy("Di toko, dan batasnya"),
}


def number(value: Any) -> str:
    """With thousands apart; a dash for what is not known."""
    return "–" if value is None or value == -1 else str(number_format(value, force_grouping=True))


def velocity(room: Room) -> str:
    """Numbers called a minute, slow and fast."""
    low_high = room.figures.get("velocity")
    return f"{number(round(low_high[0]))}–{number(round(low_high[1]))}" if low_high else "–"


def is_old(room: Room, *, at: datetime) -> bool:
    """Whether nobody looks after this room."""
    return room.ticked_at is None or at - room.ticked_at > OLD


def heard(room: Room, *, at: datetime) -> str:
    """When it was last measured."""
    if room.ticked_at is None:
        return _("belum pernah")
    said = date_format(localtime(room.ticked_at), "H.i.s")
    return _("terputus sejak %(time)s") % {"time": said} if is_old(room, at=at) else said


def why(room: Room) -> str:
    """Why the ceiling is where it is."""
    code = str(room.figures.get("why", ""))
    kind, _colon, signal = code.partition(":")
    if kind == "bad" and signal in SIGNALS:
        name = SIGNALS[signal][0]
        return _("Batas diturunkan, karena %(signal)s melewati ambangnya.") % {"signal": name}
    return str(WHYS.get(kind, code or _("Belum ada pengukuran.")))


def live(room: Room, *, at: datetime, hours: int) -> dict[str, Any]:
    """What the moving part of a room's page shows."""
    since = at - timedelta(hours=hours)
    marks = room_marks.recent(room=room, since=since)
    shown = room_chart.points(marks, since=since, until=at)
    return {
        "room": room,
        "is_old": is_old(room, at=at),
        "heard": heard(room, at=at),
        "why": why(room),
        "is_bad": str(room.figures.get("why", "")).partition(":")[0] in ("bad", "down", "silent"),
        "figures": list(_figures(room)),
        "signals": list(_signals(room)),
        "promises": [_promise(room, at=at, hours=span) for span in (1, 24)],
        "panels": [(panel, PANELS[panel.name], number(panel.top)) for panel in room_chart.panels(shown)],
        "axis": room_chart.hours(localtime(since), localtime(at)),
        "picture": {"width": room_chart.WIDTH, "height": room_chart.HEIGHT, "left": room_chart.LEFT},
        "summary": _summary(shown, hours),
        "rows": _rows(room_chart.points(marks, since=since, until=at, steps=room_chart.ROWS)),
    }


def _figures(room: Room) -> Iterator[tuple[Any, str, str]]:
    """Label, figure, and a note below it."""
    told = room.figures
    serving = number(room.serving) if room.serving else "0"
    given = number(room.next_number - 1) if room.next_number > 1 else "0"
    ceiling = _("batas %(ceiling)s, sasaran %(target)s") % {
        "ceiling": number(told.get("ceiling") and round(told["ceiling"])),
        "target": number(round(room.target * room.share / 100)),
    }
    rate = told.get("show_rate")
    yield (
        _("Menunggu"),
        number(told.get("waiting")),
        _("lihat ulang paling lama %(s)s detik") % {"s": number(told.get("most"))},
    )
    yield _("Dipanggil sampai"), serving, _("dari %(given)s nomor") % {"given": given}
    yield _("Di toko"), number(told.get("in_shop")), ceiling
    yield _("Segera datang"), number(told.get("expected")), _("sudah dipanggil, belum masuk")
    yield _("Yang datang"), "–" if rate is None else f"{number(round(rate * 100))}%", _("dari yang dipanggil")
    yield _("Kecepatan"), velocity(room), _("nomor per menit")
    yield _("Stok"), number(told.get("stock")), _("cukup untuk %(n)s nomor lagi") % {"n": number(told.get("stock_for"))}


def _signals(room: Room) -> Iterator[dict[str, Any]]:
    """Each signal against its setting; one that was not measured says so."""
    measured = room.figures.get("signals") or {}
    for name, (label, _is_share) in SIGNALS.items():
        value, limit = measured.get(name, (None, room.limits.get(name)))
        is_bad = value is not None and limit is not None and value > limit
        shown = number(None if value is None else round(value, 3))
        yield {"label": label, "value": shown, "limit": number(limit), "is_bad": is_bad, "is_known": value is not None}


def _promise(room: Room, *, at: datetime, hours: int) -> dict[str, Any]:
    """Of those who entered: how many were called within what the page had promised."""
    rows = Outcome.objects.filter(room=room, minute__gt=at - timedelta(hours=hours))
    sums = rows.aggregate(*(Sum(name) for name in ("inside", "early", "late", "unpromised")))
    inside, early, late, none = (sums[f"{name}__sum"] or 0 for name in ("inside", "early", "late", "unpromised"))
    total = inside + early + late
    return {
        "hours": hours,
        "percent": f"{100 * inside // total}%" if total else "–",
        "counts": [number(one) for one in (inside, early, late, none)],
    }


def _summary(shown: list[Point], hours: int) -> str:
    """The chart in one sentence."""
    known = [one for one in shown if one.waiting is not None]
    if not known:
        return _("Belum ada catatan dalam %(hours)s jam terakhir.") % {"hours": hours}
    most = max(known, key=lambda one: one.waiting or 0)
    return _("%(hours)s jam terakhir: sekarang %(now)s menunggu; terbanyak %(most)s pada pukul %(time)s.") % {
        "hours": hours,
        "now": number(known[-1].waiting),
        "most": number(most.waiting),
        "time": date_format(localtime(most.at), "H.i"),
    }


def _rows(shown: list[Point]) -> list[list[str]]:
    return [
        [
            date_format(localtime(one.at), "d-m H.i"),
            number(one.waiting),
            number(None if one.called is None else round(one.called)),
            number(one.in_shop),
            number(one.ceiling),
        ]
        for one in shown
    ]
