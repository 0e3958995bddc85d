"""Orders: one search box, one page with everything that happened, and steps that each ask why."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meterai.desk import Button, Refused, Steps

from .. import contacts, finding, paying, showing
from ..dossier import Dossier
from ..models import Notice, Order
from ..payments.gateway import PaymentError
from ..payments.registry import UnknownGateway
from . import searching

# One right for every page that shows a buyer's contact in full, and for what gateways wrote about them.
UNMASK = "orders.unmask_buyers"


def _asked(request: HttpRequest, order: Order, reason: str) -> str:
    try:
        paying.check_order(order=order, at=timezone.now())
    except PaymentError:
        raise Refused(_("Gerbang pembayaran tidak menjawab. Statusnya tetap; coba lagi nanti.")) from None
    except UnknownGateway:
        raise Refused(_("Gerbang pembayaran ini tidak dipasang lagi.")) from None
    order.refresh_from_db()
    return _("Sudah ditanyakan ke gerbang. Status pesanan: %(state)s.") % {"state": order.get_state_display()}


def _sent(request: HttpRequest, order: Order, reason: str) -> str:
    now = timezone.now()
    finding.resend_link(order=order, at=now)
    left = Notice.objects.filter(event__startswith=f"{order.code}:link:", created_at__gt=now - timedelta(minutes=1))
    if not left.exists():
        raise Refused(_("Tidak ada saluran yang menjangkau pembeli ini."))
    return _("Tautan dikirim ke pembeli.")


def _revoked(request: HttpRequest, order: Order, reason: str) -> str:
    finding.revoke_links(order=order, at=timezone.now(), actor=request.user.get_username(), reason=reason)
    return _("Semua tautan lama dicabut; yang baru dikirim bila ada surel.")


def _unmasked(request: HttpRequest, order: Order, reason: str) -> HttpResponse:
    """A page and no message: messages travel in a cookie."""
    context = admin.site.each_context(request) | {"title": _("Kontak pembeli"), "order": order, "opts": order._meta}
    return render(request, "admin/orders/order/contact.html", context)


@admin.register(Order)
class OrderAdmin(Steps):
    """One search box for anything that names an order."""

    change_form_template = "admin/orders/order/change_form.html"
    list_display = ("code", "state", "quantity", "price", "contact", "reseller", "created_at", "paid_at")
    list_filter = ("state", "reseller", "created_at")
    list_select_related = ("reseller",)
    search_fields = ("code",)
    search_help_text = gettext_lazy(
        "Kode pesanan, nomor seri, surel, nomor telepon, nomor di gerbang, nomor pembayaran, refund-12, atau nomor "
        "kuitansi; ditulis lengkap."
    )
    fields = (
        "code",
        "state",
        "quantity",
        "price",
        "contact",
        "language",
        "reseller",
        "created_at",
        "expires_at",
        "paid_at",
    )
    readonly_fields = ("price", "contact")
    buttons = (
        Button(
            "cek",
            gettext_lazy("Cek ke gerbang"),
            "orders.change_payment",
            _asked,
            asks_reason=True,
            hint=gettext_lazy(
                "Setiap pembayaran pesanan ini ditanyakan ke gerbangnya sekarang; yang belum dimulai dimulai lagi. "
                "Aman diulang."
            ),
        ),
        Button(
            "kirim-tautan",
            gettext_lazy("Kirim ulang tautan"),
            "orders.change_order",
            _sent,
            asks_reason=True,
            hint=gettext_lazy("Pembeli menerima lagi tautan rahasia pesanannya. Yang lama tetap berlaku."),
        ),
        Button(
            "cabut-tautan",
            gettext_lazy("Cabut tautan lama"),
            "orders.change_order",
            _revoked,
            asks_reason=True,
            leaves_row=True,
            hint=gettext_lazy("Semua tautan yang pernah dikirim berhenti berlaku, dan yang baru dikirim ke pembeli."),
        ),
        Button(
            "kontak",
            gettext_lazy("Lihat kontak lengkap"),
            UNMASK,
            _unmasked,
            asks_reason=True,
            hint=gettext_lazy("Surel atau nomor telepon pembeli ditampilkan sekali. Ini tercatat."),
        ),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Order]", search_term: str
    ) -> "tuple[QuerySet[Order], bool]":
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=searching.orders_named(search_term).values("pk")), False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """What names one order leads to its page at once."""
        answer = super().changelist_view(request, extra_context)
        listed = getattr(answer, "context_data", {}).get("cl")
        if listed and set(request.GET) == {"q"} and listed.query and len(listed.result_list) == 1:
            only = listed.result_list[0]
            return HttpResponseRedirect(reverse("admin:orders_order_change", args=[only.pk]))
        return answer

    def change_view(self, request: HttpRequest, object_id: str, *arguments: Any, **more: Any) -> HttpResponse:
        order = self.get_object(request, object_id)
        if order is not None and self.has_view_permission(request, order):
            more["extra_context"] = {
                "dossier": Dossier(order),
                "may_refund": request.user.has_perm("orders.add_refund") and order.state == Order.State.PAID,
            } | (more.get("extra_context") or {})
        return super().change_view(request, object_id, *arguments, **more)

    @admin.display(description=gettext_lazy("jumlah bayar"), ordering="total")
    def price(self, order: Order) -> str:
        """The total in rupiah."""
        return showing.rupiah(order.total)

    @admin.display(description=gettext_lazy("kontak"))
    def contact(self, order: Order) -> str:
        """Masked: the full contact is a step of its own, and leaves a trace."""
        return contacts.mask(order.email or order.phone)
