"""Statements of our bank account in the staff room: uploaded, and what came of each."""

from contextlib import suppress
from typing import Any

from celery import current_app
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from kombu.exceptions import OperationalError

from meterai.desk import ReadOnly, person

from . import bankbook, gates, statements
from .models import BankEntry, BankStatement
from .payments.transfer.client import TransferGateway
from .payments.transfer.statement import Unreadable
from .showing import rupiah

# Why a file was refused whole, and why a line was.
FILE_SENTENCES = {
    "heading": gettext_lazy("Judul kolomnya tidak dikenal. Unduh mutasi dalam bentuk CSV, jangan diubah."),
    "line": gettext_lazy("Ada baris yang jauh lebih panjang daripada mutasi mana pun."),
    "quotes": gettext_lazy("Tanda kutip di dalam berkas tidak tertutup. Unduh ulang berkasnya dari bank."),
    "empty": gettext_lazy("Berkas ini tidak berisi mutasi."),
    "refused": gettext_lazy("Terlalu banyak baris yang tidak dimengerti. Apakah ini mutasi rekening?"),
    "large": gettext_lazy("Berkas ini terlalu besar. Unduh mutasi untuk waktu yang lebih pendek."),
}
LINE_SENTENCES = {
    "columns": gettext_lazy("Kolomnya kurang."),
    "date": gettext_lazy("Tanggalnya tidak terbaca."),
    "pending": gettext_lazy("Belum dibukukan bank. Unggah lagi besok, baris ini akan terbaca."),
    "future": gettext_lazy("Tanggalnya di masa depan."),
    "amount": gettext_lazy("Jumlahnya tidak terbaca."),
    "sen": gettext_lazy("Jumlahnya bukan rupiah utuh, misalnya bunga."),
    "side": gettext_lazy("Tidak jelas uang masuk atau keluar."),
}


class UploadForm(forms.Form):
    """A statement as the bank gives it."""

    file = forms.FileField(
        label=gettext_lazy("Berkas CSV dari bank"), widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv"})
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        figures = {"most": number_format(statements.MOST_BYTES // 1_000_000)}
        too_big = _("Berkas lebih besar dari %(most)s MB. Unduh mutasi untuk waktu yang lebih pendek.") % figures
        self.fields["file"].widget.attrs |= {"data-max-bytes": statements.MOST_BYTES, "data-too-big": too_big}
        self.fields["file"].help_text = (
            _("Paling besar %(most)s MB. Mutasi yang tumpang tindih boleh diunggah; tidak ada yang terhitung dua kali.")
            % figures
        )


@admin.register(BankStatement)
class BankStatementAdmin(ReadOnly):
    """Files of the bank that were read."""

    change_list_template = "admin/orders/statement/change_list.html"
    change_form_template = "admin/orders/statement/change_form.html"
    list_display = ("uploaded_at", "bank", "new_credits", "known_credits", "refused", "waiting")
    list_filter = ("bank",)
    fields = ("bank", "layout", "name", "uploaded_by", "uploaded_at", "new_credits", "known_credits", "debits")

    @admin.display(description=gettext_lazy("baris ditolak"))
    def refused(self, statement: BankStatement) -> int:
        """How many lines were not understood."""
        return len(statement.refused_lines)

    @admin.display(description=gettext_lazy("perlu diputuskan"))
    def waiting(self, statement: BankStatement) -> int:
        """Entries that wait for a person."""
        return statement.entries.filter(state=BankEntry.State.UNMATCHED).count()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("orders.add_bankstatement") and bankbook.GATEWAY in settings.GATEWAY_SETTINGS

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """The upload page: 303 to the statement's own page, or the form again with what is wrong."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
        account = _account()
        if form.is_valid() and (statement := self._taken_in(request, form, account)):
            return HttpResponseRedirect(reverse("admin:orders_bankstatement_change", args=[statement.pk]), status=303)
        context = self.admin_site.each_context(request) | {
            "form": form,
            "title": _("Unggah mutasi rekening"),
            "opts": self.opts,
            "account": account,
        }
        return render(request, "admin/orders/statement/upload.html", context, status=422 if form.errors else 200)

    def change_view(self, request: HttpRequest, object_id: str, *arguments: Any, **more: Any) -> HttpResponse:
        statement = self.get_object(request, object_id)
        if isinstance(statement, BankStatement):
            more["extra_context"] = (more.get("extra_context") or {}) | _outcome(statement)
        return super().change_view(request, object_id, *arguments, **more)

    def _taken_in(self, request: HttpRequest, form: UploadForm, account: str) -> BankStatement | None:
        sent = form.cleaned_data["file"]
        try:
            statement = statements.take_in(
                file=sent.file, account=account, name=sent.name, by=person(request), at=timezone.now()
            )
        except statements.AlreadyRead as known:
            messages.info(request, _("Berkas ini sudah pernah dibaca. Tidak ada yang ditambahkan."))
            return known.statement
        except statements.OtherLayout:
            form.add_error(
                "file",
                _(
                    "Hari-hari ini sudah dibaca dari berkas dengan bentuk lain, sehingga transfer yang sama tidak"
                    " dapat dikenali. Unduh mutasi dalam bentuk yang sama seperti sebelumnya."
                ),
            )
        except Unreadable as trouble:
            form.add_error("file", str(FILE_SENTENCES[trouble.code]))
        else:
            self.log_addition(request, statement, "uploaded")
            _ring()
            return statement
        return None


def _account() -> str:
    gateway = gates.gate(bankbook.GATEWAY)
    if not isinstance(gateway, TransferGateway):
        raise TypeError("the gateway named transfer is another one")
    return gateway.account


def _outcome(statement: BankStatement) -> dict[str, Any]:
    """What the statement's page says of its entries and its refused lines."""
    counted = statement.entries.values("state").annotate(count=Count("pk"), amount=Sum("amount"))
    found = {row["state"]: row for row in counted}
    shown = [
        {
            "state": state,
            "label": state.label,
            "count": found[state]["count"],
            "amount": rupiah(found[state]["amount"]),
        }
        for state in BankEntry.State
        if state in found
    ]
    refused = [{"line": line, "why": LINE_SENTENCES.get(code, code)} for line, code in statement.refused_lines]
    return {"outcome": shown, "refused_lines": refused, "is_matching": BankEntry.State.NEW in found}


def _ring() -> None:
    """Wake a worker. Without a broker it wakes by itself, some seconds later: the row is the queue."""
    with suppress(OperationalError):
        current_app.send_task("orders.tasks.match_transfers", retry=False)
