"""Bundles in the staff admin: how far each is, and why files were refused. Names of files are the buyer's."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from meterai.desk import ReadOnly

from .models import Bundle, BundleFile


class Files(admin.TabularInline):  # type: ignore[type-arg]
    """A row a file, without its name."""

    model = BundleFile
    fields = readonly_fields = ("ordinal", "state", "code", "line", "document")
    can_delete = False
    max_num = extra = 0
    verbose_name_plural = _("berkas")


@admin.register(Bundle)
class BundleAdmin(ReadOnly):
    """Found by the order's code."""

    list_display = ["id", "state", "order", "length", "has_list", "created_at", "checked_at", "confirmed_at", "failure"]
    list_filter = ["state", "failure"]
    list_select_related = ["order"]
    search_fields = ["=order__code"]
    search_help_text = _("kode pesanan")
    inlines = [Files]
