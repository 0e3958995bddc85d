"""The staff room of the shop: orders and money are read; only a step moves them."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meterai.desk import Button, ReadOnly, Refused, Steps, history

from . import (
    contacts,
    finding,
    paying,
    recall_admin,  # noqa: F401  # registers its page
    showing,
)
from .models import Line, Notice, Notification, Order, Payment, Refund
from .payments.gateway import PaymentError


class Shown(admin.TabularInline):  # type: ignore[type-arg]
    """Rows of an order, read only."""

    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LineInline(Shown):
    model = Line
    fields = readonly_fields = ("serial_id", "released_at")  # type: ignore[assignment]

    @admin.display(description=gettext_lazy("nomor seri"))
    def serial_id(self, line: Line) -> str:
        """The serial alone: a link a line would be a query a line."""
        return str(line.serial_id)


class PaymentInline(Shown):
    model = Payment
    fields = readonly_fields = (
        "gateway",
        "method",
        "state",
        "amount",
        "gateway_reference",
        "created_at",
        "paid_at",
    )


def _asked(request: HttpRequest, order: Order) -> str:
    try:
        paying.check_order(order=order, at=timezone.now())
    except PaymentError:
        raise Refused(_("Gerbang pembayaran tidak menjawab. Statusnya tetap; coba lagi nanti.")) from None
    order.refresh_from_db()
    return _("Sudah ditanyakan ke gerbang. Status pesanan: %(state)s.") % {"state": order.get_state_display()}


def _asked_about(request: HttpRequest, payment: Payment) -> str:
    return _asked(request, payment.order)


def _sent(request: HttpRequest, order: Order) -> str:
    _check_mail(order)
    finding.resend_link(order=order, at=timezone.now())
    return _("Tautan dikirim ke surel pembeli.")


def _revoked(request: HttpRequest, order: Order) -> str:
    finding.revoke_links(order=order, at=timezone.now(), actor=request.user.get_username(), reason="by staff")
    return _("Semua tautan lama dicabut; yang baru dikirim bila ada surel.")


def _check_mail(order: Order) -> None:
    if not order.email:
        raise Refused(_("Pesanan ini tidak mencatat surel."))


@admin.register(Order)
class OrderAdmin(Steps):
    """One search box for anything that names an order."""

    list_display = ("code", "state", "quantity", "price", "contact", "reseller", "created_at", "paid_at")
    list_filter = ("state", "reseller", "created_at")
    list_select_related = ("reseller",)
    search_fields = ("code",)
    search_help_text = gettext_lazy(
        "Kode pesanan, surel, nomor telepon, nomor seri, atau nomor di gerbang; ditulis lengkap."
    )
    readonly_fields = ("changes",)
    inlines = (PaymentInline, LineInline)
    buttons = (
        Button("cek", gettext_lazy("Cek ke gerbang"), "orders.change_payment", _asked),
        Button("kirim-tautan", gettext_lazy("Kirim ulang tautan"), "orders.change_order", _sent),
        Button("cabut-tautan", gettext_lazy("Cabut tautan lama"), "orders.change_order", _revoked),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Order]", search_term: str
    ) -> "tuple[QuerySet[Order], bool]":
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=finding.search(search_term).values("pk")), False

    @admin.display(description=gettext_lazy("jumlah bayar"), ordering="total")
    def price(self, order: Order) -> str:
        """The total in rupiah."""
        return showing.rupiah(order.total)

    @admin.display(description=gettext_lazy("kontak"))
    def contact(self, order: Order) -> str:
        """Masked: the full contact is on the order's own page."""
        return contacts.mask(order.email or order.phone)

    @admin.display(description=gettext_lazy("riwayat"))
    def changes(self, order: Order) -> str:
        """Every change of the order and its payments."""
        return history(order, *order.payments.all())


@admin.register(Payment)
class PaymentAdmin(Steps):
    """Money asked for."""

    list_display = (
        "order",
        "gateway",
        "method",
        "state",
        "amount",
        "gateway_reference",
        "created_at",
        "asked_at",
    )
    list_filter = ("state", "gateway", "method")
    list_select_related = ("order",)
    search_fields = ("gateway_reference__exact", "order__code__exact")
    readonly_fields = ("changes",)
    buttons = (
        Button(
            "cek",
            gettext_lazy("Cek ke gerbang"),
            "orders.change_payment",
            _asked_about,
            is_shown=lambda payment: payment.state not in (Payment.State.REFUNDED, Payment.State.REVERSED),
        ),
    )

    @admin.display(description=gettext_lazy("riwayat"))
    def changes(self, payment: Payment) -> str:
        """Every change of the payment."""
        return history(payment)


@admin.register(Notification)
class NotificationAdmin(ReadOnly):
    """What gateways sent."""

    list_display = ("received_at", "gateway", "event", "gateway_reference", "processed_at", "outcome")
    list_filter = ("gateway", "outcome")
    search_fields = ("gateway_reference__exact", "event__exact")


@admin.register(Refund)
class RefundAdmin(ReadOnly):
    """Money on its way back."""

    list_display = ("payment", "state", "reason", "amount", "requested_at", "done_at", "attempts")
    list_filter = ("state", "reason")
    list_select_related = ("payment",)
    search_fields = ("payment__order__code__exact", "payment__gateway_reference__exact")


@admin.register(Notice)
class NoticeAdmin(ReadOnly):
    """E-mail left to be sent. The secret link in its context is not shown."""

    list_display = ("event", "template", "to", "language", "created_at", "attempts", "sent_at")
    list_filter = ("template", "language")
    search_fields = ("event__exact", "address__exact")
    exclude = ("context",)

    @admin.display(description=gettext_lazy("kepada"))
    def to(self, notice: Notice) -> str:
        """Masked."""
        return contacts.mask(notice.address)
