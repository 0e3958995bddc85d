"""Transfers to our bank account in the staff room: seen, and decided about where no rule could place them."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meterai import codes, states
from meterai.desk import ReadOnly, history, person

from . import (
    matching,
    statement_admin,  # noqa: F401  # registers its page
)
from .models import BankEntry, Order
from .ordering import CODE_PREFIX
from .showing import rupiah

DECIDE = "orders.match_bankentry"
UNDECIDED = (BankEntry.State.UNMATCHED, BankEntry.State.ASIDE)


class ReasonForm(forms.Form):
    """Why a person decides so."""

    reason = forms.CharField(label=gettext_lazy("Alasan"), max_length=200, min_length=5)


class MatchForm(ReasonForm):
    """Which order a transfer was for, and how one knows."""

    code = forms.CharField(label=gettext_lazy("Kode pesanan"), max_length=20)
    field_order = ("code", "reason")

    def clean_code(self) -> Order:
        order = Order.objects.filter(code=codes.tidy(self.cleaned_data["code"], prefix=CODE_PREFIX)).first()
        if order is None:
            raise forms.ValidationError(_("Tidak ada pesanan dengan kode ini."))
        return order


@admin.register(BankEntry)
class BankEntryAdmin(ReadOnly):
    """Transfers that came in. The bank's words name strangers: they stand on the entry's own page only."""

    change_form_template = "admin/orders/statement/entry.html"
    list_display = ("date", "money", "state", "cause", "order", "bank")
    list_display_links = ("date", "money")
    list_filter = ("state", "cause", "bank", "date")
    list_select_related = ("payment__order",)
    search_fields = ("description", "reference__exact", "payment__order__code__exact")
    search_help_text = gettext_lazy("Kata dalam keterangan bank, nomor di bank, atau kode pesanan yang lengkap.")
    fields = (
        "date",
        "money",
        "description",
        "reference",
        "bank",
        "statement",
        "line",
        "state",
        "cause",
        "order",
        "decided_at",
        "decided_by",
        "reason",
        "changes",
    )
    readonly_fields = ("money", "order", "changes")

    @admin.display(description=gettext_lazy("jumlah"), ordering="amount")
    def money(self, entry: BankEntry) -> str:
        """In rupiah."""
        return rupiah(entry.amount)

    @admin.display(description=gettext_lazy("pesanan"))
    def order(self, entry: BankEntry) -> str:
        """The order it was credited to."""
        return str(entry.payment.order) if entry.payment else "–"

    @admin.display(description=gettext_lazy("riwayat"))
    def changes(self, entry: BankEntry) -> str:
        """Who decided what."""
        return history(entry)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/cocokkan/", wrap(self.match), name="orders_bankentry_match"),
            path("<int:pk>/kesampingkan/", wrap(self.aside), name="orders_bankentry_aside"),
            *super().get_urls(),
        ]

    def change_view(self, request: HttpRequest, object_id: str, *arguments: Any, **more: Any) -> HttpResponse:
        entry = self.get_object(request, object_id)
        if isinstance(entry, BankEntry) and _may_decide(request, entry):
            is_new = entry.state == BankEntry.State.UNMATCHED
            told = {"may_match": True, "may_set_aside": is_new, "likely": matching.likely(entry)}
            more["extra_context"] = (more.get("extra_context") or {}) | told
        return super().change_view(request, object_id, *arguments, **more)

    def match(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A person says which order this money was for: 303 to the entry, or the form again with what is wrong."""
        entry = self._entry(request, pk)
        form = MatchForm(_sent(request), initial={"code": request.GET.get("kode", "")})
        if form.is_valid() and self._matched(request, entry, form):
            return self._to(entry)
        return self._form(request, form, "match.html", _("Cocokkan dengan pesanan"), entry)

    def aside(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A person says that this money is for no order: 303 to the entry, or the form again."""
        entry = self._entry(request, pk)
        form = ReasonForm(_sent(request))
        if form.is_valid():
            try:
                reason = form.cleaned_data["reason"]
                matching.set_aside(entry=entry, reason=reason, by=person(request), at=timezone.now())
            except (states.NoSuchArrow, states.MovedMeanwhile):
                form.add_error(None, _("Uang ini sudah diputuskan."))
            else:
                self.log_change(request, entry, "set aside")
                messages.success(request, _("Dicatat: uang ini bukan untuk pesanan."))
                return self._to(entry)
        return self._form(request, form, "aside.html", _("Bukan untuk pesanan"), entry)

    def _entry(self, request: HttpRequest, pk: int) -> BankEntry:
        entry = get_object_or_404(BankEntry.objects.all(), pk=pk)
        if not (self.has_view_permission(request, entry) and request.user.has_perm(DECIDE)):
            raise PermissionDenied
        return entry

    def _matched(self, request: HttpRequest, entry: BankEntry, form: MatchForm) -> bool:
        order, reason = form.cleaned_data["code"], form.cleaned_data["reason"]
        try:
            matching.match_by_hand(entry=entry, order=order, reason=reason, by=person(request), at=timezone.now())
        except matching.Unmatchable as no:
            form.add_error("code", _("Tidak dapat dicocokkan: %(cause)s.") % {"cause": no.cause.label})
        except (states.NoSuchArrow, states.MovedMeanwhile):
            form.add_error(None, _("Uang ini sudah diputuskan."))
        else:
            self.log_change(request, entry, f"matched to {order.code}")
            order.refresh_from_db()
            done = _("Dicocokkan dengan %(code)s. Status pesanan: %(state)s.")
            messages.success(request, done % {"code": order.code, "state": order.get_state_display()})
            return True
        return False

    def _form(
        self, request: HttpRequest, form: forms.Form, template: str, title: str, entry: BankEntry
    ) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "form": form,
            "title": title,
            "opts": self.opts,
            "entry": entry,
            "money": rupiah(entry.amount),
        }
        return render(request, f"admin/orders/statement/{template}", context, status=422 if form.errors else 200)

    def _to(self, entry: BankEntry) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:orders_bankentry_change", args=[entry.pk]), status=303)


def _sent(request: HttpRequest) -> QueryDict | None:
    """What was posted, even nothing; None while the page is only looked at."""
    return request.POST if request.method == "POST" else None


def _may_decide(request: HttpRequest, entry: BankEntry) -> bool:
    return entry.state in UNDECIDED and request.user.has_perm(DECIDE)
