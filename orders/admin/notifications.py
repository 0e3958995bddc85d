"""What gateways sent: when, about what, and what came of it; the body itself is for who may see contacts."""

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meterai.desk import Button, Steps, history

from ..models import Notification
from ..payments.registry import BUILDERS
from .orders import UNMASK


def _opened(request: HttpRequest, told: Notification, reason: str) -> HttpResponse:
    context = admin.site.each_context(request) | {"title": _("Isi pemberitahuan"), "told": told, "opts": told._meta}
    return render(request, "admin/orders/notification/body.html", context)


@admin.register(Notification)
class NotificationAdmin(Steps):
    """Notifications, newest first."""

    list_display = ("received_at", "gateway", "event", "gateway_reference", "processed_at", "outcome")
    list_filter = ("gateway", "outcome")
    search_fields = ("event__exact",)
    search_help_text = gettext_lazy("Nomor di gerbang atau nomor peristiwa; ditulis lengkap.")
    fields = ("gateway", "event", "gateway_reference", "received_at", "processed_at", "outcome", "changes")
    readonly_fields = ("changes",)
    buttons = (
        Button(
            "isi",
            gettext_lazy("Lihat isi"),
            UNMASK,
            _opened,
            asks_reason=True,
            hint=gettext_lazy("Isi seperti diterima dari gerbang; bisa memuat data pembeli. Ini tercatat."),
        ),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Notification]", search_term: str
    ) -> "tuple[QuerySet[Notification], bool]":
        text = search_term.strip()
        if not text:
            return queryset, False
        # The gateway's name stands first in both indexes.
        named = Q(gateway_reference=text[:80]) | Q(event=text[:120])
        return queryset.filter(named, gateway__in=BUILDERS), False

    @admin.display(description=gettext_lazy("riwayat"))
    def changes(self, told: Notification) -> SafeString:
        """Who opened the body, and why."""
        return history(told)
