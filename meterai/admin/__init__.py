"""The staff room of the floor: stock is imported, leased and withdrawn here; everything else is read."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from . import batches, book, deliveries, deposits, people, recalls, resellers, watch

__all__ = ["batches", "book", "deliveries", "deposits", "people", "recalls", "resellers", "watch"]

admin.site.site_header = _("Meterai — ruang kerja staf")
admin.site.site_title = _("Meterai")
admin.site.index_title = _("Pekerjaan")
admin.site.index_template = "admin/desk_index.html"
