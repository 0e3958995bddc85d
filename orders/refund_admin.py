"""The staff room's pages of money that goes back: what is to be transferred, what was, and what a person decides."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from meterai import codes
from meterai.desk import Button, Refused, Steps, history, person

from . import payouts, refund_showing, refunding, returning, showing
from .models import Order, Payment, Refund, RefundedStamp
from .ordering import CODE_PREFIX
from .refund_forms import LateReturnForm, TransferForm, WhyForm

CHANGE, ADD, UNMASK = "orders.change_refund", "orders.add_refund", "orders.unmask_account"
_FORM = "admin/orders/refund/form.html"


class Work(admin.SimpleListFilter):
    """What waits for whom."""

    title = gettext_lazy("pekerjaan")
    parameter_name = "kerja"
    _CHOICES: ClassVar[dict[str, tuple[Any, dict[str, Any]]]] = {
        "mulai": (gettext_lazy("transfer yang harus dibuat"), {"state": "requested", "way": "transfer"}),
        "catat": (
            gettext_lazy("transfer dimulai, belum dicatat"),
            {"state": "sent", "way": "transfer", "sent_at": None},
        ),
        "dikirim": (
            gettext_lazy("transfer dicatat, menunggu bank"),
            {"state": "sent", "way": "transfer", "sent_at__isnull": False},
        ),
        "rekening": (gettext_lazy("menunggu nomor rekening pembeli"), {"state": "account"}),
        "gerbang": (
            gettext_lazy("lewat gerbang, belum selesai"),
            {"state__in": ["requested", "sent"], "way": "gateway"},
        ),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, label) for name, (label, _rows) in self._CHOICES.items()]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Refund]") -> "QuerySet[Refund]":
        _label, rows = self._CHOICES.get(self.value() or "", ("", {}))
        return queryset.filter(**rows)


def _is_transfer_in(*states: str, is_recorded: bool | None = None) -> Callable[[Refund], bool]:
    def shown(refund: Refund) -> bool:
        right = refund.way == Refund.Way.TRANSFER and refund.state in states
        return right and is_recorded in (None, refund.sent_at is not None)

    return shown


_may_start = _is_transfer_in("requested")
_may_record = _is_transfer_in("sent", is_recorded=False)
_may_finish = _is_transfer_in("sent", is_recorded=True)
_may_send_back = _is_transfer_in("sent")


def _started(request: HttpRequest, refund: Refund) -> str:
    try:
        payouts.start(refund=refund, by=person(request), at=timezone.now())
    except payouts.NotNow:
        raise Refused(_NOT_NOW) from None
    return _("Dimulai: rekening tidak dapat diubah lagi. Buka nomornya, transfer, lalu catat nomor buktinya.")


_NOT_NOW = gettext_lazy("Pengembalian ini sudah berubah sementara itu. Muat ulang dan periksa lagi.")


def _with_serial(text: str) -> "QuerySet[RefundedStamp, int]":
    return RefundedStamp.objects.filter(serial_id=text.upper()).values_list("refund_id", flat=True)


@admin.register(Refund)
class RefundAdmin(Steps):
    """Money on its way back."""

    change_form_template = "admin/orders/refund/change_form.html"
    list_display = ("order_code", "state", "way", "money", "requested_at", "done_at")
    list_filter = (Work, "state", "way", "reason", "requested_at")
    list_select_related = ("payment__order",)
    search_fields = ("transfer_reference",)  # shows the box; see get_search_results
    search_help_text = gettext_lazy("Kode pesanan, nomor di gerbang, nomor bukti transfer, atau nomor seri; lengkap.")
    fields = (
        "order_code",
        "payment",
        "state",
        "way",
        "reason",
        "money",
        "serials",
        "bank",
        "number",
        "account_holder",
        "transfer_reference",
        "requested_at",
        "sent_at",
        "done_at",
        "tries",
        "changes",
    )
    readonly_fields = ("order_code", "money", "serials", "number", "tries", "changes")
    buttons = (Button("mulai", gettext_lazy("Mulai transfer"), CHANGE, _started, is_shown=_may_start),)

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Refund]", search_term: str
    ) -> "tuple[QuerySet[Refund], bool]":
        """What is typed is one thing, written in full; each is found by an index or in a small table."""
        text = search_term.strip()
        if not text:
            return queryset, False
        code = codes.tidy(text, prefix=CODE_PREFIX) or text
        named = Q(payment__order__code=code) | Q(payment__gateway_reference=text) | Q(transfer_reference=text)
        return queryset.filter(named | Q(pk__in=_with_serial(text))), False

    @admin.display(description=gettext_lazy("pesanan"), ordering="payment__order__code")
    def order_code(self, refund: Refund) -> str:
        """The order's code."""
        return refund.payment.order.code

    @admin.display(description=gettext_lazy("jumlah"), ordering="amount")
    def money(self, refund: Refund) -> str:
        """In rupiah."""
        return showing.rupiah(refund.amount)

    @admin.display(description=gettext_lazy("meterai"))
    def serials(self, refund: Refund) -> str:
        """What went back."""
        return ", ".join(sorted(refund.stamps.values_list("serial_id", flat=True))) or "–"

    @admin.display(description=gettext_lazy("nomor rekening"))
    def number(self, refund: Refund) -> str:
        """Masked; the whole number is a step of its own, and leaves a trace."""
        return f"••••{refund.account_number[-refund_showing.ACCOUNT_SHOWN :]}" if refund.account_number else "–"

    @admin.display(description=gettext_lazy("percobaan di gerbang"))
    def tries(self, refund: Refund) -> int:
        """How often the gateway was asked to send it."""
        return refund.attempts

    @admin.display(description=gettext_lazy("riwayat"))
    def changes(self, refund: Refund) -> SafeString:
        """Every change of the refund."""
        return history(refund)

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "orders_refund"
        return [
            path("<int:pk>/rekening/", view(require_POST(self.unmask)), name=f"{name}_unmask"),
            path("<int:pk>/catat/", view(self.record), name=f"{name}_record"),
            path("<int:pk>/sampai/", view(self.finish), name=f"{name}_finish"),
            path("<int:pk>/kembali/", view(self.send_back), name=f"{name}_send_back"),
            path("pembayaran/<uuid:pk>/", view(self.held), name=f"{name}_held"),
            path("pesanan/<int:pk>/", view(self.late), name=f"{name}_late"),
            *super().get_urls(),
        ]

    def change_view(self, request: HttpRequest, object_id: str, *arguments: Any, **more: Any) -> HttpResponse:
        refund = self.get_object(request, object_id)
        doors = []
        if refund is not None and request.user.has_perm(CHANGE):
            known = [
                ("record", _("Catat transfer"), _may_record),
                ("finish", _("Sudah masuk"), _may_finish),
                ("send_back", _("Dikembalikan bank"), _may_send_back),
            ]
            doors = [
                {"url": reverse(f"admin:orders_refund_{name}", args=[refund.pk]), "label": label}
                for name, label, is_shown in known
                if is_shown(refund)
            ]
        may_unmask = refund is not None and bool(refund.account_number) and request.user.has_perm(UNMASK)
        more["extra_context"] = {"doors": doors, "may_unmask": may_unmask} | (more.get("extra_context") or {})
        return super().change_view(request, object_id, *arguments, **more)

    def unmask(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The account in full, for who makes the transfer. Noted before it is shown."""
        refund = get_object_or_404(self.get_queryset(request), pk=pk)
        if not (self.has_view_permission(request, refund) and request.user.has_perm(UNMASK)):
            raise PermissionDenied
        self.log_change(request, refund, _("Nomor rekening dibuka"))
        context = self._context(request, _("Rekening pembeli")) | {"refund": refund, "money": self.money(refund)}
        return render(request, "admin/orders/refund/account.html", context)

    def record(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The bank took the transfer."""
        title, done = _("Catat transfer"), _("Transfer dicatat.")
        return self._step(request, pk, kind=TransferForm, step=payouts.record, title=title, done=done)

    def finish(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The bank says that it arrived."""
        title, done = _("Sudah masuk"), _("Pengembalian selesai.")
        return self._step(request, pk, kind=WhyForm, step=payouts.finish, title=title, done=done)

    def send_back(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The bank sent it back, or would not take it."""
        title, done = _("Dikembalikan bank"), _("Dicatat. Pembeli diminta mengisi nomor rekening lagi.")
        return self._step(request, pk, kind=WhyForm, step=payouts.send_back, title=title, done=done)

    def held(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """The money of a held payment goes back, with a reason: 303 to its refund."""
        payment = get_object_or_404(Payment.objects.select_related("order"), pk=pk)
        self._may_add(request)
        form = WhyForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                made = refunding.give_back_held(
                    payment=payment, why=form.cleaned_data["why"], by=person(request), at=timezone.now()
                )
            except refunding.NotHeld:
                form.add_error(None, _("Pembayaran ini tidak sedang diperiksa, atau tidak ada uangnya di sini."))
            else:
                return self._made(request, made)
        words = _("%(amount)s masuk untuk pesanan %(code)s, ditagih %(asked)s. Semuanya dikembalikan kepada pembeli.")
        lead = words % {
            "amount": showing.rupiah(payment.received - payment.refunded),
            "code": payment.order.code,
            "asked": showing.rupiah(payment.amount),
        }
        return self._form(request, form, _("Kembalikan uang yang ditahan"), lead=lead)

    def late(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Unused stamps go back at a member of staff's word, also after the buyer's days: 303 to the refund."""
        order = get_object_or_404(Order, pk=pk)
        self._may_add(request)
        form = LateReturnForm(request.POST or None, serials=returning.unused(order))
        if request.method == "POST" and form.is_valid() and (made := self._returned(request, order, form)):
            return self._made(request, made)
        lead = _("Pesanan %(code)s. E-meterai yang dipilih tidak berlaku lagi; harganya kembali penuh.") % {
            "code": order.code
        }
        return self._form(request, form, _("Kembalikan e-meterai"), lead=lead)

    def _returned(self, request: HttpRequest, order: Order, form: LateReturnForm) -> Refund | None:
        sent = form.cleaned_data
        try:
            return returning.return_stamps(
                order=order,
                serials=sent["serials"],
                idempotency_key=f"staff:{sent['token']}",
                at=timezone.now(),
                by=person(request),
                why=sent["why"],
            )
        except returning.InUse:
            form.add_error("serials", _("Salah satu sedang dipakai dokumen, sudah dipakai, atau sudah dikembalikan."))
        except (returning.NotReturnable, returning.WrongStamps, returning.KeyReused, refunding.TooMuch):
            form.add_error(None, _("Pesanan ini tidak dapat dikembalikan sekarang."))
        return None

    def _step(
        self, request: HttpRequest, pk: int, *, kind: type[forms.Form], step: Callable[..., None], title: str, done: str
    ) -> HttpResponse:
        """A step with a form: 303 to the refund, 422 what was typed is wrong, 409 it cannot be done any more."""
        refund = get_object_or_404(self.get_queryset(request), pk=pk)
        if not (self.has_view_permission(request, refund) and request.user.has_perm(CHANGE)):
            raise PermissionDenied
        form, status = kind(request.POST or None), 200
        if request.method == "POST":
            status = 422
            if form.is_valid():
                try:
                    step(refund=refund, by=person(request), at=timezone.now(), **form.cleaned_data)
                except payouts.NotNow:
                    form.add_error(None, str(_NOT_NOW))
                    status = 409
                else:
                    self.log_change(request, refund, title)
                    messages.success(request, done)
                    return self._to(refund)
        lead = f"{refund.payment.order.code}, {self.money(refund)}, {refund_showing.account_masked(refund)}"
        return self._form(request, form, title, lead=lead, status=status, refund=refund)

    def _may_add(self, request: HttpRequest) -> None:
        if not (request.user.has_perm(ADD) and self.has_view_permission(request)):
            raise PermissionDenied

    def _made(self, request: HttpRequest, refund: Refund) -> HttpResponse:
        self.log_addition(request, refund, "refunded")
        messages.success(request, _("Pengembalian %(amount)s dicatat.") % {"amount": self.money(refund)})
        return self._to(refund)

    def _form(self, request: HttpRequest, form: forms.Form, title: str, *, lead: str, **more: Any) -> HttpResponse:
        status = more.pop("status", 0) or (422 if form.errors else 200)
        context = self._context(request, title) | {"form": form, "lead": lead} | more
        return render(request, _FORM, context, status=status)

    def _context(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return self.admin_site.each_context(request) | {"title": title, "opts": self.opts}

    def _to(self, refund: Refund) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:orders_refund_change", args=[refund.pk]), status=303)
