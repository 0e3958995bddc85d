"""The waiting room's pages, without script as with it. Only entering and tearing off numbers ask the database.

Joining, entering and recovering take no CSRF token: the page may be a file that nobody wrote for this visitor.
Nothing is decided by a cookie alone across sites, since our cookies are SameSite=Lax.
"""

import json
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_ratelimit.decorators import ratelimit

from meterai.answers import SeeOther

from . import gatekeeping, queueing, room_files, room_pages
from .models import Room

# Thousands of phones share one address behind a carrier's NAT.
ENTER_RATE, RECOVER_RATE = "3000/m", "30/m"
# Codes tried in one room, from wherever: far more than people type, far fewer than guessing takes.
RECOVER_RATE_A_ROOM = "600/m"


def join_rate(group: str, request: HttpRequest) -> str:
    """django-ratelimit's rate for joining: a site's own."""
    return str(settings.ROOMS.join_rate)


def room_asked(group: str, request: HttpRequest) -> str:
    """django-ratelimit's key for one room, from wherever it is asked."""
    match = request.resolver_match
    return str(match.kwargs.get("room", ""))[:40] if match else ""


@require_GET
def page(request: HttpRequest, room: str) -> HttpResponse:
    """Where one stands, or how to join. No statement."""
    return _page(request, room)


@csrf_exempt
@require_POST
@ratelimit(key="ip", rate=join_rate, method="POST", block=True)
def join(request: HttpRequest, room: str) -> HttpResponse:
    """Take a number and keep it in a cookie; who has one already keeps it, unless `baru` asks for a new one."""
    at = timezone.now()
    if not request.POST.get("baru") and _held(request, room):
        return _back(request, room)
    try:
        joined = queueing.join(
            slug=room,
            at=at,
            challenge=request.POST.get("tantangan", "")[:100],
            solution=request.POST.get("jawaban", "")[:40],
        )
    except queueing.NoSuchRoom:
        raise Http404 from None
    except queueing.NotTaking as refusal:
        return _not_taking(request, room, refusal.state)
    except queueing.TooEarly as early:
        return _page(request, room, status=425, too_early=early.seconds, kept_challenge=request.POST["tantangan"])
    except queueing.NotAChallenge:
        return _page(request, room, status=422)
    response = _back(request, room)
    gatekeeping.keep_ticket(response, slug=room, ticket=joined.ticket)
    return response


@csrf_exempt
@require_POST
@ratelimit(key="ip", rate=ENTER_RATE, method="POST", block=True)
def enter(request: HttpRequest, room: str) -> HttpResponse:
    """Into the shop, when the number was called. `lagi`: the one re-entry of somebody who missed the turn."""
    at = timezone.now()
    ticket = request.POST.get("tiket") or request.COOKIES.get(gatekeeping.ticket_cookie(room), "")
    try:
        entered = queueing.enter(slug=room, ticket=ticket[:64], at=at, again=bool(request.POST.get("lagi")))
    except queueing.NoSuchRoom:
        raise Http404 from None
    except (queueing.NotATicket, queueing.TooOld):
        return _page(request, room, status=422)
    except queueing.NotCalled:
        messages.info(request, _("Nomor Anda belum dipanggil. Tempat Anda tetap."))
        return _back(request, room)
    except queueing.TurnMissed as missed:
        return _page(request, room, status=409, missed=True, may_enter_again=missed.again, ask_again=missed.seconds)
    except queueing.PassUsed:
        return _page(request, room, status=409, used=True)
    except queueing.NotTaking as refusal:
        return _not_taking(request, room, refusal.state)
    response = SeeOther(gatekeeping.shop_address(_seller(room)))
    gatekeeping.keep_pass(response, slug=room, entered=entered, at=at)
    return response


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@ratelimit(key="ip", rate=RECOVER_RATE, method="POST", block=True)
@ratelimit(key="orders.room_views.room_asked", rate=RECOVER_RATE_A_ROOM, method="POST", block=True)
def recover(request: HttpRequest, room: str) -> HttpResponse:
    """A place on another device, by its code. 422: mistyped, not ours, or too old."""
    facts = _facts(room)
    code = request.POST.get("kode", "")[:40]
    if request.method != "POST":
        return render(request, "orders/room_recover.html", {"facts": facts, "code": ""})
    try:
        joined = queueing.recover(slug=room, code=code, at=timezone.now())
    except queueing.Mistyped:
        error = _("Kode ini salah ketik: periksa huruf demi huruf.")
    except queueing.TooOld:
        error = _("Kode ini sudah lebih dari dua hari.")
    except queueing.NotATicket:
        error = _("Kode ini bukan dari antrean ini.")
    else:
        response = _back(request, room)
        gatekeeping.keep_ticket(response, slug=room, ticket=joined.ticket)
        return response
    context = {"facts": facts, "code": code, "error": error}
    return render(request, "orders/room_recover.html", context, status=422)


@require_GET
def status(request: HttpRequest, room: str) -> HttpResponse:
    """The status file; the same bytes for everybody."""
    return _file(room)


@require_GET
def draw(request: HttpRequest, room: str) -> HttpResponse:
    """What is published of the newest draw; 404 before there is one."""
    return _file(f"{room}.undian")


def page_context(request: HttpRequest, room: str) -> dict[str, Any]:
    """What the page needs: `facts`, and of a visitor with a ticket `place`, `code` and `ticket`.

    `refresh`: seconds until a page without script should load again. `challenge` and `work_bits` where work is asked
    for.
    """
    facts = _facts(room)
    at = timezone.now()
    context: dict[str, Any] = room_pages.frame(facts) | {
        "place": None,
        "refresh": facts.poll[1],
        "work_bits": queueing.work_bits(),
        "challenge": queueing.challenge(slug=room, at=at) if queueing.work_bits() else "",
        "is_lost": False,
    }
    if held := _held(request, room):
        place = queueing.place_of(slug=room, ticket=held, at=at)
        ticket = queueing.opened(slug=room, ticket=held, at=at)
        context |= {
            "place": place,
            "ticket": held,
            "code": queueing.code_of(ticket),
            "joined_at": ticket.joined_at,
            "promised": ticket.promised,
            "refresh": place.look_again,
        }
    elif request.COOKIES.get(gatekeeping.ticket_cookie(room)):
        context["is_lost"] = True
    return context


def _page(request: HttpRequest, room: str, *, status: int = 200, **more: Any) -> HttpResponse:
    context = page_context(request, room) | more
    context |= room_pages.own(context, site=settings.SITE_URL)
    return render(request, "orders/room.html", context, status=status)


def _back(request: HttpRequest, room: str) -> HttpResponse:
    """To the visitor's own page: with a query, since without one it may be a file that knows nobody."""
    return SeeOther(reverse("orders:room", args=[room]) + ("?nomor" if "nomor" in request.POST else ""))


def _held(request: HttpRequest, room: str) -> str:
    """The ticket in this browser, if it is a good one; else nothing."""
    ticket = request.COOKIES.get(gatekeeping.ticket_cookie(room), "")
    try:
        queueing.opened(slug=room, ticket=ticket, at=timezone.now())
    except (queueing.NotATicket, queueing.TooOld):
        return ""
    return ticket


def _not_taking(request: HttpRequest, room: str, state: str) -> HttpResponse:
    if state == Room.State.OPEN:
        return SeeOther(gatekeeping.shop_address(_seller(room)))
    return _page(request, room, status=409)


def _facts(room: str) -> room_files.Facts:
    try:
        return queueing.facts_of(room)
    except queueing.NoSuchRoom:
        raise Http404 from None


def _seller(room: str) -> str:
    return next((one.seller for one in room_files.listed() if one.slug == room), "")


def _file(name: str) -> HttpResponse:
    try:
        body = room_files.path(name).read_bytes()
    except OSError:
        told = room_files.from_rows(name, at=timezone.now())
        if told is None:
            raise Http404 from None
        body = json.dumps(told, separators=(",", ":")).encode()
    response = HttpResponse(body, content_type="application/json")
    response["Cache-Control"] = "public, max-age=1"
    return response
