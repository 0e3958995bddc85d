"""Batches: imported by one person (see `deliveries`), put on sale by another."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import RedirectView

from .. import states, stocking
from ..desk import Button, Refused, Steps, history, person
from ..models import Batch, Extent, Pooled
from . import balance


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
            path("neraca/", self.admin_site.admin_view(balance.balance), name="meterai_batch_balance"),
        ]
        return [*own, *super().get_urls()]

    buttons = (
        Button(
            "aktifkan",
            gettext_lazy("Aktifkan"),
            "meterai.change_batch",
            _activate,
            is_shown=lambda batch: batch.state == Batch.State.DRAFT,
        ),
    )
