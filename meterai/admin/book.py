"""The book of stock, and where each serial is: read only."""

from django.contrib import admin
from django.utils.translation import gettext_lazy

from ..desk import ReadOnly
from ..models import Extent, Flip, Movement, Pooled, Serial, Stamp


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
