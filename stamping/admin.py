"""Documents in the staff admin: looked at, never edited; the steps move them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from .models import Document


@admin.register(Document)
class DocumentAdmin(admin.ModelAdmin):
    """Where a document is on its way, found by order, serial or digest. The file itself is the buyer's."""

    list_display = ["id", "state", "order", "stamp", "attempts", "queued_at", "sealed_at", "failure"]
    list_filter = ["state", "failure"]
    list_select_related = ["order", "stamp"]
    list_per_page = 50
    show_full_result_count = False
    search_fields = ["=order__code", "=stamp__serial__code", "=output_sha256", "=source_sha256"]
    search_help_text = "kode pesanan, nomor seri, SHA-256"
    exclude = ["name"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
