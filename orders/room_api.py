"""The waiting room for programs and for the page's script. Cookies are set as by the pages."""

from datetime import datetime
from typing import Any

from django.http import Http404
from django.utils import timezone
from django.utils.decorators import method_decorator
from django_ratelimit.decorators import ratelimit
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meterai.problems import Problem

from . import gatekeeping, queueing, room_files
from .queueing import Joined, Place
from .room_views import ENTER_RATE, RECOVER_RATE, RECOVER_RATE_A_ROOM, join_rate
from .rooms import work
from .serializers import ProblemShown

_PROBLEM = OpenApiResponse(ProblemShown, description="Problem details")


class PlaceShown(serializers.Serializer):  # type: ignore[type-arg]
    """Where a number stands."""

    state = serializers.CharField(help_text="open, prequeue, queueing, closed or drained")
    number = serializers.IntegerField()
    called = serializers.BooleanField(help_text="May enter now.")
    ahead = serializers.IntegerField(allow_null=True, help_text="Numbers before it; null before the draw.")
    minutes = serializers.ListField(
        child=serializers.IntegerField(), allow_null=True, help_text="From and to; null: it cannot be said."
    )
    may_run_out = serializers.BooleanField(help_text="More may be ahead than stamps are left.")
    look_again = serializers.IntegerField(help_text="Seconds until the next look.")
    at = serializers.DateTimeField(help_text="Of the news.")
    opens_at = serializers.DateTimeField(allow_null=True)


class JoinedShown(serializers.Serializer):  # type: ignore[type-arg]
    """A place. Keep the ticket; the code gives the same place back on another device."""

    ticket = serializers.CharField()
    code = serializers.CharField()
    place = PlaceShown()


class ChallengeShown(serializers.Serializer):  # type: ignore[type-arg]
    """Find a text so that SHA-256("CHALLENGE:TEXT") begins with so many zero bits, or wait `patience` seconds."""

    challenge = serializers.CharField(allow_blank=True)
    bits = serializers.IntegerField(help_text="0: no work is asked for.")
    patience = serializers.IntegerField()


class JoinAsked(serializers.Serializer):  # type: ignore[type-arg]
    """Both empty where no work is asked for."""

    challenge = serializers.CharField(required=False, allow_blank=True, max_length=100, default="")
    solution = serializers.CharField(required=False, allow_blank=True, max_length=40, default="")


class TicketSent(serializers.Serializer):  # type: ignore[type-arg]
    """A ticket."""

    ticket = serializers.CharField(max_length=64)


class EnterAsked(TicketSent):
    """A ticket whose number was called."""

    again = serializers.BooleanField(default=False, help_text="Take the one re-entry after a missed turn.")


class CodeSent(serializers.Serializer):  # type: ignore[type-arg]
    """A recovery code."""

    code = serializers.CharField(max_length=40)


class PassShown(serializers.Serializer):  # type: ignore[type-arg]
    """Minutes in the shop, for one order."""

    token = serializers.CharField(help_text=f"Send it as {gatekeeping.PASS_HEADER} with the order.")
    expires_at = serializers.DateTimeField()
    shop = serializers.CharField(help_text="The page of the shop; the cookie that opens it was set.")


class Challenge(APIView):
    """What is asked for at joining."""

    @extend_schema(operation_id="queue_challenge", responses={200: ChallengeShown, 404: _PROBLEM})
    def get(self, request: Request, room: str) -> Response:
        """A challenge, where work is asked for."""
        bits = queueing.work_bits()
        given = queueing.challenge(slug=_known(room), at=timezone.now()) if bits else ""
        return Response({"challenge": given, "bits": bits, "patience": int(work.PATIENCE.total_seconds())})


class Tickets(APIView):
    """Numbers are taken here."""

    @extend_schema(
        operation_id="join_queue",
        request=JoinAsked,
        responses={201: JoinedShown, 400: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM, 429: _PROBLEM},
    )
    @method_decorator(ratelimit(key="ip", rate=join_rate, method="POST", block=True))
    def post(self, request: Request, room: str) -> Response:
        """Take a number. 409 `open`: there is no queue, go straight in; 409 `closed`, `drained`: nobody is taken."""
        asked = JoinAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        at = timezone.now()
        try:
            joined = queueing.join(slug=room, at=at, **asked.validated_data)
        except queueing.NoSuchRoom:
            raise Http404 from None
        except queueing.NotTaking as refusal:
            raise _not_taking(refusal) from None
        except queueing.TooEarly as early:
            detail = f"Show the work, or send the same challenge in {early.seconds} seconds."
            raise Problem(status_code=422, code="too_early", detail=detail) from None
        except queueing.NotAChallenge:
            raise Problem(status_code=422, code="no_challenge", detail="Ask for a new challenge.") from None
        return _joined(joined, status=201)


class Places(APIView):
    """Where a ticket stands."""

    @extend_schema(
        operation_id="queue_place",
        request=TicketSent,
        responses={200: PlaceShown, 400: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM, 429: _PROBLEM},
    )
    @method_decorator(ratelimit(key="ip", rate=join_rate, method="POST", block=True))
    def post(self, request: Request, room: str) -> Response:
        """The place of one ticket. Whoever only waits reads the status file instead."""
        asked = TicketSent(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            place = queueing.place_of(slug=room, ticket=asked.validated_data["ticket"], at=timezone.now())
        except queueing.NoSuchRoom:
            raise Http404 from None
        except (queueing.NotATicket, queueing.TooOld) as refusal:
            raise _no_ticket(refusal) from None
        return Response(_place(place))


class Passes(APIView):
    """Who was called enters here."""

    @extend_schema(
        operation_id="enter_shop",
        request=EnterAsked,
        responses={200: PassShown, 400: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM, 429: _PROBLEM},
    )
    @method_decorator(ratelimit(key="ip", rate=ENTER_RATE, method="POST", block=True))
    def post(self, request: Request, room: str) -> Response:
        """Minutes in the shop. The same ticket again gives the same pass.

        409: `not_called`; `turn_missed` (with `again` one re-entry is left); `turn_over`; `pass_used`; `open`;
        `closed`; `drained`.
        """
        asked = EnterAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        at = timezone.now()
        entered = _entered(room, at=at, **asked.validated_data)
        seller = next((one.seller for one in room_files.listed() if one.slug == room), "")
        shown = {
            "token": gatekeeping.pass_token(entered, slug=room),
            "expires_at": entered.expires_at,
            "shop": gatekeeping.shop_address(seller),
        }
        response = Response(PassShown(shown).data)
        gatekeeping.keep_pass(response, slug=room, entered=entered, at=at)
        return response


class Recovery(APIView):
    """A place on another device."""

    @extend_schema(
        operation_id="recover_place",
        request=CodeSent,
        responses={200: JoinedShown, 400: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM, 429: _PROBLEM},
    )
    @method_decorator(ratelimit(key="ip", rate=RECOVER_RATE, method="POST", block=True))
    @method_decorator(
        ratelimit(key="orders.room_views.room_asked", rate=RECOVER_RATE_A_ROOM, method="POST", block=True)
    )
    def post(self, request: Request, room: str) -> Response:
        """The ticket that a recovery code stands for. 422 `mistyped`, `no_ticket`, `too_old`."""
        asked = CodeSent(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            joined = queueing.recover(slug=room, code=asked.validated_data["code"], at=timezone.now())
        except queueing.NoSuchRoom:
            raise Http404 from None
        except queueing.Mistyped:
            detail = "A letter of the code is wrong, or two have changed places."
            raise Problem(status_code=422, code="mistyped", detail=detail) from None
        except (queueing.NotATicket, queueing.TooOld) as refusal:
            raise _no_ticket(refusal) from None
        return _joined(joined, status=200)


def _entered(room: str, *, ticket: str, again: bool, at: datetime) -> Any:
    try:
        return queueing.enter(slug=room, ticket=ticket, at=at, again=again)
    except queueing.NoSuchRoom:
        raise Http404 from None
    except (queueing.NotATicket, queueing.TooOld) as refusal:
        raise _no_ticket(refusal) from None
    except queueing.NotCalled as early:
        detail = f"Not called yet; look again in {early.place.look_again} seconds."
        raise Problem(status_code=409, code="not_called", detail=detail) from None
    except queueing.TurnMissed as missed:
        code = "turn_missed" if missed.again else "turn_over"
        wait = f" Ask again in {missed.seconds} seconds." if missed.seconds else ""
        detail = f"The number was called and nobody came.{wait}"
        raise Problem(status_code=409, code=code, detail=detail) from None
    except queueing.PassUsed:
        raise Problem(status_code=409, code="pass_used", detail="This number has had its order.") from None
    except queueing.NotTaking as refusal:
        raise _not_taking(refusal) from None


def _joined(joined: Joined, *, status: int) -> Response:
    shown = {"ticket": joined.ticket, "code": joined.code, "place": _place(joined.place)}
    response = Response(shown, status=status)
    gatekeeping.keep_ticket(response, slug=joined.place.room, ticket=joined.ticket)
    return response


def _place(place: Place) -> Any:
    return PlaceShown(place).data


def _not_taking(refusal: queueing.NotTaking) -> Problem:
    return Problem(status_code=409, code=refusal.state, detail=f"The room is {refusal.state}.")


def _no_ticket(refusal: Exception) -> Problem:
    code = "too_old" if isinstance(refusal, queueing.TooOld) else "no_ticket"
    return Problem(status_code=422, code=code, detail="This is no ticket of this room, or it is too old.")


def _known(room: str) -> str:
    try:
        return queueing.facts_of(room).slug
    except queueing.NoSuchRoom:
        raise Http404 from None
