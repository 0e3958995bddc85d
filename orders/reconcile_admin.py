"""Reconciliation in the staff room: reports are uploaded, and what differs is worked down to nothing."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meterai import states
from meterai.desk import Button, ReadOnly, Refused, Steps, history, person

from . import discrepancies, reconciling
from .models import Discrepancy, Settlement
from .payments.gateway import PaymentError
from .payments.registry import UnknownGateway
from .payments.settlement import Unreadable
from .settlement_words import refusal
from .showing import rupiah

# Of one report's differences so many are shown on its own page; the list has them all.
SHOWN = 200
MOST_BYTES = 10_000_000


class ReportForm(forms.Form):
    """A settlement report as the gateway offers it for download."""

    gateway = forms.ChoiceField(label=gettext_lazy("Gerbang pembayaran"))
    file = forms.FileField(
        label=gettext_lazy("Berkas laporan (CSV)"),
        help_text=gettext_lazy("Seperti diunduh dari gerbang, tanpa diubah. Paling besar 10 MB."),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv"}),
    )
    first_day = forms.DateField(
        label=gettext_lazy("Dari tanggal"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Hari pertama dan terakhir yang dicakup laporan sampai selesai (WIB)."),
    )
    last_day = forms.DateField(
        label=gettext_lazy("Sampai tanggal"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Kosongkan keduanya untuk memakai tanggal baris-barisnya."),
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["gateway"].choices = [(name, name) for name in reconciling.gateways()]  # type: ignore[attr-defined]

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(_("Berkas ini terlalu besar; baca dengan perintah reconcile."))
        return file


@admin.register(Settlement)
class SettlementAdmin(ReadOnly):
    """Reports taken in, each with its totals and what differs."""

    change_form_template = "admin/orders/settlement/change_form.html"
    change_list_template = "admin/orders/settlement/change_list.html"
    list_display = ("name", "gateway", "first_day", "last_day", "taken_in_at", "by")
    list_filter = ("gateway",)
    list_select_related = ("by",)
    fields = ("gateway", "name", "first_day", "last_day", "taken_in_at", "by", "sha256")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("orders.add_settlement")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """A report is taken in: 303 to its result, or the form again with what is wrong and nothing kept."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ReportForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid() and (report := self._taken_in(request, form)):
            return HttpResponseRedirect(reverse("admin:orders_settlement_change", args=[report.pk]), status=303)
        context = self.admin_site.each_context(request) | {
            "form": form,
            "title": _("Baca laporan penyelesaian"),
            "opts": self.opts,
            "max_bytes": MOST_BYTES,
        }
        return render(request, "admin/orders/settlement/upload.html", context, status=422 if form.errors else 200)

    def change_view(self, request: HttpRequest, object_id: str, *arguments: Any, **more: Any) -> HttpResponse:
        report = self.get_object(request, object_id)
        if report is not None and self.has_view_permission(request, report):
            listed = reconciling.of_report(report)
            still = listed.filter(state=Discrepancy.State.OPEN)
            more["extra_context"] = {
                "totals": _totals(report),
                "open": still.count(),
                "closed": listed.count() - still.count(),
                "differences": still.select_related("order")[:SHOWN],
            } | (more.get("extra_context") or {})
        return super().change_view(request, object_id, *arguments, **more)

    def _taken_in(self, request: HttpRequest, form: ReportForm) -> Settlement | None:
        sent = form.cleaned_data
        try:
            report = reconciling.take_in(
                gateway=sent["gateway"],
                file=sent["file"],
                name=sent["file"].name,
                first_day=sent["first_day"],
                last_day=sent["last_day"],
                by=person(request),
                at=timezone.now(),
            )
        except Unreadable as error:
            form.add_error("file", refusal(error))
        except reconciling.AlreadyTakenIn as known:
            form.add_error("file", _("Berkas ini sudah dibaca: %(report)s.") % {"report": known.settlement})
        except reconciling.WrongDays:
            form.add_error("first_day", _("Tanggalnya tidak cocok: berurutan, sampai hari ini, paling lama setahun."))
        except reconciling.NothingTold:
            form.add_error("first_day", _("Laporan ini tidak berisi baris bertanggal; tulis hari yang dicakupnya."))
        except reconciling.TooManyDifferences:
            form.add_error("file", _("Lebih dari %(count)s selisih: ini berkas atau gerbang yang lain.") % _MOST)
        else:
            self.log_addition(request, report, "taken in")
            messages.success(request, _("Laporan dibaca."))
            return report
        return None


_MOST = {"count": reconciling.MOST_DIFFERENCES}


def _totals(report: Settlement) -> list[dict[str, Any]]:
    words = {"payment": _("Uang masuk"), "refund": _("Dikembalikan"), "reversal": _("Ditarik kembali")}
    sums = reconciling.totals(report)
    rows = [{"label": words[kind], "rows": one.rows, "gross": one.gross, "fee": one.fee} for kind, one in sums.items()]
    fees = sum(one.fee for one in sums.values())
    left = sums["payment"].gross - sums["refund"].gross - sums["reversal"].gross - fees
    total = {
        "label": _("Bersih untuk kita"),
        "rows": sum(one.rows for one in sums.values()),
        "gross": left,
        "fee": fees,
    }
    return [*rows, total]


def _closed(request: HttpRequest, listed: Discrepancy, reason: str) -> str:
    try:
        discrepancies.close_discrepancy(discrepancy=listed, resolution=reason, by=person(request), at=timezone.now())
    except (states.MovedMeanwhile, states.NoSuchArrow):
        raise Refused(_("Selisih ini sudah selesai.")) from None
    return _("Selisih ditutup dengan alasan Anda.")


def _asked(request: HttpRequest, listed: Discrepancy, reason: str) -> str:
    try:
        is_closed = reconciling.ask(discrepancy=listed, at=timezone.now())
    except PaymentError as error:
        if error.permanent:
            raise Refused(_("Gerbang pembayaran menolak: pembayaran ini tidak dikenalnya.")) from None
        raise Refused(_("Gerbang pembayaran tidak menjawab. Statusnya tetap; coba lagi nanti.")) from None
    except UnknownGateway:
        raise Refused(_("Gerbang pembayaran ini tidak dipasang lagi.")) from None
    return _("Gerbang menjawab; selisih ini selesai dengan sendirinya.") if is_closed else _("Masih berbeda.")


def _is_open(listed: Discrepancy) -> bool:
    return listed.state == Discrepancy.State.OPEN


class Standing(admin.SimpleListFilter):
    """Open ones first: they are the work."""

    title = gettext_lazy("status")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(Discrepancy.State.CLOSED.value, Discrepancy.State.CLOSED.label), ("semua", gettext_lazy("semua"))]

    def choices(self, changelist: Any) -> Any:
        """Without a choice the open ones are listed."""
        first, *rest = super().choices(changelist)
        yield first | {"display": Discrepancy.State.OPEN.label, "selected": self.value() in (None, "open")}
        yield from rest

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Discrepancy]") -> "QuerySet[Discrepancy]":
        if self.value() == "semua":
            return queryset
        return queryset.filter(state=self.value() or Discrepancy.State.OPEN)


@admin.register(Discrepancy)
class DiscrepancyAdmin(Steps):
    """What does not add up. The aim is that none is open."""

    change_form_template = "admin/orders/discrepancy/change_form.html"
    change_list_template = "admin/orders/discrepancy/change_list.html"
    list_display = ("kind", "order", "should", "turned_out", "off", "opened_at", "state", "closed_by")
    list_filter = (Standing, "kind")
    list_select_related = ("order", "payment", "closed_by")
    search_fields = ("order__code__exact",)
    search_help_text = gettext_lazy("Kode pesanan, ditulis lengkap.")
    ordering = ("opened_at",)
    fields = (
        "kind",
        "subject",
        "state",
        "order",
        "payment",
        "should",
        "turned_out",
        "off",
        "note",
        "opened_at",
        "closed_at",
        "closed_by",
        "resolution",
        "changes",
    )
    readonly_fields = ("should", "turned_out", "off", "changes")
    buttons = (
        Button(
            "tanya",
            gettext_lazy("Cek ke gerbang"),
            "orders.change_payment",
            _asked,
            is_shown=lambda listed: _is_open(listed) and listed.payment_id is not None,
            asks_reason=True,
            hint=gettext_lazy("Gerbang ditanyai sekarang; selisih yang terjelaskan selesai dengan sendirinya."),
        ),
        Button(
            "tutup",
            gettext_lazy("Tutup dengan alasan"),
            "orders.change_discrepancy",
            _closed,
            is_shown=_is_open,
            asks_reason=True,
            leaves_row=True,
            hint=gettext_lazy("Menutup tidak memindahkan uang. Tulis apa yang Anda temukan dan bagaimana selesainya."),
        ),
    )

    @admin.display(description=gettext_lazy("seharusnya"), ordering="expected")
    def should(self, listed: Discrepancy) -> str:
        """What we hold to be right."""
        return "–" if listed.expected is None else rupiah(listed.expected)

    @admin.display(description=gettext_lazy("ternyata"), ordering="found")
    def turned_out(self, listed: Discrepancy) -> str:
        """What was found."""
        return "–" if listed.found is None else rupiah(listed.found)

    @admin.display(description=gettext_lazy("beda"))
    def off(self, listed: Discrepancy) -> str:
        """By how much, with its sign."""
        if listed.found is None or listed.expected is None:
            return "–"
        difference = listed.found - listed.expected
        return ("+" if difference > 0 else "−" if difference < 0 else "") + rupiah(abs(difference))

    @admin.display(description=gettext_lazy("riwayat"))
    def changes(self, listed: Discrepancy) -> SafeString:
        """Who listed it, who closed it, why."""
        return history(listed)
