"""The complaint form, the tracking page, and the way back to it. Each does one step and redirects."""

import uuid
from contextlib import suppress
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django_ratelimit.decorators import ratelimit

from meterai import states
from meterai.answers import SeeOther
from orders.access import open_order
from orders.models import Order

from . import clocks, complaining, showing
from .access import open_ticket
from .forms import ComplaintForm, LinkForm, MessageForm
from .models import Ticket

RATE = "10/m"
RATE_A_CONTACT = "5/h"
CONTACT_TYPED = "support.limits.contact_typed"


@require_http_methods(["GET", "HEAD", "POST"])
@ratelimit(key="ip", rate=RATE, method="POST", block=True)
@ratelimit(key=CONTACT_TYPED, rate=RATE_A_CONTACT, method="POST", block=True)
def complain(request: HttpRequest) -> HttpResponse:
    """The form. 303 to the tracking page; 422 what was typed is wrong; 404 a wrong key of an order."""
    order = _order(request)
    if request.method != "POST":
        return _form_page(request, ComplaintForm(order=order, initial=_first_values(request)))
    form = ComplaintForm(request.POST, request.FILES, order=order)
    if not form.is_valid():
        return _form_page(request, form, status=422)
    complaint = form.complaint(language=get_language() or "id")
    try:
        ticket = complaining.complain(
            complaint=complaint, idempotency_key=f"form:{form.cleaned_data['token']}", at=timezone.now()
        )
    except complaining.KeyReused as reused:
        form.add_error(None, _already_sent(reused.ticket))
        return _form_page(request, form, status=422)
    return SeeOther(ticket.tracking_url())


@require_http_methods(["GET", "HEAD", "POST"])
@ratelimit(key="ip", rate=RATE, method="POST", block=True)
@ratelimit(key=CONTACT_TYPED, rate=RATE_A_CONTACT, method="POST", block=True)
def find(request: HttpRequest) -> HttpResponse:
    """Sends the secret link. Whoever asks sees the same answer whether the ticket exists or not."""
    form = LinkForm(request.POST or None)
    if request.method != "POST":
        return render(request, "support/find.html", {"form": form})
    if not form.is_valid():
        return render(request, "support/find.html", {"form": form}, status=422)
    complaining.send_link(**form.cleaned_data, at=timezone.now())
    messages.info(request, _("Jika nomor aduan dan kontak itu cocok, tautannya dikirim ke surel pada aduan."))
    return SeeOther(reverse("support:find"))


@require_http_methods(["GET", "HEAD", "POST"])
@ratelimit(key="ip", rate=RATE, method="POST", block=True)
def ticket(request: HttpRequest, code: str, key: str) -> HttpResponse:
    """The tracking page, and what its holder may do there: add, reopen, close."""
    found = open_ticket(code=code, key=key)
    if request.method != "POST":
        return _ticket_page(request, found, MessageForm(initial={"token": uuid.uuid4()}))
    if request.POST.get("do") == "close":
        return _close(request, found)
    form = MessageForm(request.POST)
    if not form.is_valid():
        return _ticket_page(request, found, form, status=422)
    return _say(request, found, form)


def _say(request: HttpRequest, ticket: Ticket, form: MessageForm) -> HttpResponse:
    step = complaining.reopen if request.POST.get("do") == "reopen" else complaining.add_message
    text, token = form.cleaned_data["text"], f"{ticket.code}:{form.cleaned_data['token']}"
    try:
        step(ticket=ticket, text=text, token=token, at=timezone.now())
    except (complaining.TicketClosed, states.NoSuchArrow):
        ticket.refresh_from_db()
        form.add_error(None, _("Status aduan sudah berubah sejak halaman ini dibuka. Periksa, lalu kirim lagi."))
        return _ticket_page(request, ticket, form, status=409)
    messages.success(request, _("Pesan Anda terkirim."))
    return SeeOther(ticket.tracking_url())


def _close(request: HttpRequest, ticket: Ticket) -> HttpResponse:
    with suppress(states.NoSuchArrow):  # closed already: the second click of two
        complaining.close(ticket=ticket, at=timezone.now())
    return SeeOther(ticket.tracking_url())


def _order(request: HttpRequest) -> Order | None:
    """The order that the form is about, opened by its secret link; Http404 when the key is wrong."""
    values = request.POST if request.method == "POST" else request.GET
    code, key = values.get("pesanan", ""), values.get("kunci", "")
    return open_order(code.replace("\x00", ""), key) if code or key else None


def _first_values(request: HttpRequest) -> dict[str, Any]:
    return {
        "token": uuid.uuid4(),
        "pesanan": request.GET.get("pesanan", ""),
        "kunci": request.GET.get("kunci", ""),
        "category": request.GET.get("perihal", ""),
        "number": request.GET.get("nomor", ""),
    }


def _already_sent(ticket: Ticket) -> str:
    """Only who filled this form in knows its token, so that person may have the link."""
    words = _("Formulir ini sudah terkirim sebagai aduan %(code)s. Tambahkan yang baru di sana:") % {
        "code": ticket.code
    }
    return format_html('{} <a href="{}">{}</a>', words, ticket.tracking_url(), ticket.code)


def _form_page(request: HttpRequest, form: ComplaintForm, *, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "order": form.order,
        "file_again": form.is_bound and bool(request.FILES),
        "accept_days": clocks.ACCEPT_DAYS,
        "answer_days": clocks.ANSWER_DAYS,
    }
    return render(request, "support/complain.html", context, status=status)


def _ticket_page(request: HttpRequest, ticket: Ticket, form: MessageForm, *, status: int = 200) -> HttpResponse:
    return render(request, "support/ticket.html", {"shown": showing.show(ticket), "form": form}, status=status)
