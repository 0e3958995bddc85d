"""The staff room of the floor: stock is imported and put on sale here, everything else is read."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Count, F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from . import states, stocking
from .conserving import balances
from .desk import Button, ReadOnly, Refused, Steps, history
from .models import Batch, Extent, Flip, Movement, Outlet, Pooled, Reseller, Serial, Stamp, User

admin.site.site_header = gettext_lazy("Meterai — ruang kerja staf")
admin.site.site_title = gettext_lazy("Meterai")
admin.site.index_title = gettext_lazy("Pekerjaan")
admin.site.index_template = "admin/desk_index.html"


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
        stocking.activate(batch=batch, by=_person(request), at=timezone.now())
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
            by=_person(request),
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


@admin.register(Serial)
class SerialAdmin(ReadOnly):
    """Found by the exact 22 characters."""

    list_display = ("code", "batch", "ordinal")
    list_select_related = ("batch",)
    search_fields = ("code__exact",)
    search_help_text = gettext_lazy("Nomor seri lengkap, 22 huruf besar dan angka.")
    ordering = ("code",)


@admin.register(Stamp)
class StampAdmin(ReadOnly):
    """The life of a serial."""

    list_display = ("serial_id", "state", "batch", "reseller", "changed_at")
    list_filter = ("state",)
    list_select_related = ("batch", "reseller")
    search_fields = ("serial__code__exact",)
    ordering = ("-pk",)


@admin.register(Movement)
class MovementAdmin(ReadOnly):
    """The book of stock: written once."""

    list_display = ("at", "batch", "reseller", "source", "target", "quantity", "reference", "actor", "reason")
    list_filter = ("source", "target")
    list_select_related = ("batch", "reseller")
    search_fields = ("reference__exact", "batch__reference__exact")
    ordering = ("-id",)


@admin.register(Flip)
class FlipAdmin(ReadOnly):
    """Every change of state: written once."""

    list_display = ("at", "noun", "row", "old", "new", "actor", "reason")
    search_fields = ("row__exact",)
    ordering = ("-id",)


@admin.register(Extent)
class ExtentAdmin(ReadOnly):
    """What is available, as ranges."""

    list_display = ("batch", "reseller", "next", "end")
    list_filter = ("reseller",)
    list_select_related = ("batch", "reseller")


@admin.register(Pooled)
class PooledAdmin(ReadOnly):
    """Serials that came back."""

    list_display = ("serial_id", "batch", "reseller", "released_at")
    list_select_related = ("batch", "reseller")


class OutletInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Outlet
    extra = 0


@admin.register(Reseller)
class ResellerAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Who sells and answers for it."""

    list_display = ("name", "code", "is_active", "is_demo", "contact_email")
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    list_filter = ("is_active", "is_demo")
    search_fields = ("name", "code", "legal_name")
    list_per_page = 50
    inlines = (OutletInline,)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # orders and complaints name it: it is switched off instead


@admin.register(Outlet)
class OutletAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Counters."""

    list_display = ("name", "city", "province", "reseller", "is_active")
    list_filter = ("is_active", "reseller")
    list_select_related = ("reseller",)
    search_fields = ("name", "city")
    list_per_page = 50


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
    """Staff, reseller teams and API clients."""

    list_display = ("username", "is_active", "is_staff", "reseller", "last_login")
    list_select_related = ("reseller",)
    list_per_page = 50
    fieldsets = (*(UserAdmin.fieldsets or ()), (gettext_lazy("Reseller"), {"fields": ("reseller",)}))


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):  # admin_view lets nobody else in
        raise PermissionDenied
    return request.user


def _mismatch(what: str) -> str:
    return {
        "empty": _("Berkas ini tidak berisi nomor seri."),
        "count": _("Jumlah baris tidak sama dengan jumlah menurut penerbit. Tidak ada yang diimpor."),
        "sha256": _("SHA-256 berkas tidak sama dengan yang diumumkan penerbit. Tidak ada yang diimpor."),
    }[what]
