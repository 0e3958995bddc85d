"""What banks call their columns, and how they write dates and amounts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

Names = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Which column (counted from 0) plays which part. Either `amount`, or `credit` and `debit`."""

    date: int
    description: tuple[int, ...]
    amount: int | None = None
    side: int | None = None
    credit: int | None = None
    debit: int | None = None
    reference: int | None = None


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The names a bank's statement gives its columns, in small letters; several where it varies."""

    name: str
    date: Names
    description: Names
    amount: Names = ()
    side: Names = ()
    credit: Names = ()
    debit: Names = ()
    reference: Names = ()
    mark: Names = ()
    """Another column that only this bank has, where the rest would fit anybody."""

    def roles(self, heading: Sequence[str]) -> Roles | None:
        """Where its columns are; None when this heading is not of this layout."""
        cells = [" ".join(re.sub(r"[^a-z0-9/ ]", " ", cell.lower().replace("_", " ")).split()) for cell in heading]
        day, amount = _first(cells, self.date), _first(cells, self.amount)
        credit, debit = _first(cells, self.credit), _first(cells, self.debit)
        words = tuple(place for place, cell in enumerate(cells) if cell in self.description)
        if self.mark and _first(cells, self.mark) is None:
            return None
        if day is None or not words or (amount is None and (credit is None or debit is None)):
            return None
        if amount is not None:
            credit = debit = None
        side = _first(cells, self.side)
        if side is None and amount is not None and cells[amount + 1 : amount + 2] == [""]:
            side = amount + 1  # BCA leaves the heading of the column beside the amount empty
        return Roles(
            date=day,
            description=words,
            amount=amount,
            side=side,
            credit=credit,
            debit=debit,
            reference=_first(cells, self.reference),
        )


# More particular ones first: the plain layout takes whatever has its columns.
LAYOUTS = (
    Layout(
        name="bri",
        date=("tgl tran",),
        description=("desk tran", "uraian transaksi"),
        credit=("mutasi kredit", "kredit"),
        debit=("mutasi debet", "debet"),
        reference=("seq",),
    ),
    Layout(
        name="mandiri",
        date=("postdate", "post date", "posting date"),
        description=("remarks", "additionaldesc", "additional desc", "description"),
        credit=("credit amount", "creditamount", "credit"),
        debit=("debit amount", "debitamount", "debit"),
        reference=("reference no", "referenceno"),
    ),
    Layout(
        name="bca",
        date=("tanggal transaksi", "tanggal", "tgl"),
        description=("keterangan",),
        amount=("jumlah", "mutasi"),
        mark=("cabang", "cbg"),
    ),
    Layout(
        name="plain",
        date=("tanggal", "tgl", "date", "tanggal transaksi", "transaction date"),
        description=("keterangan", "description", "uraian", "berita", "remark", "remarks"),
        amount=("jumlah", "amount", "nominal"),
        side=("d/k", "k/d", "db/cr", "cr/db", "d/c", "c/d", "jenis", "type", "tipe", "debit/credit", "credit/debit"),
        credit=("kredit", "credit", "uang masuk"),
        debit=("debit", "debet", "uang keluar"),
        reference=("referensi", "reference", "no referensi", "nomor referensi", "reference no"),
    ),
)

_CREDIT_WORDS = frozenset({"cr", "c", "k", "kr", "kredit", "credit", "masuk", "in"})
_DEBIT_WORDS = frozenset({"db", "d", "dr", "debet", "debit", "keluar", "out"})
_ENDING = re.compile(r"(?i)\s*(cr|db|dr|k|d|c)\.?\s*$")
_GROUPED = re.compile(r"[0-9]{1,3}(?:([.,])[0-9]{3})(?:\1[0-9]{3})*")
_MONTHS = (
    ("jan",),
    ("feb", "peb"),
    ("mar",),
    ("apr",),
    ("mei", "may"),
    ("jun",),
    ("jul",),
    ("agu", "ags", "aug", "agt"),
    ("sep",),
    ("okt", "oct"),
    ("nov", "nop"),
    ("des", "dec"),
)
_MONTH_OF = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names}
_ISO = re.compile(r"([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})(?:[T ].*)?")
_DAY_FIRST = re.compile(r"([0-9]{1,2})[-/. ]([0-9]{1,2}|[A-Za-z]{3,9})(?:[-/. ]([0-9]{4}|[0-9]{2}))?(?:[T ,].*)?")
_FULL_DATE = re.compile(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}")


def amount_of(written: str) -> int:
    """Whole rupiah, negative with a minus or in brackets. Raises ValueError("amount") or ValueError("sen").

    Both "20.000,00" and "20,000.00" are twenty thousand, and so are "20.000", "20,000" and "Rp 20.000,-": what stands
    before exactly three digits parts thousands, what stands before one or two parts the sen.
    """
    text = _ENDING.sub("", written.strip().strip("'"))
    text = re.sub(r"(?i)^\s*(rp|idr)\.?\s*", "", text).replace("\u00a0", "").replace(" ", "")
    bracketed = text.startswith("(") and text.endswith(")")
    text = text.strip("()").removesuffix(",-").removesuffix(",--")
    sign = -1 if bracketed or text.startswith("-") else 1
    text = text.lstrip("+-")
    text = re.sub(r"(?i)^(rp|idr)\.?", "", text)
    parted = re.fullmatch(r"(.+)[.,]([0-9]{1,2})", text)
    whole, sen = (parted[1], parted[2]) if parted else (text, "")
    # The sen's mark differs from the thousands' mark: "1.000.00" is neither format.
    if parted and text[len(whole)] in whole:
        raise ValueError("amount")
    if re.fullmatch(r"[0-9]{1,15}", whole):
        digits = whole
    elif _GROUPED.fullmatch(whole) and len(whole) < 22:
        digits = re.sub(r"[.,]", "", whole)
    else:
        raise ValueError("amount")
    if sen.strip("0"):
        raise ValueError("sen")
    return sign * int(digits)


def is_credit(side: str, amount: str) -> bool | None:
    """Whether money came in, by the side column, the word behind the amount, or its sign; None when nothing says."""
    ending = _ENDING.search(amount.strip())
    for word in (side, ending[1] if ending else ""):
        plain = word.strip(" .'").lower()
        if plain in _CREDIT_WORDS:
            return True
        if plain in _DEBIT_WORDS:
            return False
        if plain:
            return None
    bare = amount.strip().strip("'")
    if bare.startswith("+"):
        return True
    return False if bare.startswith(("-", "(")) else None


def date_of(written: str, *, last_day: date) -> date | None:
    """A day, day before month as Indonesia writes it, or year first; without a year the last one up to `last_day`."""
    text = written.strip().strip("'\"").strip()
    if found := _ISO.fullmatch(text):
        return _day(int(found[1]), int(found[2]), int(found[3]))
    found = _DAY_FIRST.fullmatch(text)
    if not found:
        return None
    month = int(found[2]) if found[2].isdigit() else _MONTH_OF.get(found[2][:3].lower(), 0)
    if found[3]:
        year = int(found[3])
        return _day(year + 2000 if year < 100 else year, month, int(found[1]))
    for year in (last_day.year, last_day.year - 1):
        day = _day(year, month, int(found[1]))
        if day and day <= last_day:
            return day
    return None


def last_year(text: str) -> date | None:
    """The last full date in a line before the heading, such as the end of the statement's period."""
    dates = _FULL_DATE.findall(text)
    return date_of(dates[-1], last_day=date.max) if dates else None


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _first(cells: Sequence[str], names: Names) -> int | None:
    return next((place for place, cell in enumerate(cells) if cell in names), None)
