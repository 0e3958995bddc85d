"""Deposits: recorded by one person, decided by another; a confirmed one covers leases."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import depositing, leasing, states
from ..desk import Button, Refused, Steps, history, person
from ..models import Deposit, Movement, Reseller
from ..taking import SoldOut

# Of one deposit's lines in the book so many are shown: more than anybody reads.
SHOWN_LINES = 200


def rupiah(amount: int) -> str:
    """Rp20.000"""
    return f"Rp{number_format(amount, force_grouping=True)}"


class DepositForm(forms.Form):
    """What arrived on the account."""

    reseller = forms.ModelChoiceField(Reseller.objects.all(), label=gettext_lazy("Reseller"))
    reference = forms.CharField(
        label=gettext_lazy("Rujukan setoran"),
        max_length=60,
        help_text=gettext_lazy("Nomor transaksi bank, seperti di rekening koran."),
    )
    amount = forms.IntegerField(
        label=gettext_lazy("Jumlah (rupiah)"),
        min_value=1,
        max_value=2**63 - 1,
        help_text=gettext_lazy("Tanpa titik: 2000000"),
    )


class LeaseForm(forms.Form):
    """How much stock a reseller gets on its deposit."""

    quantity = forms.IntegerField(label=gettext_lazy("Jumlah keping"), min_value=1)

    def __init__(self, *arguments: Any, most: int, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["quantity"].widget.attrs["max"] = most
        self.fields["quantity"].help_text = _("Paling banyak %(most)s, menurut sisa setoran.") % {
            "most": number_format(most)
        }


def _decide(request: HttpRequest, deposit: Deposit, decide: Any, done: str) -> str:
    try:
        decide(deposit=deposit, by=person(request), at=timezone.now())
    except depositing.SamePerson:
        raise Refused(_("Yang mencatat tidak boleh memutuskan. Minta orang kedua memeriksa rekening.")) from None
    except (states.NoSuchArrow, states.MovedMeanwhile):
        raise Refused(_("Setoran ini sudah diputuskan.")) from None
    return done


def _confirm(request: HttpRequest, deposit: Deposit) -> str:
    return _decide(request, deposit, depositing.confirm, _("Setoran dikonfirmasi. Stok dapat dititipkan atasnya."))


def _reject(request: HttpRequest, deposit: Deposit) -> str:
    return _decide(request, deposit, depositing.reject, _("Setoran ditolak."))


def _is_recorded(deposit: Deposit) -> bool:
    return deposit.state == Deposit.State.RECORDED


@admin.register(Deposit)
class DepositAdmin(Steps):
    """What resellers paid ahead, and what was leased on it."""

    change_form_template = "admin/meterai/deposit/change_form.html"
    change_list_template = "admin/meterai/deposit/change_list.html"
    list_display = ("reference", "reseller", "state", "paid", "left")
    list_filter = ("state", "reseller")
    list_select_related = ("reseller",)
    search_fields = ("reference",)
    fields = (
        "reseller",
        "reference",
        "state",
        "paid",
        "used",
        "left",
        "recorded_by",
        "decided_by",
        "leases",
        "changes",
    )
    readonly_fields = ("paid", "used", "left", "leases", "changes")
    buttons = (
        Button("konfirmasi", gettext_lazy("Konfirmasi"), "meterai.decide_deposit", _confirm, is_shown=_is_recorded),
        Button("tolak", gettext_lazy("Tolak"), "meterai.decide_deposit", _reject, is_shown=_is_recorded),
    )

    @admin.display(description=gettext_lazy("jumlah setoran"), ordering="amount")
    def paid(self, deposit: Deposit) -> str:
        """In rupiah."""
        return rupiah(deposit.amount)

    @admin.display(description=gettext_lazy("terpakai"))
    def used(self, deposit: Deposit) -> str:
        """What leases have drawn, in rupiah."""
        return rupiah(deposit.drawn)

    @admin.display(description=gettext_lazy("sisa"))
    def left(self, deposit: Deposit) -> str:
        """What is left, in rupiah and in stamps."""
        count = _("%(count)s keping") % {"count": number_format(deposit.left // settings.DUTY)}
        return f"{rupiah(deposit.left)} ({count})"

    @admin.display(description=gettext_lazy("titipan"))
    def leases(self, deposit: Deposit) -> SafeString:
        """What was leased on it and what came back, newest first."""
        lines = Movement.objects.filter(reference=deposit.reference, reseller=deposit.reseller_id)
        lines = lines.select_related("batch").order_by("-pk")[:SHOWN_LINES]
        words = {"leased": _("dititipkan"), "extents": _("kembali"), "pool": _("kembali")}
        rows = (
            (
                f"{timezone.localtime(line.at):%d-%m-%Y %H.%M}",
                words.get(line.source, line.source),
                number_format(line.quantity),
                line.batch,
                line.actor,
            )
            for line in lines
        )
        return format_html_join("", "<div>{} · {} {} · {} · {}</div>", rows)

    @admin.display(description=gettext_lazy("riwayat"))
    def changes(self, deposit: Deposit) -> str:
        """Who recorded and who decided."""
        return history(deposit)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("meterai.add_deposit")

    def get_urls(self) -> list[URLPattern]:
        lease = path("<int:pk>/titip/", self.admin_site.admin_view(self.lease), name="meterai_deposit_lease")
        return [lease, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """A deposit is written down: 303 to it, or the form again. What the address names is filled in."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = DepositForm(request.POST or None, initial=request.GET.dict())
        if request.method == "POST" and form.is_valid():
            try:
                deposit = depositing.record(**form.cleaned_data, by=person(request), at=timezone.now())
            except depositing.AlreadyRecorded:
                form.add_error("reference", _("Setoran dengan rujukan ini sudah dicatat."))
            else:
                self.log_addition(request, deposit, "recorded")
                messages.success(request, _("Setoran dicatat. Orang kedua perlu mengonfirmasinya."))
                return self._to(deposit)
        return self._form(request, form, "record.html", _("Catat setoran"))

    def change_view(self, request: HttpRequest, object_id: str, *arguments: Any, **more: Any) -> HttpResponse:
        deposit = self.get_object(request, object_id)
        may_lease = deposit is not None and request.user.has_perm("meterai.lease_stock") and leasing.covered(deposit)
        more["extra_context"] = {"may_lease": may_lease} | (more.get("extra_context") or {})
        return super().change_view(request, object_id, *arguments, **more)

    def lease(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Stock is leased on a confirmed deposit: 303 to it, or the form again with what is wrong."""
        deposit = get_object_or_404(self.get_queryset(request).select_related("reseller"), pk=pk)
        if not (request.user.has_perm("meterai.lease_stock") and self.has_view_permission(request, deposit)):
            raise PermissionDenied
        form = LeaseForm(request.POST or None, most=leasing.covered(deposit))
        if request.method == "POST" and form.is_valid() and self._granted(request, deposit, form):
            return self._to(deposit)
        title = _("Titipkan stok ke %(reseller)s") % {"reseller": deposit.reseller}
        return self._form(request, form, "lease.html", title, deposit=deposit)

    def _granted(self, request: HttpRequest, deposit: Deposit, form: LeaseForm) -> bool:
        quantity = form.cleaned_data["quantity"]
        try:
            leasing.grant(
                reseller=deposit.reseller, quantity=quantity, deposit=deposit, by=person(request), at=timezone.now()
            )
        except leasing.NotCovered:
            form.add_error("quantity", _("Sisa setoran ini tidak cukup, atau setoran belum dikonfirmasi."))
        except leasing.NotActive:
            form.add_error(None, _("Reseller ini tidak aktif; stok tidak dititipkan kepadanya."))
        except SoldOut:
            form.add_error("quantity", _("Stok toko resmi tidak cukup."))
        else:
            self.log_change(request, deposit, f"leased {quantity}")
            done = _("%(count)s keping dititipkan ke %(reseller)s.")
            messages.success(request, done % {"count": number_format(quantity), "reseller": deposit.reseller})
            return True
        return False

    def _form(self, request: HttpRequest, form: forms.Form, template: str, title: str, **more: Any) -> HttpResponse:
        context = self.admin_site.each_context(request) | {"form": form, "title": title, "opts": self.opts} | more
        status = 422 if form.errors else 200
        return render(request, f"admin/meterai/deposit/{template}", context, status=status)

    def _to(self, deposit: Deposit) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:meterai_deposit_change", args=[deposit.pk]), status=303)
