"""What the pages, the API and the report say about a bundle, as plain facts."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from meterai.spreadsheets import harmless
from orders.models import Order

from . import bundle_wording, bundling, placing
from .models import Bundle, BundleFile, Document, Repair
from .placelist import POINTS


@dataclass(frozen=True)
class FileShown:
    """A row of the report. `verdict`: waiting, ready, refused, queued, awaiting_payment, sealed, failed or left."""

    file: str
    verdict: str
    code: str = ""
    reason: str = ""
    line: int = 0
    page: int | None = None
    x_mm: float | None = None
    y_mm: float | None = None
    how: str = ""
    covers: bool = False
    repaired: bool = False
    serial: str = ""
    result: str = ""
    sha256: str = ""
    sealed_at: datetime | None = None

    @property
    def kind(self) -> str:
        """Of its tag."""
        bad = {"refused": "bad", "failed": "bad", "ready": "good", "sealed": "good"}
        return bad.get(self.verdict, "waiting")

    @property
    def words(self) -> str:
        """Of its tag."""
        return {
            "waiting": _("Belum diperiksa"),
            "ready": _("Siap"),
            "refused": _("Ditolak"),
            "queued": _("Antre pembubuhan"),
            "awaiting_payment": _("Menunggu pembayaran"),
            "sealed": _("Siap diunduh"),
            "failed": _("Gagal dibubuhi"),
            "left": _("Meterainya kurang"),
        }[self.verdict]

    @property
    def place(self) -> str:
        """Where the stamp stands, in words."""
        if self.page is None:
            return ""
        where = _("halaman %(page)s, %(x)s mm dari kiri, %(y)s mm dari bawah") % {
            "page": self.page,
            "x": f"{self.x_mm:.0f}",
            "y": f"{self.y_mm:.0f}",
        }
        return f"{where} ({bundle_wording.how(self.how, covers=self.covers)})"


@dataclass(frozen=True)
class Listed:
    """A row with the address of its document's own page; empty where there is nothing to see."""

    shown: FileShown
    address: str


def rows(bundle: Bundle) -> list[tuple[BundleFile, FileShown]]:
    """Every file with what is to be said about it, in two queries."""
    files = list(bundle.files.select_related("document").order_by("ordinal"))
    results = result_names(files)
    chosen = Repair.objects.filter(document__bundle_files__bundle=bundle, state=Repair.State.CHOSEN)
    mended = set(chosen.values_list("document_id", flat=True))
    return [(one, _shown(one, results.get(one.pk, ""), repaired=one.document_id in mended)) for one in files]


def result_names(files: list[BundleFile]) -> dict[int, str]:
    """The name that each sealed document has in the result ZIP, by the key of its row."""
    used: set[str] = set()
    return {
        one.pk: bundling.safe_name(f"{one.document.name.removesuffix('.pdf')}-bermeterai.pdf", used)
        for one in files
        if one.document is not None and one.document.state == Document.State.SEALED
    }


def result_entries(bundle: Bundle, *, at: datetime) -> list[bundling.Entry]:
    """What the result ZIP holds: the sealed documents in the order of the report, and the report. Empty before any."""
    listed = rows(bundle)
    sealed = [
        bundling.Entry(
            name=shown.result,
            at=shown.sealed_at or at,
            stored=row.document.output,
            serial=shown.serial,
        )
        for row, shown in listed
        if shown.result and row.document is not None
    ]
    if not sealed:
        return []
    shown = [one for _row, one in listed]
    lines = "".join(as_lines(shown)).encode()
    report = [("laporan.csv", as_csv(shown).encode()), ("laporan.jsonl", lines)]
    return [*sealed, *(bundling.Entry(name=name, at=at, data=data) for name, data in report)]


def page_facts(*, order: Order, bundle: Bundle) -> dict[str, Any]:
    """All that the page of one bundle shows."""
    listed = rows(bundle)
    shown = [one for _row, one in listed]
    count = {verdict: sum(one.verdict == verdict for one in shown) for verdict in _VERDICTS}
    free = max(placing.free_places(order), 0) if bundle.state == Bundle.State.CHECKED else 0
    begun = sum(count[verdict] for verdict in ("queued", "awaiting_payment", "sealed", "failed"))
    return {
        "order": order,
        "bundle": bundle,
        "files": [Listed(one, _address(row)) for row, one in listed],
        "count": count,
        "all": len(shown),
        "examined": len(shown) - count["waiting"],
        "begun": begun,
        "ended": count["sealed"] + count["failed"],
        "free": free,
        "missing": max(count["ready"] - free, 0),
        "mistakes": [bundle_wording.mistake(one) for one in bundle.mistakes],
        "failure": bundle_wording.archive(bundle.failure) if bundle.failure else "",
        "is_moving": is_moving(bundle, count),
        "version": version(bundle=bundle, free=free),
    }


def is_moving(bundle: Bundle, count: dict[str, int]) -> bool:
    """Whether the page changes by itself."""
    return bundle.state == Bundle.State.SENT or bool(count["queued"] or count["awaiting_payment"])


def version(*, bundle: Bundle, free: int | None = None) -> str:
    """A short text that is another one as soon as the page would say something else. Two queries, three at most."""
    if free is None:
        free = max(placing.free_places(bundle.order), 0) if bundle.state == Bundle.State.CHECKED else 0
    states = bundle.files.order_by("ordinal").values_list(
        "pk", "state", "document__state", "document__order_id", "document__failure"
    )
    said = (bundle.state, bundle.failure, free, get_language(), list(states))
    return hashlib.sha256(repr(said).encode()).hexdigest()[:24]


def as_csv(shown: list[FileShown]) -> str:
    """The report for a spreadsheet: a byte order mark, since one of them guesses wrong without."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for one in shown:
        facts = _plain(one)
        writer.writerow([harmless(str(facts[name])) if facts[name] not in (None, "") else "" for name in _COLUMNS])
    return "\ufeff" + out.getvalue()


def as_lines(shown: list[FileShown]) -> Iterator[str]:
    """The report for programs: a JSON object a line."""
    for one in shown:
        yield json.dumps(_plain(one), ensure_ascii=False) + "\n"


def _plain(one: FileShown) -> dict[str, Any]:
    return asdict(one) | {"sealed_at": one.sealed_at.isoformat() if one.sealed_at else ""}


_VERDICTS = ("waiting", "ready", "refused", "queued", "awaiting_payment", "sealed", "failed", "left")
_COLUMNS = (
    *("file", "verdict", "code", "reason", "line", "page", "x_mm", "y_mm", "how", "covers", "repaired"),
    *("serial", "result", "sha256", "sealed_at"),
)


def _shown(row: BundleFile, result: str, *, repaired: bool) -> FileShown:
    document = row.document
    verdict, code = _verdict(row, document)
    facts: dict[str, Any] = {"file": row.name, "verdict": verdict, "code": code, "line": row.line, "repaired": repaired}
    facts["reason"] = bundle_wording.file(code) if code else ""
    if document is not None and document.page and document.x is not None and document.y is not None:
        x_mm, y_mm = round(document.x / POINTS, 1), round(document.y / POINTS, 1)
        facts |= {"page": document.page, "x_mm": x_mm, "y_mm": y_mm, "how": row.how, "covers": row.covers}
    if document is not None and verdict == "sealed":
        facts |= {"serial": str(document.stamp_id), "sha256": document.output_sha256, "result": result}
        facts |= {"sealed_at": document.sealed_at}
    return FileShown(**facts)


def _verdict(row: BundleFile, document: Document | None) -> tuple[str, str]:
    """(verdict, code) of a file; from the buyer's word on its document says how it stands."""
    if row.state != BundleFile.State.TAKEN or document is None:
        return row.state, "left_over" if row.state == BundleFile.State.LEFT else row.code
    erased = "sealed" if document.stamp_id else "failed"
    waiting = ("awaiting_payment", "") if document.order_id else ("left", "left_over")
    known = {
        Document.State.SEALED: ("sealed", ""),
        Document.State.FAILED: ("failed", document.failure),
        Document.State.ERASED: (erased, "erased"),
        Document.State.PLACED: waiting,
    }
    return known.get(Document.State(document.state), ("queued", ""))


def _address(row: BundleFile) -> str:
    document = row.document
    if document is None or document.state == Document.State.ERASED:
        return ""
    return document.get_absolute_url()
