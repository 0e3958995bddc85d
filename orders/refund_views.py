"""A buyer's pages of money that goes back: which stamps, what for them, where to, how far; and the receipt."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods
from django_ratelimit.decorators import ratelimit

from meterai.answers import SeeOther

from . import numbering, payouts, receipts, refund_showing, refunding, reserving, returning, showing
from .access import open_order
from .models import Order, Refund
from .refund_forms import AccountForm, NameForm, ReturnForm

CHANGE_RATE = "20/m"


@require_http_methods(["GET", "HEAD", "POST"])
@ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True)
def refund(request: HttpRequest, code: str, key: str) -> HttpResponse:
    """Unused stamps go back: the list, then what comes back for those chosen, then the deed (303 to this page).

    422 what was sent is wrong; 409 it cannot be done, or not any more.
    """
    order = open_order(code, key)
    if request.method != "POST":
        return _page(request, order, ReturnForm(serials=returning.unused(order)))
    form = ReturnForm(request.POST, serials=reserving.held_serials(order))
    if not form.is_valid():
        return _page(request, order, form, status=422)
    step = _returned if "yes" in request.POST else _asked
    try:
        return step(request, order, form)
    except (returning.NotReturnable, returning.TooLate, refunding.TooMuch):
        return _page(request, order, None, status=409)
    except returning.InUse as taken:
        form.add_error("serials", _in_use(taken))
        status = 409
    except returning.KeyReused:
        form.add_error(None, _("Formulir ini sudah pernah dikirim dengan isi lain. Pilih lagi dari daftar di bawah."))
        status = 422
    return _page(request, order, form, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True)
def account(request: HttpRequest, code: str, key: str, pk: int) -> HttpResponse:
    """The bank account of a refund: 303 when it was taken; 422 what was typed is wrong; 409 too late to change it."""
    order = open_order(code, key)
    found = _refund_of(order, pk)
    known = {"bank": found.bank, "holder": found.account_holder}
    form = AccountForm(request.POST) if request.method == "POST" else AccountForm(initial=known)
    shown = {"order": order, "refund": found, "form": form, "amount": showing.rupiah(found.amount)}
    shown |= {"back": _back(order), "known": refund_showing.account_masked(found), "is_closed": not _is_open(found)}
    if request.method != "POST":
        return render(request, "orders/refund_account.html", shown)
    if not form.is_valid():
        return render(request, "orders/refund_account.html", shown, status=422)
    try:
        payouts.give_account(refund=found, at=timezone.now(), **form.cleaned_data)
    except payouts.NotNow:
        return render(request, "orders/refund_account.html", shown | {"is_closed": True}, status=409)
    messages.success(request, _("Rekening kami terima."))
    return SeeOther(_back(order))


@require_GET
def note(request: HttpRequest, code: str, key: str, pk: int) -> HttpResponse:
    """The refund note as PDF; 404 before the money went back."""
    order = open_order(code, key)
    try:
        pdf = receipts.refund_note(refund=_refund_of(order, pk), at=timezone.now())
    except receipts.NotDone:
        raise Http404 from None
    response = HttpResponse(pdf, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="nota-pengembalian-{order.code}-{pk}.pdf"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True)
def receipt(request: HttpRequest, code: str, key: str) -> HttpResponse:
    """The receipt's page: its number, the buyer's name once, the file. 404 before the order is paid."""
    order = open_order(code, key)
    if order.state not in Order.WAS_PAID:
        raise Http404
    form = NameForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if numbering.name_buyer(receipt=numbering.receipt_of(order), name=form.cleaned_data["name"]):
            messages.success(request, _("Nama ditulis pada kuitansi."))
        else:
            messages.warning(request, _("Kuitansi ini sudah bernama; nama tidak dapat diganti."))
        return SeeOther(reverse("orders:receipt_page", args=[order.code, order.key]))
    paper = numbering.numbered(numbering.receipt_of(order), at=timezone.now())
    context = {"order": order, "paper": paper, "form": form, "amount": showing.rupiah(order.total)}
    context |= {"refunds": refund_showing.told(order, at=timezone.now())}
    return render(request, "orders/receipt.html", context, status=422 if form.errors else 200)


def _asked(request: HttpRequest, order: Order, form: ReturnForm) -> HttpResponse:
    """What would come back, before anything is done."""
    returning.check_time(order=order, at=timezone.now())
    found = returning.quote(order=order, serials=form.cleaned_data["serials"])
    context = {
        "order": order,
        "found": found,
        "token": form.cleaned_data["token"],
        "lines": refund_showing.quote_lines(found),
        "total": showing.rupiah(found.amount),
        "way_ahead": refund_showing.way_ahead(by_gateway=found.by_gateway),
        "back": _back(order),
    }
    return render(request, "orders/refund_confirm.html", context)


def _returned(request: HttpRequest, order: Order, form: ReturnForm) -> HttpResponse:
    made = returning.return_stamps(
        order=order,
        serials=form.cleaned_data["serials"],
        idempotency_key=f"form:{form.cleaned_data['token']}",
        at=timezone.now(),
    )
    messages.success(request, _("Pengembalian dicatat. Langkahnya ada di bawah."))
    if made.state == Refund.State.ACCOUNT:
        return SeeOther(reverse("orders:refund_account", args=[order.code, order.key, made.pk]))
    return SeeOther(_back(order))


def _page(request: HttpRequest, order: Order, form: ReturnForm | None, *, status: int = 200) -> HttpResponse:
    at = timezone.now()
    last, unused = returning.deadline(order), returning.unused(order)
    is_late = last is not None and at > last
    told = refund_showing.told(order, at=at)
    context: dict[str, Any] = {
        "order": order,
        "form": form or ReturnForm(serials=unused),
        "token": ReturnForm(serials=[])["token"].value(),
        "unused": unused,
        "chosen": form["serials"].value() or [] if form else [],
        "each": showing.rupiah(order.duty + order.service_fee),
        "payment_fee": showing.rupiah(order.payment_fee) if order.payment_fee else "",
        "deadline": last,
        "is_late": is_late,
        "may_return": order.state == Order.State.PAID and bool(unused) and not is_late,
        "refunds": told,
        "is_moving": any(one.refund.state in (Refund.State.REQUESTED, Refund.State.SENT) for one in told),
        "key": order.key,
    }
    return render(request, "orders/refund.html", context, status=status)


def _refund_of(order: Order, pk: int) -> Refund:
    return get_object_or_404(Refund.objects.select_related("payment__order"), payment__order=order, pk=pk)


def _is_open(refund: Refund) -> bool:
    is_waiting = refund.state == Refund.State.REQUESTED and refund.way == Refund.Way.TRANSFER
    return is_waiting or refund.state == Refund.State.ACCOUNT


def _back(order: Order) -> str:
    return reverse("orders:refund", args=[order.code, order.key])


def _in_use(taken: returning.InUse) -> str:
    if taken.serial:
        return _(
            "E-meterai %(serial)s sudah dipakai, sedang dipakai dokumen, atau sudah dikembalikan. Tidak ada yang "
            "dikembalikan; pilih yang lain."
        ) % {"serial": taken.serial}
    return _("Salah satu e-meterai baru saja dipakai atau sudah dikembalikan. Tidak ada yang dikembalikan; pilih lagi.")
