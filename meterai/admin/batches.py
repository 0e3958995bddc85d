"""Batches: imported by one person (see `deliveries`), put on sale by another."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import RedirectView

from .. import states, stocking
from ..conserving import balances
from ..desk import Button, Refused, Steps, history, person
from ..models import Batch, Extent, Pooled


def _activate(request: HttpRequest, batch: Batch) -> str:
    try:
        stocking.activate(batch=batch, by=person(request), at=timezone.now())
    except stocking.SamePerson:
        raise Refused(
            _("Yang mengimpor tidak boleh mengaktifkan. Minta orang kedua memeriksa dan mengaktifkan.")
        ) from None
    except (states.NoSuchArrow, states.MovedMeanwhile):
        raise Refused(_("Gelombang ini tidak menunggu diaktifkan lagi.")) from None
    return _("Gelombang ini sekarang dijual.")


@admin.register(Batch)
class BatchAdmin(Steps):
    """Batches: imported by one person, put on sale by another."""

    change_form_template = "admin/meterai/batch/change_form.html"
    change_list_template = "admin/meterai/batch/change_list.html"
    list_display = ("reference", "state", "count", "left", "imported_at", "imported_by", "activated_by")
    list_filter = ("state",)
    list_select_related = ("imported_by", "activated_by")
    search_fields = ("reference",)
    readonly_fields = ("changes",)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Batch]":
        ranges = Extent.objects.filter(batch=OuterRef("pk")).values("batch").annotate(n=Sum(F("end") - F("next")))
        pooled = Pooled.objects.filter(batch=OuterRef("pk")).values("batch").annotate(n=Count("pk"))
        sums = {
            "in_extents": Coalesce(Subquery(ranges.values("n")), 0),
            "in_pool": Coalesce(Subquery(pooled.values("n")), 0),
        }
        queryset: QuerySet[Batch] = super().get_queryset(request).annotate(**sums)
        return queryset

    @admin.display(description=gettext_lazy("belum terjual"))
    def left(self, batch: Any) -> str:
        """What of the delivery is still for sale."""
        waiting = batch.count if batch.state == Batch.State.DRAFT else batch.in_extents + batch.in_pool
        return f"{number_format(waiting)} ({100 * waiting // batch.count} %)"

    @admin.display(description=gettext_lazy("riwayat"))
    def changes(self, batch: Batch) -> str:
        """Who imported and who activated."""
        return history(batch)

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "impor/", RedirectView.as_view(pattern_name="admin:meterai_delivery_add"), name="meterai_batch_import"
            ),
            path("neraca/", self.admin_site.admin_view(self.balance), name="meterai_batch_balance"),
        ]
        return [*own, *super().get_urls()]

    def balance(self, request: HttpRequest) -> HttpResponse:
        """Conservation: where every serial of every batch is."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = balances()
        context = self.admin_site.each_context(request) | {
            "rows": rows,
            "lost": sum(abs(row.difference) for row in rows),
            "title": _("Neraca stok"),
            "opts": self.opts,
        }
        return render(request, "admin/meterai/batch/balance.html", context)

    buttons = (
        Button(
            "aktifkan",
            gettext_lazy("Aktifkan"),
            "meterai.change_batch",
            _activate,
            is_shown=lambda batch: batch.state == Batch.State.DRAFT,
        ),
    )
