"""The book of stock, and where each serial is: read only, and quick however long the book is.

A list of a hundred million rows is never counted, and searched only by what an index finds.
"""

from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import BooleanField, Case, Q, QuerySet, Value, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import chaining
from ..desk import ReadOnly
from ..models import Block, Extent, Flip, Movement, Pooled, Serial, Stamp


class FirstPages(Paginator):  # type: ignore[type-arg]
    """Counts no further than anyone would leaf; what lies beyond is found by searching."""

    MOST = 5_000

    @cached_property
    def count(self) -> int:
        """At most MOST."""
        return int(self.object_list[: self.MOST].count())  # type: ignore[attr-defined]


class InOrder(ChangeList):
    """Sorted one way, whatever the address asks for: no index would serve another."""

    def get_ordering_field(self, field_name: Any) -> None:
        return None


class LongList(ReadOnly):
    """A list that is read from its new end."""

    paginator = FirstPages
    ordering = ("-pk",)
    sortable_by = ()
    # A number beside each filter would count every row.
    show_facets = admin.ShowFacets.NEVER

    def get_changelist(self, request: HttpRequest, **more: Any) -> type[ChangeList]:
        return InOrder


@admin.register(Serial)
class SerialAdmin(LongList):
    """Found by the exact 22 characters."""

    list_display = ("code", "batch", "ordinal")
    list_select_related = ("batch",)
    search_fields = ("code__exact",)
    search_help_text = gettext_lazy("Nomor seri lengkap, 22 huruf besar dan angka.")
    ordering = ("code",)


@admin.register(Stamp)
class StampAdmin(LongList):
    """The life of a serial."""

    list_display = ("serial_id", "state", "batch", "reseller", "changed_at")
    list_filter = ("state",)
    list_select_related = ("batch", "reseller")
    search_fields = ("serial__code__exact",)


class Period(admin.SimpleListFilter):
    """The last days, which lie at the new end of the book. An older day is searched for."""

    title = gettext_lazy("waktu")
    parameter_name = "waktu"
    DAYS = {"hari": 1, "minggu": 7, "bulan": 30}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("hari", _("Hari ini")), ("minggu", _("7 hari terakhir")), ("bulan", _("30 hari terakhir"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Movement]") -> "QuerySet[Movement]":
        days = self.DAYS.get(self.value() or "")
        if days is None:
            return queryset
        today = _midnight(timezone.localdate())
        return queryset.filter(at__gte=today - timedelta(days=days - 1))


class OfBlock(admin.SimpleListFilter):
    """The movements of one block; it shows only when one was chosen, on the block's own page."""

    title = gettext_lazy("blok")
    parameter_name = "blok"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        block = _block(request.GET.get(self.parameter_name))
        return [(str(block.pk), f"{block.batch} / {block.number}")] if block else []

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Movement]") -> "QuerySet[Movement]":
        block = _block(self.value())
        return queryset.filter(pk__in=block.movements) if block else queryset


@admin.register(Movement)
class MovementAdmin(LongList):
    """The book of stock: written once."""

    list_display = ("at", "batch", "reseller", "way", "quantity", "reference", "actor", "reason", "closed")
    list_filter = (Period, OfBlock)
    list_select_related = ("batch", "reseller")
    search_fields = ("reference__exact",)
    search_help_text = gettext_lazy("Rujukan lengkap (misalnya nomor pesanan), atau tanggal: 2026-11-24.")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Movement]":
        last = chaining.newest_block()
        is_closed = Q(pk__lte=last.floor) | Q(transaction__lt=last.horizon, pk__lte=last.newest)
        case = Case(When(is_closed, then=Value(True)), default=Value(False), output_field=BooleanField())
        queryset: QuerySet[Movement] = super().get_queryset(request).annotate(is_closed=case)
        return queryset

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Movement]", search_term: str
    ) -> tuple["QuerySet[Movement]", bool]:
        day = _day(search_term)
        if day is None:
            return super().get_search_results(request, queryset, search_term)
        # By time, not by id: the summary of block ranges finds the day, where the key would walk there row by row.
        found = queryset.filter(at__gte=day, at__lt=day + timedelta(days=1)).order_by("-at", "-pk")
        return found, False

    @admin.display(description=gettext_lazy("dari → ke"))
    def way(self, movement: Movement) -> str:
        """From where to where."""
        return f"{movement.source} → {movement.target}"

    @admin.display(description=gettext_lazy("dalam rantai"), boolean=True)
    def closed(self, movement: Any) -> bool:
        """Whether the chain covers it already."""
        return bool(movement.is_closed)


@admin.register(Block)
class BlockAdmin(LongList):
    """The chain over the book: written once."""

    list_display = ("batch", "number", "at", "count", "length", "short_digest")
    list_select_related = ("batch",)
    search_fields = ("batch__reference__exact",)
    search_help_text = gettext_lazy("Nomor kiriman penerbit, lengkap.")
    fields = ("batch", "number", "at", "digest", "length", "listed")
    readonly_fields = ("listed",)

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Block]", search_term: str
    ) -> tuple["QuerySet[Block]", bool]:
        found, twice = super().get_search_results(request, queryset, search_term)
        return (found.order_by("batch", "-number"), twice) if search_term else (found, twice)

    @admin.display(description=gettext_lazy("mutasi"))
    def count(self, block: Block) -> str:
        """How many movements it closes."""
        return number_format(len(block.movements))

    @admin.display(description="SHA-256")
    def short_digest(self, block: Block) -> str:
        """Enough of it to recognise it."""
        return f"{block.digest[:16]}…"

    @admin.display(description=gettext_lazy("mutasi"))
    def listed(self, block: Block) -> SafeString:
        """A link to its movements."""
        address = f"{reverse('admin:meterai_movement_changelist')}?{OfBlock.parameter_name}={block.pk}"
        return format_html('<a href="{}">{}</a>', address, _("%(count)s mutasi") % {"count": self.count(block)})


@admin.register(Flip)
class FlipAdmin(LongList):
    """Every change of state: written once."""

    list_display = ("at", "noun", "row", "old", "new", "actor", "reason")
    search_fields = ("row__exact",)


@admin.register(Extent)
class ExtentAdmin(ReadOnly):
    """What is available, as ranges."""

    list_display = ("batch", "reseller", "next", "end")
    list_filter = ("reseller",)
    list_select_related = ("batch", "reseller")


@admin.register(Pooled)
class PooledAdmin(LongList):
    """Serials that came back."""

    list_display = ("serial_id", "batch", "reseller", "released_at")
    list_select_related = ("batch", "reseller")


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _day(term: str) -> datetime | None:
    """The beginning of the day that was typed, if it is one."""
    try:
        day = parse_date(term.strip())
    except ValueError:
        return None
    return _midnight(day) if day else None


def _block(key: str | None) -> Block | None:
    return Block.objects.filter(pk=key).first() if key and key.isdigit() else None
