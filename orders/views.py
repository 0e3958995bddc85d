"""The shop's pages. Each does one step and redirects; the order's own page belongs to `stamping`."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_ratelimit.decorators import ratelimit

from meterai import states, taking
from meterai.answers import SeeOther
from meterai.models import Reseller

from . import allowing, finding, gatekeeping, ordering, paying, receipts, reserving, ringing, showing, tasks
from .access import open_order
from .forms import DOCUMENT_PATTERN, BuyForm, FindForm, PayForm
from .models import Order
from .payments.gateway import PaymentError

# Thousands of phones share one address behind a carrier's NAT: limits an address are for floods, not for people.
BUY_RATE, FIND_RATE, CHECK_RATE, CHANGE_RATE = "30/m", "10/m", "20/m", "20/m"
# One order's secret link can be asked for this often, from wherever.
FIND_RATE_A_CONTACT = "5/h"


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """What this is, what it costs, how it goes."""
    cost = showing.price_today(quantity=1)
    sellers = showing.sellers()
    context = {
        "unit_price": showing.rupiah(cost.total),
        "lines": showing.price_lines(cost),
        "total": showing.rupiah(cost.total),
        "in_stock": showing.shop_in_stock(),
        "sellers": sellers,
        "outlets": [outlet for seller in sellers for outlet in seller.outlets],
    }
    return render(request, "home.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@ratelimit(key="ip", rate=BUY_RATE, method="POST", block=True)
@gatekeeping.at_the_door
def buy(request: HttpRequest) -> HttpResponse:
    """The order form. 303 to the order, or to the waiting room; 422 what was typed is wrong; 409 sold out, or the same
    form is under way."""
    if request.method != "POST":
        return _buy_page(request, BuyForm(initial=_first_values(request)))
    form = BuyForm(request.POST)
    _reseller(request.POST.get("reseller", ""))
    if "count" in request.POST:
        return _buy_page(request, BuyForm(initial=request.POST.dict()))
    if not form.is_valid():
        return _buy_page(request, form, status=422)
    return _place(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@ratelimit(key="ip", rate=FIND_RATE, method="POST", block=True)
@ratelimit(key="orders.views.contact_typed", rate=FIND_RATE_A_CONTACT, method="POST", block=True)
def find(request: HttpRequest) -> HttpResponse:
    """Sends the secret link. Whoever asks sees the same answer whether the order exists or not."""
    form = FindForm(request.POST or None)
    if request.method != "POST":
        return render(request, "orders/find.html", {"form": form})
    if not form.is_valid():
        return render(request, "orders/find.html", {"form": form}, status=422)
    finding.send_link(**form.cleaned_data, at=timezone.now())
    messages.info(request, _("Jika nomor pesanan dan kontak itu cocok, tautan pesanan dikirim ke surel pada pesanan."))
    return SeeOther(reverse("orders:find"))


@require_POST
@ratelimit(key="ip", rate=CHECK_RATE, method="POST", block=True)
def check(request: HttpRequest, code: str, key: str) -> HttpResponse:
    """ "Saya sudah bayar": asks the gateway now."""
    order = open_order(code, key)
    try:
        paying.check_order(order=order, at=timezone.now())
    except PaymentError:
        messages.warning(
            request, _("Gerbang pembayaran belum menjawab. Kami terus bertanya; jangan membayar dua kali.")
        )
        return SeeOther(order.get_absolute_url())
    order.refresh_from_db()
    if order.state == Order.State.PAID:
        messages.success(request, _("Pembayaran sudah kami terima."))
    else:
        messages.info(request, _("Gerbang pembayaran belum menerima uangnya. Kami terus memeriksa."))
    return SeeOther(order.get_absolute_url())


@require_POST
@ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True)
def cancel(request: HttpRequest, code: str, key: str) -> HttpResponse:
    """The buyer gives up an order that is not paid."""
    order = open_order(code, key)
    try:
        reserving.lapse(
            order=order, to=Order.State.CANCELLED, at=timezone.now(), reason="the buyer's wish", actor="buyer"
        )
    except (states.NoSuchArrow, states.MovedMeanwhile):
        messages.warning(request, _("Pesanan ini tidak menunggu pembayaran lagi, jadi tidak dapat dibatalkan."))
    else:
        messages.success(request, _("Pesanan dibatalkan. Tidak ada yang perlu dibayar."))
    return SeeOther(order.get_absolute_url())


@require_POST
@ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True)
def pay(request: HttpRequest, code: str, key: str) -> HttpResponse:
    """Another way to pay, after the last attempt failed."""
    order = open_order(code, key)
    form = PayForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Pilih satu cara bayar."))
        return SeeOther(order.get_absolute_url())
    gateway, method = form.way()
    try:
        ordering.pay_again(order=order, gateway=gateway, method=method, at=timezone.now())
    except ordering.NotPayable:
        messages.warning(request, _("Pesanan ini tidak dapat dibayar dengan cara lain sekarang."))
    else:
        ringing.ring(tasks.start_payments)
    return SeeOther(order.get_absolute_url())


@require_GET
def receipt(request: HttpRequest, code: str, key: str) -> HttpResponse:
    """The receipt as PDF; 404 before the order is paid."""
    order = open_order(code, key)
    if order.state not in Order.WAS_PAID:
        raise Http404
    response = HttpResponse(receipts.receipt(order=order, at=timezone.now()), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="kuitansi-{order.code}.pdf"'
    return response


def contact_typed(group: str, request: HttpRequest) -> str:
    """django-ratelimit's key for one order and contact, however it was written; without either, the address decides."""
    form = FindForm(request.POST)
    if not form.is_valid():
        return f"unreadable:{request.META.get('REMOTE_ADDR')}"
    return f"{form.cleaned_data['code']}:{form.cleaned_data['contact']}"


def _place(request: HttpRequest, form: BuyForm) -> HttpResponse:
    wish = form.wish(language=get_language() or "id")
    key, at = f"form:{form.cleaned_data['token']}", timezone.now()
    try:
        with gatekeeping.using(request.gate, key=key, at=at):  # type: ignore[attr-defined]
            order = ordering.place_order(wish=wish, idempotency_key=key, at=at)
    except taking.SoldOut:
        form.add_error(
            None,
            _("E-meterai habis terjual saat ini, atau sisanya kurang dari yang Anda minta. Belum ada yang dibayar."),
        )
        return _buy_page(request, form, status=409, sold_out=True)
    except allowing.LimitReached:
        form.add_error("quantity", _limit_words())
        return _buy_page(request, form, status=409)
    except ordering.InFlight:
        form.add_error(
            None,
            _("Pesanan ini sedang diproses. Tunggu sebentar, lalu kirim lagi; tidak akan tercatat dua kali."),
        )
        return _buy_page(request, form, status=409)
    except ordering.KeyReused:
        form = form.with_new_token()
        form.add_error(
            None,
            _(
                "Formulir ini sudah pernah dikirim dengan isi lain. Kirim sekali lagi bila memang ingin pesanan kedua; "
                "pesanan pertama ada di surel Anda atau lewat Cari pesanan."
            ),
        )
        return _buy_page(request, form, status=422)
    except ordering.NotSelling:
        form.add_error("method", _("Cara bayar ini tidak tersedia lagi. Pilih yang lain."))
        return _buy_page(request, form, status=422)
    ringing.ring(tasks.start_payments)
    query = f"?dokumen={form.cleaned_data['dokumen']}" if form.cleaned_data["dokumen"] else ""
    return SeeOther(order.get_absolute_url() + query)


def _limit_words() -> str:
    days = settings.PERSON_LIMIT_DAYS
    return ngettext(
        "Satu orang boleh membeli paling banyak %(most)s meterai dalam %(days)s hari. Belum ada yang dipesan.",
        "Satu orang boleh membeli paling banyak %(most)s meterai dalam %(days)s hari. Belum ada yang dipesan.",
        days,
    ) % {"most": settings.MAX_STAMPS_PER_PERSON, "days": days}


def _first_values(request: HttpRequest) -> dict[str, Any]:
    offered = showing.ways()
    quantity = request.GET.get("jumlah", "")
    document = request.GET.get("dokumen", "")
    return {
        "quantity": int(quantity) if quantity.isascii() and quantity.isdigit() else 1,
        "method": offered[0].value if offered else "",
        "token": uuid.uuid4(),
        "reseller": request.GET.get("reseller", ""),
        "dokumen": document if DOCUMENT_PATTERN.match(document) else "",
    }


def _buy_page(request: HttpRequest, form: BuyForm, *, status: int = 200, sold_out: bool = False) -> HttpResponse:
    reseller = _reseller(str(form["reseller"].value() or ""))
    quantity = _shown_quantity(form)
    cost = showing.price_today(quantity=quantity, way=str(form["method"].value() or ""))
    in_stock = not sold_out and showing.shop_in_stock(reseller=reseller)
    context = {
        "form": form,
        "reseller": reseller,
        "ways": showing.ways(),
        "chosen": form["method"].value(),
        "lines": showing.price_lines(cost),
        "total": showing.rupiah(cost.total),
        "quantity": quantity,
        "in_stock": in_stock,
        "sellers": [] if in_stock else [one for one in showing.sellers() if one.reseller != reseller],
    }
    return render(request, "orders/buy.html", context, status=status)


def _shown_quantity(form: BuyForm) -> int:
    """What the price is shown for: the number typed, brought within bounds."""
    typed = str(form["quantity"].value() or "")
    most = form.fields["quantity"].max_value  # type: ignore[attr-defined]
    return max(1, min(int(typed[:6]), most)) if typed.isascii() and typed.isdigit() else 1


def _reseller(code: str) -> Reseller | None:
    """The active reseller of that code, None for none; Http404 for one that does not exist."""
    if not code:
        return None
    reseller = Reseller.objects.filter(code=code[:40].replace("\x00", ""), is_active=True).first()
    if reseller is None:
        raise Http404
    return reseller
