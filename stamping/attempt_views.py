"""The door to a proof of attempt: the ticket that the browser holds is enough, and nothing else opens it."""

import hashlib

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET
from django_ratelimit.decorators import ratelimit

from orders import queueing
from orders.gatekeeping import ticket_cookie

from . import attempting

# Sealing costs a tenth of a second: once a minute for a ticket, and for a room so often that it starves nobody.
RATE, RATE_A_ROOM = "1/m", "300/m"


def ticket_held(group: str, request: HttpRequest) -> str:
    """django-ratelimit's key for one ticket; it is a secret, and no cache need know it."""
    match = request.resolver_match
    ticket = request.COOKIES.get(ticket_cookie(str(match.kwargs.get("room", ""))), "") if match else ""
    return hashlib.sha256(ticket[:64].encode()).hexdigest()


@require_GET
@ratelimit(key="stamping.attempt_views.ticket_held", rate=RATE, block=True)
@ratelimit(key="orders.room_views.room_asked", rate=RATE_A_ROOM, block=True)
def proof(request: HttpRequest, room: str) -> HttpResponse:
    """The sealed PDF. 404 without a good ticket, 429 for a second one within a minute."""
    ticket = request.COOKIES.get(ticket_cookie(room), "")
    try:
        made = attempting.proof(slug=room, ticket=ticket[:64], at=timezone.now())
    except (queueing.NoSuchRoom, queueing.NotATicket, queueing.TooOld):
        raise Http404 from None
    response = HttpResponse(made, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="bukti-antre-{room}.pdf"'
    return response
