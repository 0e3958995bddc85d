"""What a buyer does about an order besides paying: have the link sent again, change the e-mail address."""

from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django_ratelimit.decorators import ratelimit

from meterai.answers import SeeOther

from . import allowing, changing, contacts, finding, ringing, tasks
from .access import open_order
from .forms import EmailForm
from .models import Order

# An address may be thousands of phones behind a carrier's NAT; an order and a mailbox are one person's.
CHANGE_RATE, LETTER_RATE_AN_ORDER, LETTER_RATE_A_MAILBOX = "20/m", "5/h", "5/h"


def kept_for_back(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let the browser keep this form, so that Back brings it again with what was typed and with the same token.

    With `no-store` Back would fetch a new form: what was typed would be lost, and with the old token the promise that
    sending twice makes one order. `no-cache` still fetches anew on every visit that is not Back. An answer to a POST
    may show what a person typed, and is kept nowhere.

    `Vary: Cookie` would undo it, for this very answer brings the first cookie. So the CSRF middleware's part is done
    here, and its Vary taken off: in a browser's own cache all cookies are one person's.
    """

    @wraps(view)
    def keeping(request: HttpRequest, *arguments: object, **named: object) -> HttpResponse:
        response = view(request, *arguments, **named)
        if request.method in ("GET", "HEAD") and response.status_code == 200:
            response["Cache-Control"] = "private, no-cache"
            CsrfViewMiddleware(view).process_response(request, response)
            del response["Vary"]
        return response

    return keeping


def order_named(group: str, request: HttpRequest) -> str:
    """django-ratelimit's key for one order, from wherever it is opened."""
    match = request.resolver_match
    return str(match.kwargs.get("code", ""))[:40] if match else ""


def mailbox_typed(group: str, request: HttpRequest) -> str:
    """django-ratelimit's key for one mailbox, however it is written; without one, the order decides."""
    try:
        return contacts.email(request.POST.get("email", ""))
    except contacts.NotAContact:
        return order_named(group, request)


@require_POST
@ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True)
@ratelimit(key="orders.buyer_views.order_named", rate=LETTER_RATE_AN_ORDER, method="POST", block=True)
def resend_link(request: HttpRequest, code: str, key: str) -> HttpResponse:
    """The order's link once more, to the address that the order has."""
    order = open_order(code, key)
    if order.email:
        finding.resend_link(order=order, at=timezone.now())
        ringing.ring(tasks.send_notices)
        words = _("Tautan pesanan dikirim ke %(address)s. Periksa juga folder spam.")
        messages.success(request, words % {"address": contacts.mask(order.email)})
    else:
        messages.info(request, _("Pesanan ini belum punya alamat surel. Tambahkan dulu."))
    return SeeOther(order.get_absolute_url())


@require_http_methods(["GET", "HEAD", "POST"])
@ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True)
@ratelimit(key="orders.buyer_views.order_named", rate=LETTER_RATE_AN_ORDER, method="POST", block=True)
@ratelimit(key="orders.buyer_views.mailbox_typed", rate=LETTER_RATE_A_MAILBOX, method="POST", block=True)
def change_email(request: HttpRequest, code: str, key: str) -> HttpResponse:
    """Ask for another address: a letter goes there, and nothing changes before its link is agreed to."""
    order = open_order(code, key)
    form = EmailForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            changing.ask(order=order, email=form.cleaned_data["email"], at=timezone.now())
        except changing.SameAddress:
            form.add_error("email", _("Pesanan ini sudah memakai alamat itu."))
        else:
            ringing.ring(tasks.send_notices)
            return _asked(request, order, form.cleaned_data["email"])
    context = {"order": order, "form": form, "address": contacts.mask(order.email)}
    return render(request, "orders/email.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True)
def confirm_email(request: HttpRequest, code: str, letter: str, key: str) -> HttpResponse:
    """The letter's link: shows what would change; only the button changes it, since mail scanners open links."""
    now = timezone.now()
    try:
        if request.method == "POST":
            order = changing.confirm(code=code, letter=letter, key=key, at=now)
            messages.success(request, _("Alamat surel sudah diganti. Tautan pesanan dikirim ke sana."))
            ringing.ring(tasks.send_notices)
            return SeeOther(order.get_absolute_url())
        order, email = changing.proved(code=code, letter=letter, key=key, at=now)
    except changing.Unproven:
        return render(request, "orders/email_unproven.html", status=410)
    except allowing.LimitReached:
        return render(request, "orders/email_unproven.html", {"is_limit": True}, status=409)
    return render(request, "orders/email_confirm.html", {"code": order.code, "email": email})


def _asked(request: HttpRequest, order: Order, email: str) -> HttpResponse:
    words = _("Surat dikirim ke %(address)s. Setujui lewat tautan di dalamnya dalam 24 jam; sampai itu, semua tetap.")
    messages.info(request, words % {"address": email})
    return SeeOther(order.get_absolute_url())
