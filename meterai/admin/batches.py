"""Deliveries: imported by one person, put on sale by another."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import states, stocking
from ..conserving import balances
from ..desk import Button, Refused, Steps, history, person
from ..models import Batch, Extent, Pooled


class ImportForm(forms.Form):
    """A delivery of the issuer, with what the issuer announced about it."""

    file = forms.FileField(
        label=gettext_lazy("Berkas CSV"),
        help_text=gettext_lazy("Nomor seri di kolom pertama. Untuk berkas di atas 10 MB pakai perintah import_batch."),
    )
    reference = forms.CharField(label=gettext_lazy("Nomor kiriman penerbit"), max_length=60)
    expected_count = forms.IntegerField(label=gettext_lazy("Jumlah menurut penerbit"), min_value=1, required=False)
    expected_sha256 = forms.RegexField(
        r"^[0-9A-Fa-f]{64}$", label=gettext_lazy("SHA-256 menurut penerbit"), required=False
    )


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
    """Deliveries: imported by one person, put on sale by another."""

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
            path("impor/", self.admin_site.admin_view(self.take_in), name="meterai_batch_import"),
            path("neraca/", self.admin_site.admin_view(self.balance), name="meterai_batch_balance"),
        ]
        return [*own, *super().get_urls()]

    def take_in(self, request: HttpRequest) -> HttpResponse:
        """The import page: 303 to the batch, or the form again with every line that was refused."""
        if not request.user.has_perm("meterai.add_batch"):
            raise PermissionDenied
        form = ImportForm(request.POST or None, request.FILES or None)
        refused: list[stocking.RefusedLine] = []
        if request.method == "POST" and form.is_valid():
            try:
                return self._imported(request, form)
            except stocking.DeliveryRefused as refusal:
                refused = refusal.lines
                form.add_error("file", _("Tidak ada yang diimpor: perbaiki baris-baris di bawah, lalu unggah lagi."))
            except stocking.Mismatch as mismatch:
                form.add_error(None, _mismatch(str(mismatch)))
            except stocking.AlreadyImported:
                form.add_error("reference", _("Kiriman dengan nomor ini sudah pernah diimpor."))
        context = self.admin_site.each_context(request) | {
            "form": form,
            "refused": refused,
            "title": _("Impor gelombang stok"),
            "opts": self.opts,
            "most": stocking.REPORT_LINES,
        }
        return render(request, "admin/meterai/batch/import.html", context, status=422 if form.errors else 200)

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

    def _imported(self, request: HttpRequest, form: ImportForm) -> HttpResponse:
        sent = form.cleaned_data
        batch = stocking.take_in(
            delivery=sent["file"].file,
            reference=sent["reference"],
            by=person(request),
            at=timezone.now(),
            expected_count=sent["expected_count"],
            expected_sha256=sent["expected_sha256"],
        )
        messages.success(
            request,
            _("%(count)s nomor seri diimpor. Orang kedua perlu mengaktifkannya.") % {"count": batch.count},
        )
        return HttpResponseRedirect(reverse("admin:meterai_batch_change", args=[batch.pk]), status=303)

    buttons = (
        Button(
            "aktifkan",
            gettext_lazy("Aktifkan"),
            "meterai.change_batch",
            _activate,
            is_shown=lambda batch: batch.state == Batch.State.DRAFT,
        ),
    )


def _mismatch(what: str) -> str:
    return {
        "empty": _("Berkas ini tidak berisi nomor seri."),
        "count": _("Jumlah baris tidak sama dengan jumlah menurut penerbit. Tidak ada yang diimpor."),
        "sha256": _("SHA-256 berkas tidak sama dengan yang diumumkan penerbit. Tidak ada yang diimpor."),
    }[what]
