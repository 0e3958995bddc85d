"""Who sells beside the official shop, and how unsold stock comes back from there."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import leasing
from ..conserving import available
from ..desk import person
from ..models import Outlet, Reseller
from .deposits import rupiah


class ReturnForm(forms.Form):
    """How much of a reseller's unsold stock comes back, and why."""

    quantity = forms.IntegerField(label=gettext_lazy("Jumlah keping"), min_value=1)
    reason = forms.CharField(label=gettext_lazy("Alasan"), max_length=200)


class OutletInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Outlet
    extra = 0


@admin.register(Reseller)
class ResellerAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Who sells and answers for it."""

    change_form_template = "admin/meterai/reseller/change_form.html"
    list_display = ("name", "code", "is_active", "is_demo", "contact_email")
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    list_filter = ("is_active", "is_demo")
    search_fields = ("name", "code", "legal_name")
    list_per_page = 50
    inlines = (OutletInline,)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # orders and complaints name it: it is switched off instead

    def get_urls(self) -> list[URLPattern]:
        back = self.admin_site.admin_view(self.take_back)
        return [path("<int:pk>/kembalikan/", back, name="meterai_reseller_return"), *super().get_urls()]

    def take_back(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Unsold stock comes back to the official shop: 303 to the reseller, or the form again with what is wrong."""
        reseller = get_object_or_404(Reseller, pk=pk)
        if not (request.user.has_perm("meterai.lease_stock") and self.has_view_permission(request, reseller)):
            raise PermissionDenied
        form = ReturnForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                return self._taken_back(request, reseller, form.cleaned_data)
            except leasing.NotEnough:
                form.add_error("quantity", _("Reseller ini tidak punya sebanyak itu yang belum terjual."))
        context = self.admin_site.each_context(request) | {
            "form": form,
            "title": _("Kembalikan stok dari %(reseller)s") % {"reseller": reseller},
            "opts": self.opts,
            "reseller": reseller,
            "unsold": available(reseller_id=reseller.pk),
        }
        return render(request, "admin/meterai/reseller/return.html", context, status=422 if form.errors else 200)

    def _taken_back(self, request: HttpRequest, reseller: Reseller, sent: dict[str, Any]) -> HttpResponse:
        credited = leasing.take_back(reseller=reseller, **sent, by=person(request), at=timezone.now())
        self.log_change(request, reseller, f"took back {sent['quantity']}")
        done = _("%(count)s keping kembali ke toko resmi; %(amount)s kembali ke setoran.")
        figures = {"count": number_format(sent["quantity"]), "amount": rupiah(credited)}
        messages.success(request, done % figures)
        return HttpResponseRedirect(reverse("admin:meterai_reseller_change", args=[reseller.pk]), status=303)


@admin.register(Outlet)
class OutletAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Counters."""

    list_display = ("name", "city", "province", "reseller", "is_active")
    list_filter = ("is_active", "reseller")
    list_select_related = ("reseller",)
    search_fields = ("name", "city")
    list_per_page = 50
