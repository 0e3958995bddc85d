"""Documents in the staff admin: looked at, never edited; the steps move them."""

from django.contrib import admin

from meterai.desk import ReadOnly

from . import bundle_admin
from .models import Document

__all__ = ["DocumentAdmin", "bundle_admin"]


@admin.register(Document)
class DocumentAdmin(ReadOnly):
    """Where a document is on its way, found by order, serial or digest. The file itself is the buyer's."""

    list_display = ["id", "state", "order", "stamp", "attempts", "queued_at", "sealed_at", "failure"]
    list_filter = ["state", "failure"]
    list_select_related = ["order", "stamp"]
    search_fields = ["=order__code", "=stamp__serial__code", "=output_sha256", "=source_sha256"]
    search_help_text = "kode pesanan, nomor seri, SHA-256"
    exclude = ["name"]
