"""Staff, reseller teams and API clients."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.utils.translation import gettext_lazy

from ..models import User


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
    """Staff, reseller teams and API clients."""

    list_display = ("username", "is_active", "is_staff", "reseller", "last_login")
    list_select_related = ("reseller",)
    list_per_page = 50
    fieldsets = (*(UserAdmin.fieldsets or ()), (gettext_lazy("Reseller"), {"fields": ("reseller",)}))
