"""Letters to buyers: sent, waiting, given up."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meterai.desk import Button, Refused, Steps, history

from .. import contacts, noticing
from ..models import Notice


class Sending(admin.SimpleListFilter):
    """How far a letter is."""

    title = gettext_lazy("pengiriman")
    parameter_name = "kirim"
    _CHOICES: dict[str, tuple[Any, dict[str, Any]]] = {
        "terkirim": (gettext_lazy("terkirim"), {"sent_at__isnull": False}),
        "menunggu": (gettext_lazy("menunggu"), {"sent_at": None, "next_try_at__isnull": False}),
        "berhenti": (gettext_lazy("tidak dicoba lagi"), {"sent_at": None, "next_try_at": None}),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, label) for name, (label, _rows) in self._CHOICES.items()]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Notice]") -> "QuerySet[Notice]":
        _label, rows = self._CHOICES.get(self.value() or "", ("", {}))
        return queryset.filter(**rows)


def _again(request: HttpRequest, notice: Notice, reason: str) -> str:
    if not noticing.try_again(notice=notice, at=timezone.now()):
        raise Refused(_("Surat ini sudah terkirim."))
    return _("Surat ini dikirim lagi dalam beberapa detik.")


@admin.register(Notice)
class NoticeAdmin(Steps):
    """Letters left to be sent. The secret link in their context is not shown."""

    list_display = ("event", "template", "channel", "to", "language", "created_at", "attempts", "sent_at")
    list_filter = (Sending, "template", "channel", "language")
    search_fields = ("event__exact",)
    search_help_text = gettext_lazy("Nama peristiwa, ditulis lengkap. Surat sebuah pesanan ada di halaman pesanannya.")
    fields = ("event", "template", "channel", "to", "language", "created_at", "attempts", "sent_at", "changes")
    readonly_fields = ("to", "changes")
    buttons = (
        Button(
            "kirim-lagi",
            gettext_lazy("Kirim lagi"),
            "orders.change_notice",
            _again,
            is_shown=lambda notice: notice.sent_at is None,
            asks_reason=True,
            hint=gettext_lazy("Surat yang belum terkirim dicoba lagi dari awal."),
        ),
    )

    @admin.display(description=gettext_lazy("kepada"))
    def to(self, notice: Notice) -> str:
        """Masked."""
        return contacts.mask(notice.address)

    @admin.display(description=gettext_lazy("riwayat"))
    def changes(self, notice: Notice) -> SafeString:
        """Who sent it again, and why."""
        return history(notice)
