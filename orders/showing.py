"""What a page, an e-mail or the API may say about an order and its money. Reads only."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import segno
from django.db.models import Prefetch
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from meterai.conserving import available, stock_levels
from meterai.models import Outlet, Reseller

from . import contacts, gates
from .models import Order, Payment, Refund
from .payments.gateway import Method, Offer
from .pricing import Price, price

# A gateway that is silent for this long has perhaps taken the charge and perhaps not: we say that we do not know.
SILENCE = timedelta(seconds=30)
# Seconds between two looks of a page that follows by itself, where the panel may change by itself.
_EVERY = {"preparing": 1, "unknown": 5, "waiting": 4, "held": 30, "expired": 30}
_ON_ITS_WAY = (Refund.State.ACCOUNT, Refund.State.REQUESTED, Refund.State.SENT)
_ACCOUNT = ("account_bank", "account_number", "account_holder", "transfer_note")


@dataclass(frozen=True)
class Amount:
    """A line of a price ticket."""

    label: str
    amount: str
    note: str = ""


@dataclass(frozen=True)
class Moment:
    """A step of an order's progress; state is done, now, todo or bad."""

    label: str
    state: str
    at: datetime | None = None
    note: str = ""


@dataclass(frozen=True)
class Way:
    """A way to pay, in words."""

    value: str
    label: str
    note: str
    cost: str


@dataclass(frozen=True)
class Seller:
    """A reseller, its open outlets, and whether it has stamps to sell just now."""

    reseller: Reseller
    in_stock: bool
    outlets: tuple[Outlet, ...]


def rupiah(amount: int) -> str:
    """Rp20.000, or Rp20,000 on an English page."""
    return f"Rp{number_format(amount, force_grouping=True)}"


def ways() -> list[Way]:
    """Every way to pay that is offered here."""
    return [
        Way(
            f"{name}:{offer.method.value}",
            _label(offer.method),
            _wait(offer),
            rupiah(offer.fee) if offer.fee else _("gratis"),
        )
        for name, offer in gates.offers()
    ]


def price_lines(cost: Price) -> list[Amount]:
    """The lines of a price; with its total they leave nothing to be added later."""
    each = _("%(count)s × %(each)s")
    return [
        Amount(_("Bea meterai"), rupiah(cost.duties), each % {"count": cost.quantity, "each": rupiah(cost.duty)}),
        Amount(_("Biaya layanan"), rupiah(cost.service_fees)),
        Amount(_("Biaya pembayaran"), rupiah(cost.payment_fee)),
    ]


def price_of(order: Order) -> Price:
    """The price as it was agreed."""
    return Price(order.quantity, order.duty, order.service_fee, order.payment_fee)


def price_today(*, quantity: int, way: str = "") -> Price:
    """The price of `quantity` stamps paid by `way` ("gateway:method"); an unknown way adds no fee."""
    fees = {f"{name}:{offer.method.value}": offer.fee for name, offer in gates.offers()}
    return price(quantity=quantity, payment_fee=fees.get(way, 0))


def sellers() -> list[Seller]:
    """The active resellers, those with stock first."""
    levels = stock_levels()
    open_outlets = Prefetch("outlets", queryset=Outlet.objects.filter(is_active=True))
    resellers = Reseller.objects.filter(is_active=True).prefetch_related(open_outlets)
    listed = [Seller(one, levels.get(one.pk, 0) > 0, tuple(one.outlets.all())) for one in resellers]
    return sorted(listed, key=lambda seller: not seller.in_stock)


def shop_in_stock(*, reseller: Reseller | None = None) -> bool:
    """Whether the official shop, or this reseller's, has a stamp to sell just now."""
    return available(reseller_id=reseller.pk if reseller else None) > 0


def payment_facts(*, order: Order, at: datetime) -> dict[str, Any]:
    """The context of `orders/payment.html`, and `timeline`: the first steps of the order's progress.

    `panel` is one of preparing, unknown, waiting, failed, held, paid, refunded, reversed, expired, cancelled.
    `is_moving`: the panel may change by itself, so a page may poll, every so many seconds as `every` says.
    """
    payments = list(order.payments.prefetch_related("refunds").order_by("created_at"))
    payment = _telling(payments)
    panel = _panel(order, payment, at)
    given = payment.instructions if payment else {}
    place = [order.code, order.key]
    refunds = [refund for one in payments for refund in one.refunds.all()]
    return {
        "order": order,
        "payment": payment,
        "panel": panel,
        "is_moving": panel in _EVERY or any(one.state in _ON_ITS_WAY for one in refunds),
        "every": _EVERY.get(panel, 30),
        "method_label": _label(Method(payment.method)) if payment else "",
        "qr_picture": qr_picture(given["qr_string"]) if given.get("qr_string") else "",
        "va_number": given.get("va_number", ""),
        "va_bank": given.get("va_bank", ""),
        "gateway_page": given.get("pay_url", ""),
        "account": {key: given.get(key, "") for key in _ACCOUNT} if given.get("account_number") else None,
        "amount_digits": str(order.total),
        "is_sandbox": payment is not None and gates.is_sandbox(payment.gateway),
        "amount": rupiah(order.total),
        "price_lines": price_lines(price_of(order)),
        "asked_at": max((one.asked_at for one in payments if one.asked_at), default=None),
        "has_refunds": bool(refunds),
        "ways": ways() if panel == "failed" else [],
        "can_choose_again": panel == "failed" and at < order.expires_at,
        "check_url": reverse("orders:check", args=place),
        "cancel_url": reverse("orders:cancel", args=place),
        "choose_url": reverse("orders:pay", args=place),
        "receipt_url": reverse("orders:receipt", args=place) if order.state in Order.WAS_PAID else "",
        "receipt_page": reverse("orders:receipt_page", args=place) if order.state in Order.WAS_PAID else "",
        "timeline": timeline(order),
        "contact": contacts.mask(order.email),
        "resend_url": reverse("orders:resend_link", args=place),
        "email_url": reverse("orders:change_email", args=place),
        "again_url": _again(order),
    }


def timeline(order: Order) -> list[Moment]:
    """Diterima and Dibayar, with their times, for pieces/progress.html; the page adds its own steps."""
    received = Moment(_("Diterima"), "done", order.created_at)
    match order.state:
        case Order.State.PAID:
            return [received, Moment(_("Dibayar"), "done", order.paid_at)]
        case Order.State.REFUNDED:
            return [received, Moment(_("Dibayar"), "done", order.paid_at), Moment(_("Dikembalikan seluruhnya"), "done")]
        case Order.State.REVERSED:
            return [received, Moment(_("Dibayar"), "bad", order.paid_at, _("ditarik kembali oleh bank"))]
        case Order.State.PENDING:
            return [received, Moment(_("Dibayar"), "now", note=_("menunggu pembayaran"))]
        case Order.State.CANCELLED:
            return [received, Moment(_("Dibayar"), "bad", note=_("pesanan dibatalkan"))]
        case _other:
            return [received, Moment(_("Dibayar"), "bad", note=_("batas waktu bayar lewat"))]


def qr_picture(text: str) -> str:
    """A QR symbol as an SVG data address, so that the page needs no further request and no inline markup."""
    return str(segno.make(text, error="m").svg_data_uri(scale=6, border=4))


def _telling(payments: list[Payment]) -> Payment | None:
    """The payment that the page is about: the one that paid, else the one a person looks at, else the newest."""
    for state in (Payment.State.PAID, Payment.State.REVERSED, Payment.State.HELD, Payment.State.REFUNDED):
        for payment in payments:
            if payment.state == state and not _went_back_whole(payment):
                return payment
    return payments[-1] if payments else None


def _went_back_whole(payment: Payment) -> bool:
    """Whether its money bought nothing: a second payment, or one for which nothing was left."""
    bought_nothing = (Refund.Reason.SURPLUS, Refund.Reason.SOLD_OUT, Refund.Reason.RECALLED)
    return any(refund.reason in bought_nothing for refund in payment.refunds.all())


def _panel(order: Order, payment: Payment | None, at: datetime) -> str:
    if payment and payment.state in (Payment.State.REVERSED, Payment.State.HELD):
        return str(payment.state)
    if order.state != Order.State.PENDING:
        return str(order.state)
    match payment.state if payment else None:
        case Payment.State.STARTED if payment and at - payment.created_at < SILENCE:
            return "preparing"
        case Payment.State.STARTED:
            return "unknown"
        case Payment.State.FAILED | Payment.State.EXPIRED:
            return "failed"
        case _other:
            return "waiting"


def _again(order: Order) -> str:
    """The form for the same again. Not the contact: who holds the link need not learn it, and addresses are logged."""
    reseller = f"&reseller={order.reseller.code}" if order.reseller else ""
    return f"{reverse('orders:buy')}?jumlah={order.quantity}{reseller}"


def _label(method: Method) -> str:
    return {
        Method.QRIS: "QRIS",
        Method.VIRTUAL_ACCOUNT: _("Virtual account bank"),
        Method.TRANSFER: _("Transfer bank manual"),
    }[method]


def _wait(offer: Offer) -> str:
    hint = {
        Method.QRIS: _("Pindai dengan aplikasi bank atau dompet digital apa pun."),
        Method.VIRTUAL_ACCOUNT: _("Transfer dari m-banking, ATM, atau teller."),
        Method.TRANSFER: _("Transfer ke rekening kami; dicocokkan dengan mutasi bank."),
    }[offer.method]
    return f"{hint} {_usual(offer.usual_seconds)}"


def _usual(seconds: int) -> str:
    if seconds < 30:
        return _("Biasanya beberapa detik.")
    if seconds > 7200:
        return _("Biasanya satu hari kerja.")
    minutes = -(-seconds // 60)
    words = ngettext("Biasanya kurang dari %(n)s menit.", "Biasanya kurang dari %(n)s menit.", minutes)
    return words % {"n": minutes}
