"""Receipts and refund notes as PDF: A4, in the order's language, the same bytes for the same facts.

A paper that has no number yet gets it here: who asks for it does not wait for a worker.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from . import numbering, showing
from .models import Order, Receipt, Refund

WIB = ZoneInfo("Asia/Jakarta")
WIDTH, HEIGHT = A4
LEFT, RIGHT = 22 * mm, WIDTH - 22 * mm
INK, SOFT, LINE = HexColor("#12262b"), HexColor("#42555a"), HexColor("#ddd7c8")
SERIALS_A_ROW = 3


class NotPaid(Exception):
    """There is no receipt for an order that is not paid."""


class NotDone(Exception):
    """There is no refund note before the money went back."""


@dataclass
class Sheet:
    """The page and how far down it is filled, in points from the bottom."""

    canvas: Canvas
    y: float = HEIGHT - 28 * mm

    def text(self, words: str, *, x: float = LEFT, size: float = 10, bold: bool = False, soft: bool = False) -> None:
        """Words at the present height; the height stays."""
        self.canvas.setFont("Helvetica-Bold" if bold else "Helvetica", size)
        self.canvas.setFillColor(SOFT if soft else INK)
        self.canvas.drawString(x, self.y, words)

    def row(self, label: str, value: str, *, bold: bool = False) -> None:
        """Label left, value right, one line down."""
        self.text(label, bold=bold, soft=not bold)
        self.canvas.setFillColor(INK)
        self.canvas.drawRightString(RIGHT, self.y, value)
        self.y -= 6.5 * mm

    def rule(self) -> None:
        """A line across."""
        self.canvas.setStrokeColor(LINE)
        self.canvas.line(LEFT, self.y + 3 * mm, RIGHT, self.y + 3 * mm)
        self.y -= 3 * mm


def receipt(*, order: Order, at: datetime) -> bytes:
    """The PDF of a paid order; `at` is the time of printing it. Raises NotPaid."""
    if order.paid_at is None:
        raise NotPaid(order.code)
    paper = numbering.numbered(numbering.receipt_of(order), at=at)

    def draw(sheet: Sheet) -> None:
        _head(sheet, _("Kuitansi"), str(paper))
        _facts(sheet, order, paper)
        _money(sheet, order)
        serials = order.lines.filter(released_at=None).values_list("serial_id", flat=True)
        _serials(sheet, _("Nomor seri e-meterai"), sorted(serials))
        notes = [
            _("Kuitansi ini bukan faktur pajak."),
            _("Bea meterai Rp10.000 per keping menurut Undang-Undang Nomor 10 Tahun 2020."),
        ]
        _foot(sheet, notes, at)

    return _drawn(order, paper, draw)


def refund_note(*, refund: Refund, at: datetime) -> bytes:
    """The PDF of a refund that is DONE; `at` is the time of printing it. Raises NotDone."""
    if refund.state != Refund.State.DONE:
        raise NotDone(refund.pk)
    order = refund.payment.order
    paper = numbering.numbered(refund.receipt, at=at)
    first = numbering.numbered(numbering.receipt_of(order), at=at) if order.paid_at else None

    def draw(sheet: Sheet) -> None:
        _head(sheet, _("Nota pengembalian"), str(paper))
        _refund_facts(sheet, refund, paper, first)
        sheet.rule()
        sheet.row(_("Jumlah dikembalikan"), showing.rupiah(refund.amount), bold=True)
        sheet.y -= 4 * mm
        if serials := sorted(refund.stamps.values_list("serial_id", flat=True)):
            _serials(sheet, _("E-meterai yang dikembalikan dan tidak berlaku lagi"), serials)
        _foot(sheet, [_("Nota ini bukan faktur pajak.")], at)

    return _drawn(order, paper, draw)


def _drawn(order: Order, paper: Receipt, draw: Callable[[Sheet], None]) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1, pageCompression=1)
    with override(order.language):
        canvas.setTitle(f"{paper.get_kind_display()} {paper}")
        canvas.setAuthor(_seller())
        draw(Sheet(canvas))
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _head(sheet: Sheet, title: str, number: str) -> None:
    sheet.text(title, size=22, bold=True)
    sheet.canvas.drawRightString(RIGHT, sheet.y, number)
    sheet.y -= 8 * mm
    sheet.text(_seller(), soft=True)
    sheet.y -= 12 * mm


def _facts(sheet: Sheet, order: Order, paper: Receipt) -> None:
    # A second payment has a refund of its own and is no part of this receipt.
    second = {"refunds__reason": Refund.Reason.SURPLUS}
    payment = order.payments.filter(paid_at__isnull=False).exclude(**second).order_by("paid_at").first()
    rows = [(_("Nomor kuitansi"), str(paper)), (_("Pesanan"), order.code)]
    if paper.buyer_name:
        rows.append((_("Nama pembeli"), paper.buyer_name))
    if order.paid_at:
        rows.append((_("Dibayar pada"), _wib(order.paid_at)))
    if payment:
        rows.append((_("Rujukan pembayaran"), payment.gateway_reference))
    if order.reseller:
        rows.append((_("Dijual oleh"), order.reseller.legal_name or order.reseller.name))
    _rows(sheet, rows)


def _refund_facts(sheet: Sheet, refund: Refund, paper: Receipt, first: Receipt | None) -> None:
    payment = refund.payment
    rows = [(_("Nomor nota"), str(paper)), (_("Pesanan"), payment.order.code)]
    if first:
        rows.append((_("Untuk kuitansi"), str(first)))
        if first.buyer_name:
            rows.append((_("Nama pembeli"), first.buyer_name))
    rows.append((_("Alasan"), refund.get_reason_display()))
    rows.append((_("Cara pengembalian"), refund.get_way_display()))
    if refund.transfer_reference:
        rows.append((_("Nomor bukti transfer"), refund.transfer_reference))
    rows.append((_("Rujukan pembayaran"), payment.gateway_reference))
    rows.append((_("Diajukan pada"), _wib(refund.requested_at)))
    if refund.done_at:
        rows.append((_("Dikembalikan pada"), _wib(refund.done_at)))
    _rows(sheet, rows)


def _rows(sheet: Sheet, rows: list[tuple[str, str]]) -> None:
    sheet.rule()
    for label, value in rows:
        sheet.row(label, value)
    sheet.y -= 4 * mm


def _money(sheet: Sheet, order: Order) -> None:
    sheet.rule()
    for line in showing.price_lines(showing.price_of(order)):
        sheet.row(f"{line.label}  ({line.note})" if line.note else line.label, line.amount)
    sheet.rule()
    sheet.row(_("Total dibayar"), showing.rupiah(order.total), bold=True)
    sheet.y -= 4 * mm


def _serials(sheet: Sheet, title: str, serials: list[str]) -> None:
    sheet.text(title, bold=True)
    sheet.y -= 6 * mm
    for first in range(0, len(serials), SERIALS_A_ROW):
        for column, serial in enumerate(serials[first : first + SERIALS_A_ROW]):
            sheet.canvas.setFont("Courier", 10)
            sheet.canvas.setFillColor(INK)
            sheet.canvas.drawString(LEFT + column * 57 * mm, sheet.y, serial)
        sheet.y -= 5 * mm
        if sheet.y < 48 * mm and first + SERIALS_A_ROW < len(serials):
            sheet.canvas.showPage()
            sheet.y = HEIGHT - 28 * mm


def _foot(sheet: Sheet, notes: list[str], at: datetime) -> None:
    notes = [*notes, _("Dicetak pada %(time)s.") % {"time": _wib(at)}]
    if settings.IS_DEMO:
        notes.insert(0, _("PERCOBAAN: bukan bukti yang sebenarnya."))
    sheet.y = 20 * mm + 5 * mm * len(notes)
    for note in notes:
        sheet.text(note, size=9, soft=True)
        sheet.y -= 5 * mm


def _wib(moment: datetime) -> str:
    return f"{moment.astimezone(WIB):%d-%m-%Y %H:%M:%S} WIB"


def _seller() -> str:
    """Who stands on the receipt: SELLER_NAME, with its tax number where SELLER_TAX_NUMBER is set."""
    name = settings.SELLER_NAME
    number = settings.SELLER_TAX_NUMBER
    return f"{name}, NPWP {number}" if number else str(name)
