"""The receipt of a paid order as PDF: A4, in the order's language, the same bytes for the same facts."""

import io
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

from . import showing
from .models import Order, Refund

WIB = ZoneInfo("Asia/Jakarta")
WIDTH, HEIGHT = A4
LEFT, RIGHT = 22 * mm, WIDTH - 22 * mm
INK, SOFT, LINE = HexColor("#12262b"), HexColor("#42555a"), HexColor("#ddd7c8")
SERIALS_A_ROW = 3


class NotPaid(Exception):
    """There is no receipt for an order that is not paid."""


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
    """The PDF; `at` is the time of printing it. Raises NotPaid."""
    if order.paid_at is None:
        raise NotPaid(order.code)
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1, pageCompression=1)
    with override(order.language):
        canvas.setTitle(f"{_('Kuitansi')} {order.code}")
        canvas.setAuthor(_seller())
        sheet = Sheet(canvas)
        _head(sheet, order)
        _facts(sheet, order)
        _money(sheet, order)
        _serials(sheet, order)
        _foot(sheet, at)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _head(sheet: Sheet, order: Order) -> None:
    sheet.text(_("Kuitansi"), size=22, bold=True)
    sheet.canvas.drawRightString(RIGHT, sheet.y, order.code)
    sheet.y -= 8 * mm
    sheet.text(_seller(), soft=True)
    sheet.y -= 12 * mm


def _facts(sheet: Sheet, order: Order) -> None:
    # A second payment has a refund of its own and is no part of this receipt.
    second = {"refunds__reason": Refund.Reason.SURPLUS}
    payment = order.payments.filter(paid_at__isnull=False).exclude(**second).order_by("paid_at").first()
    rows = [(_("Nomor kuitansi"), order.code)]
    if order.paid_at:
        rows.append((_("Dibayar pada"), _wib(order.paid_at)))
    if payment:
        rows.append((_("Rujukan pembayaran"), payment.gateway_reference))
    if order.reseller:
        rows.append((_("Dijual oleh"), order.reseller.legal_name or order.reseller.name))
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


def _serials(sheet: Sheet, order: Order) -> None:
    sheet.text(_("Nomor seri e-meterai"), bold=True)
    sheet.y -= 6 * mm
    serials = sorted(order.lines.filter(released_at=None).values_list("serial_id", flat=True))
    for first in range(0, len(serials), SERIALS_A_ROW):
        for column, serial in enumerate(serials[first : first + SERIALS_A_ROW]):
            sheet.canvas.setFont("Courier", 10)
            sheet.canvas.setFillColor(INK)
            sheet.canvas.drawString(LEFT + column * 57 * mm, sheet.y, serial)
        sheet.y -= 5 * mm
        if sheet.y < 48 * mm and first + SERIALS_A_ROW < len(serials):
            sheet.canvas.showPage()
            sheet.y = HEIGHT - 28 * mm


def _foot(sheet: Sheet, at: datetime) -> None:
    notes = [
        _("Kuitansi ini bukan faktur pajak."),
        _("Bea meterai Rp10.000 per keping menurut Undang-Undang Nomor 10 Tahun 2020."),
        _("Dicetak pada %(time)s.") % {"time": _wib(at)},
    ]
    if settings.IS_DEMO:
        notes.insert(0, _("PERCOBAAN: bukan bukti pembelian yang sebenarnya."))
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
