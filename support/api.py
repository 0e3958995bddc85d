"""The same steps for programs: a ticket is made with an Idempotency-Key and read with its key."""

from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.decorators import method_decorator
from django_ratelimit.decorators import ratelimit
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meterai.problems import Problem, idempotency_key
from orders.serializers import ProblemShown

from . import complaining, showing
from .access import open_ticket
from .models import Ticket
from .serializers import ComplaintSent, TicketShown, ticket_shown

RATE = "10/m"

_PROBLEM = OpenApiResponse(ProblemShown, description="Problem details")


def _header(name: str, words: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, required=True, description=words)


class Tickets(APIView):
    """Complaints are made here."""

    @extend_schema(
        operation_id="complain",
        parameters=[_header("Idempotency-Key", "16 to 64 of A-Z a-z 0-9 _ -")],
        request=ComplaintSent,
        responses={201: TicketShown, 200: TicketShown, 400: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM, 429: _PROBLEM},
    )
    @method_decorator(ratelimit(key="ip", rate=RATE, method="POST", block=True))
    def post(self, request: Request) -> Response:
        """Complain. The answer says who must answer, why and by when; the same key and body give it again, with 200."""
        key = idempotency_key(request)
        sent = ComplaintSent(data=request.data)
        sent.is_valid(raise_exception=True)
        known = Ticket.objects.filter(idempotency_key=key).exists()
        try:
            ticket = complaining.complain(complaint=sent.complaint(), idempotency_key=key, at=timezone.now())
        except complaining.KeyReused:
            detail = "This Idempotency-Key was used before with another body."
            raise Problem(status_code=422, code="key_reused", detail=detail) from None
        return Response(_shown(ticket), status=200 if known else 201)


class OneTicket(APIView):
    """A ticket, opened by its code and its key."""

    @extend_schema(
        operation_id="show_ticket",
        parameters=[_header("X-Ticket-Key", "The ticket's `key`")],
        responses={200: TicketShown, 404: _PROBLEM},
    )
    def get(self, request: Request, code: str) -> Response:
        """The ticket, its holder and what was said."""
        return Response(_shown(open_ticket(code=code, key=request.headers.get("X-Ticket-Key", ""))))


def _shown(ticket: Ticket) -> dict[str, Any]:
    return ticket_shown(showing.show(ticket), site=settings.SITE_URL)
