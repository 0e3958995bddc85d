"""Who sells beside the official shop."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from ..models import Outlet, Reseller


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
