"""Payments: money asked for, what came of it, and whom to ask."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meterai.desk import Button, Refused, Steps, history
from meterai.states import MovedMeanwhile

from .. import paying, showing
from ..models import Payment
from ..payments.gateway import PaymentError
from ..payments.registry import UnknownGateway
from . import searching


def _asked(request: HttpRequest, payment: Payment, reason: str) -> str:
    if not payment.gateway_reference:
        raise Refused(_("Pembayaran ini belum dikenal gerbang."))
    return _tried(payment, paying.check)


def _started(request: HttpRequest, payment: Payment, reason: str) -> str:
    if payment.state != Payment.State.STARTED:
        raise Refused(_("Pembayaran ini sudah dimulai."))
    return _tried(payment, paying.start)


def _tried(payment: Payment, step: Any) -> str:
    try:
        step(payment=payment, at=timezone.now())
    except PaymentError as error:
        if error.permanent:
            raise Refused(_("Gerbang pembayaran menolak: pembayaran ini tidak dikenalnya.")) from None
        raise Refused(_("Gerbang pembayaran tidak menjawab. Statusnya tetap; coba lagi nanti.")) from None
    except UnknownGateway:
        raise Refused(_("Gerbang pembayaran ini tidak dipasang lagi.")) from None
    except MovedMeanwhile:
        raise Refused(_("Pembayaran ini baru saja dikerjakan. Lihat statusnya sekarang.")) from None
    payment.refresh_from_db()
    return _("Sudah ditanyakan ke gerbang. Status pembayaran: %(state)s.") % {"state": payment.get_state_display()}


@admin.register(Payment)
class PaymentAdmin(Steps):
    """Money asked for."""

    change_form_template = "admin/orders/payment/change_form.html"
    list_display = (
        "order",
        "gateway",
        "method",
        "state",
        "money",
        "came",
        "gateway_reference",
        "created_at",
        "asked_at",
    )
    list_filter = ("state", "gateway", "method")
    # Newest first by an index; the time of making has none, and the key is random.
    ordering = ("-order_id",)
    list_select_related = ("order",)
    search_fields = ("gateway_reference__exact",)
    search_help_text = gettext_lazy(
        "Apa pun yang menyebut pesanannya, nomor pembayaran, atau nomor di gerbang; lengkap."
    )
    fields = (
        "number",
        "order",
        "gateway",
        "method",
        "state",
        "money",
        "came",
        "back",
        "gateway_reference",
        "created_at",
        "expires_at",
        "paid_at",
        "asked_at",
        "changes",
    )
    readonly_fields = ("number", "money", "came", "back", "changes")
    buttons = (
        Button(
            "cek",
            gettext_lazy("Cek ke gerbang"),
            "orders.change_payment",
            _asked,
            is_shown=lambda payment: bool(payment.gateway_reference),
            asks_reason=True,
            hint=gettext_lazy("Gerbang ditanyai sekarang, dan jawabannya diterapkan. Aman diulang."),
        ),
        Button(
            "mulai-lagi",
            gettext_lazy("Mulai lagi"),
            "orders.change_payment",
            _started,
            is_shown=lambda payment: payment.state == Payment.State.STARTED,
            asks_reason=True,
            hint=gettext_lazy(
                "Gerbang diminta lagi menagih pembayaran ini. Nomornya sama, jadi tidak pernah dua kali."
            ),
        ),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Payment]", search_term: str
    ) -> "tuple[QuerySet[Payment], bool]":
        if not search_term.strip():
            return queryset, False
        return queryset.filter(order__in=searching.orders_named(search_term).values("pk")), False

    def change_view(self, request: HttpRequest, object_id: str, *arguments: Any, **more: Any) -> HttpResponse:
        payment = self.get_object(request, object_id)
        is_held = payment is not None and payment.state == Payment.State.HELD
        may_return = is_held and request.user.has_perm("orders.add_refund")
        more["extra_context"] = {"may_return": may_return} | (more.get("extra_context") or {})
        return super().change_view(request, object_id, *arguments, **more)

    @admin.display(description=gettext_lazy("nomor pembayaran"))
    def number(self, payment: Payment) -> str:
        """Our reference at the gateway."""
        return str(payment.pk)

    @admin.display(description=gettext_lazy("jumlah"), ordering="amount")
    def money(self, payment: Payment) -> str:
        """What was asked for, in rupiah."""
        return showing.rupiah(payment.amount)

    @admin.display(description=gettext_lazy("uang masuk"), ordering="received")
    def came(self, payment: Payment) -> str:
        """What came in all, in rupiah."""
        return showing.rupiah(payment.received)

    @admin.display(description=gettext_lazy("uang kembali"), ordering="refunded")
    def back(self, payment: Payment) -> str:
        """What went back or is to, in rupiah."""
        return showing.rupiah(payment.refunded)

    @admin.display(description=gettext_lazy("riwayat"))
    def changes(self, payment: Payment) -> SafeString:
        """Every change of the payment."""
        return history(payment)
