"""What the watch over the stock has seen: read only."""

from django.contrib import admin
from django.utils.formats import number_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import watching
from ..desk import ReadOnly
from ..models import LowStock, StockCheck

PLACES = {
    "imported": gettext_lazy("Diimpor"),
    "draft": gettext_lazy("Belum dijual"),
    "extents": gettext_lazy("Rentang"),
    "pool": gettext_lazy("Kembali"),
    "reserved": gettext_lazy("Dipesan"),
    "sold": gettext_lazy("Terjual"),
    "affixed": gettext_lazy("Terbubuhkan"),
    "refunded": gettext_lazy("Dikembalikan"),
    "void": gettext_lazy("Batal"),
}


@admin.register(StockCheck)
class StockCheckAdmin(ReadOnly):
    """Where all serials were, minute by minute, and for older days hour by hour."""

    list_display = ("at", "difference", "imported", "available", "reserved")
    fields = ("at", "took", "difference", "places", "wrong", "sellers")
    readonly_fields = ("took", "places", "wrong", "sellers")
    ordering = ("-at",)

    @admin.display(description=gettext_lazy("diimpor"))
    def imported(self, check: StockCheck) -> str:
        """Serials ever imported, in all batches."""
        return number_format(check.balances["sums"]["imported"])

    @admin.display(description=gettext_lazy("sisa"))
    def available(self, check: StockCheck) -> str:
        """What all sellers together could still sell."""
        return number_format(check.balances["sums"]["extents"] + check.balances["sums"]["pool"])

    @admin.display(description=gettext_lazy("dipesan"))
    def reserved(self, check: StockCheck) -> str:
        """Reserved and not paid yet."""
        return number_format(check.balances["sums"]["reserved"])

    @admin.display(description=gettext_lazy("lama menghitung"))
    def took(self, check: StockCheck) -> str:
        """How long counting every serial took."""
        return _("%(seconds)s detik") % {"seconds": number_format(check.seconds, decimal_pos=2)}

    @admin.display(description=gettext_lazy("neraca"))
    def places(self, check: StockCheck) -> SafeString:
        """The conservation sum over all batches."""
        sums = check.balances["sums"]
        return _lines(*((str(words), number_format(sums[place])) for place, words in PLACES.items()))

    @admin.display(description=gettext_lazy("tidak cocok"))
    def wrong(self, check: StockCheck) -> SafeString:
        """The batches that did not balance, and by how many serials."""
        return _lines(*((row["batch"], number_format(row["difference"])) for row in check.balances["wrong"]))

    @admin.display(description=gettext_lazy("perkiraan"))
    def sellers(self, check: StockCheck) -> SafeString:
        """What each seller had left, and for how long."""
        seen = watching.sellers(check)
        rows = ((one.name or _("Toko resmi"), f"{number_format(one.available)} ({one.in_words()})") for one in seen)
        return _lines(*rows)


@admin.register(LowStock)
class LowStockAdmin(ReadOnly):
    """Who ran low, when, and when the stock was well above the threshold again."""

    list_display = ("began_at", "seller", "level", "threshold", "ended_at")
    list_filter = ("reseller",)
    list_select_related = ("reseller",)
    ordering = ("-began_at",)

    @admin.display(description=gettext_lazy("penjual"))
    def seller(self, row: LowStock) -> str:
        """The official shop, or a reseller."""
        return row.reseller.name if row.reseller else _("Toko resmi")


def _lines(*pairs: tuple[str, str]) -> SafeString:
    return format_html_join("", "<div>{}: {}</div>", pairs)
