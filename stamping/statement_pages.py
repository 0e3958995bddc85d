"""The pages of a statement of stock, in the language that is active: the same bytes for the same facts."""

import io
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from reportlab.lib.units import mm
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table
from reportlab.platypus.flowables import CondPageBreak, Flowable, KeepTogether, Spacer

from meterai import proving
from meterai.conserving import PLACES, Holder, Places
from meterai.proving import Fault
from meterai.statement import BatchFacts, Statement, face_value

from . import paper
from .paper import words

WIB = ZoneInfo("Asia/Jakarta")
# Of what is wrong with a batch so many lines are told, and the others counted.
MOST_TOLD = 20
PLACE_NAMES = {
    "draft": gettext_lazy("Belum dijual"),
    "extents": gettext_lazy("Rentang"),
    "pool": gettext_lazy("Kembali"),
    "reserved": gettext_lazy("Dipesan"),
    "sold": gettext_lazy("Terjual"),
    "affixed": gettext_lazy("Terbubuhkan"),
    "refunded": gettext_lazy("Dikembalikan"),
    "void": gettext_lazy("Batal"),
    # Only in the book: whence all came, and where leases pass from hand to hand.
    "outside": gettext_lazy("Penerbit"),
    "leased": gettext_lazy("Titipan"),
}
FAULTS = {
    proving.EDITED: gettext_lazy("Blok %(block)s: blok atau mutasi di dalamnya diubah"),
    proving.REMOVED: gettext_lazy("Blok %(block)s: %(count)s mutasi hilang (nomor %(ids)s)"),
    proving.BLOCK_MISSING: gettext_lazy("Blok %(block)s hilang"),
    proving.UNCLOSED: gettext_lazy("%(count)s mutasi lama tidak ada dalam rantai (nomor %(ids)s)"),
    proving.CLOSED_TWICE: gettext_lazy("Ada mutasi yang ditutup dua kali"),
}


def draw(statement: Statement, *, csv: str, csv_sha256: str) -> bytes:
    """The PDF, not sealed yet; `csv` is the name of the file beside it, `csv_sha256` its digest in hexadecimal."""
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=paper.PAGE,
        leftMargin=paper.MARGIN,
        rightMargin=paper.MARGIN,
        topMargin=14 * mm,
        bottomMargin=18 * mm,
        title=f"{_('Laporan stok e-meterai')} {_wib(statement.at)}",
        author=statement.seller,
        invariant=1,
    )
    story = [*_head(statement, csv, csv_sha256), *_sums(statement), *_batches(statement), *_foot()]
    document.build(story, canvasmaker=partial(paper.Numbered, foot=partial(_line, statement)))
    return out.getvalue()


def _line(statement: Statement, number: int, last: int) -> tuple[str, str]:
    parts = [_("Laporan stok e-meterai"), statement.seller, _wib(statement.at)]
    if statement.is_demo:
        parts.append(_("PERCOBAAN"))
    return " · ".join(parts), _("Halaman %(number)s dari %(last)s") % {"number": number, "last": last}


def _head(statement: Statement, csv: str, csv_sha256: str) -> Iterator[Flowable]:
    yield words(_("Laporan stok e-meterai"), "title")
    if statement.is_demo:
        yield words(_("PERCOBAAN: angka dari situs percobaan, bukan stok yang sebenarnya."), "alarm")
    faults = sum(len(one.chain.faults) for one in statement.batches)
    lost = sum(one.balance.lost for one in statement.batches)
    rows = [
        (_("Penjual"), words(statement.seller)),
        (_("Keadaan pada"), words(_wib(statement.at))),
        (_("Dibuat oleh"), words(statement.by)),
        (_("Nilai nominal"), words(_("%(value)s per keping") % {"value": f"Rp{_number(face_value(1))}"})),
        (_("Neraca"), _lost(lost)),
        (_("Rantai buku besar"), _faults(faults)),
        (_("Jumlah buku besar"), _differences(len(statement.differences))),
        (_("Berkas CSV"), words(f"{csv} · SHA-256 {csv_sha256}", "code")),
    ]
    yield Spacer(0, 2 * mm)
    yield paper.facts(rows)


def _lost(count: int) -> Paragraph:
    if not count:
        return words(_("Cocok: setiap nomor seri yang diimpor ada di tepat satu tempat."))
    said = ngettext(
        "TIDAK COCOK: %(n)s nomor seri hilang atau berlebih.",
        "TIDAK COCOK: %(n)s nomor seri hilang atau berlebih.",
        count,
    )
    return words(said % {"n": _number(count)}, "alarm")


def _faults(count: int) -> Paragraph:
    if not count:
        return words(_("Utuh: tidak ada mutasi yang diubah, dihapus atau disisipkan."))
    said = ngettext("TIDAK UTUH: %(n)s kesalahan.", "TIDAK UTUH: %(n)s kesalahan.", count)
    return words(said % {"n": _number(count)}, "alarm")


def _differences(count: int) -> Paragraph:
    if not count:
        return words(_("Sama dengan stok di setiap tempat."))
    said = ngettext("TIDAK SAMA dengan stok: %(n)s selisih.", "TIDAK SAMA dengan stok: %(n)s selisih.", count)
    return words(said % {"n": _number(count)}, "alarm")


def _sums(statement: Statement) -> Iterator[Flowable]:
    totals, due = statement.totals, sum(one.balance.imported for one in statement.batches)
    yield words(_("Seluruh stok"), "section")
    rows = [_row(_("Keping"), due, totals), _row(_("Rupiah"), due, totals, worth=face_value)]
    yield _figures(_("Semua gelombang"), rows)
    yield words(_("Per pemegang"), "section")
    yield _held(statement, statement.holders)


def _batches(statement: Statement) -> Iterator[Flowable]:
    # No heading alone at the end of a page, with its table on the next.
    yield CondPageBreak(60 * mm)
    yield words(_("Per gelombang"), "section")
    if not statement.batches:
        yield words(_("Belum ada gelombang."))
    for one in statement.batches:
        yield CondPageBreak(48 * mm)
        yield words(f"{one.batch.reference} · {one.batch.get_state_display()}", "name")
        yield paper.facts(_batch_facts(one))
        yield Spacer(0, 1 * mm)
        yield _held(statement, one.balance.holders)
        yield from (words(line, "alarm") for line in _wrong(statement, one))
        yield Spacer(0, 5 * mm)


def _batch_facts(one: BatchFacts) -> list[tuple[str, Paragraph]]:
    batch, chain = one.batch, one.chain
    counts = {"blocks": chain.blocks, "closed": chain.closed, "unclosed": chain.unclosed}
    length = _("blok: %(blocks)s · mutasi ditutup: %(closed)s · belum: %(unclosed)s")
    return [
        (_("Diimpor"), words(_done(batch.imported_at, batch.imported_by))),
        (_("Diaktifkan"), words(_done(batch.activated_at, batch.activated_by))),
        (_("SHA-256 kiriman"), words(batch.sha256 or "–", "code")),
        (_("Rantai"), words(length % {name: _number(count) for name, count in counts.items()})),
        (_("Kepala rantai"), words(chain.head or "–", "code")),
    ]


def _wrong(statement: Statement, one: BatchFacts) -> Iterator[str]:
    """What was found wrong with the book of a batch, a line each."""
    lines = [_fault(fault) for fault in one.chain.faults]
    said = _("%(place)s, %(holder)s: menurut buku besar %(book)s, menurut stok %(there)s")
    for row in statement.differences:
        if row.batch == one.batch.reference:
            holder = statement.names.get(row.reseller or "", row.reseller or _("Toko resmi"))
            place = PLACE_NAMES.get(row.place, row.place)
            counts = {"book": _number(row.book), "there": _number(row.there)}
            lines.append(said % {"place": place, "holder": holder, **counts})
    yield from lines[:MOST_TOLD]
    if len(lines) > MOST_TOLD:
        yield _("dan %(count)s lagi") % {"count": _number(len(lines) - MOST_TOLD)}


def _fault(fault: Fault) -> str:
    ids = ", ".join(map(str, fault.movements))
    if fault.count > len(fault.movements):
        ids += " …"
    return str(FAULTS[fault.kind]) % {"block": fault.block, "count": _number(fault.count), "ids": ids}


def _foot() -> Iterator[Flowable]:
    how = _(
        "Laporan ini disegel: segelnya batal bila satu huruf diubah. Kepala rantai mencakup setiap mutasi gelombang "
        "sampai saat itu. Selama perintah check_ledger masih menemukannya, tidak ada mutasi sebelumnya yang diubah. "
        "Bentuk rantai dijelaskan dalam dokumentasi, sehingga dapat dihitung ulang dengan alat lain."
    )
    yield KeepTogether([words(_("Cara memeriksa"), "section"), words(how, "soft")])


def _held(statement: Statement, holders: Sequence[Holder]) -> Table:
    names = (_("Toko resmi") if one.reseller is None else statement.name(one) for one in holders)
    rows = [_row(name, one.due, one) for name, one in zip(names, holders, strict=True)]
    wrong = [number for number, one in enumerate(holders) if one.difference]
    return _figures(_("Pemegang"), rows, alarming=wrong)


def _figures(first: str, rows: Sequence[Sequence[str]], *, alarming: Sequence[int] = ()) -> Table:
    places = (str(PLACE_NAMES[place]) for place in PLACES)
    return paper.figures([first, _("Seharusnya"), *places, _("Selisih")], rows, alarming=alarming)


def _row(name: str, due: int, found: Places, *, worth: Callable[[int], int] = int) -> list[str]:
    counts = [due, *(getattr(found, place) for place in PLACES), due - found.found]
    return [name, *(_number(worth(count)) for count in counts)]


def _done(at: datetime | None, by: Any) -> str:
    return _("%(time)s oleh %(who)s") % {"time": _wib(at), "who": by} if at else "–"


def _wib(moment: datetime) -> str:
    return f"{moment.astimezone(WIB):%d-%m-%Y %H:%M:%S} WIB"


def _number(count: int) -> str:
    return str(number_format(count, force_grouping=True))
