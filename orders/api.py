"""The shop for programs: the same steps as the pages. Every refusal is a problem document (RFC 9457)."""

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django_ratelimit.decorators import ratelimit
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meterai import taking
from meterai.problems import Problem, idempotency_key

from . import allowing, gatekeeping, ordering, paying, ringing, tasks
from .access import open_order
from .models import Order
from .payments.gateway import PaymentError
from .pricing import price
from .serializers import OrderShown, OrderWish, PriceAsked, PriceShown, ProblemShown, order_shown, price_shown

ORDER_RATE, CHECK_RATE = "120/m", "60/m"

_PROBLEM = OpenApiResponse(ProblemShown, description="Problem details")
_IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description="16 to 64 of A-Z a-z 0-9 _ -",
)
_ORDER_KEY = OpenApiParameter(
    "X-Order-Key", OpenApiTypes.STR, OpenApiParameter.HEADER, required=True, description="The order's `key`"
)
_QUEUE_PASS = OpenApiParameter(
    gatekeeping.PASS_HEADER,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The `token` of a pass; needed while the shop has a queue (503 `queue` without one).",
)


class Orders(APIView):
    """Orders are made here."""

    @extend_schema(
        operation_id="place_order",
        parameters=[_IDEMPOTENCY, _QUEUE_PASS],
        request=OrderWish,
        responses={
            201: OrderShown,
            200: OrderShown,
            400: _PROBLEM,
            409: _PROBLEM,
            422: _PROBLEM,
            429: _PROBLEM,
            503: _PROBLEM,
        },
    )
    @method_decorator(ratelimit(key="ip", rate=ORDER_RATE, method="POST", block=True))
    def post(self, request: Request) -> Response:
        """Reserve stamps and ask for the money. The same key and body give the same order again, with 200.

        The payment is `started` in the answer; how to pay is in the order a moment later: ask for it again.
        """
        key = idempotency_key(request)
        asked = OrderWish(data=request.data)
        asked.is_valid(raise_exception=True)
        known = Order.objects.filter(idempotency_key=key).exists()
        order = _placed(request, asked, key)
        ringing.ring(tasks.start_payments)
        return Response(order_shown(order), status=200 if known else 201)


class OneOrder(APIView):
    """An order, opened by its code and its key."""

    @extend_schema(operation_id="show_order", parameters=[_ORDER_KEY], responses={200: OrderShown, 404: _PROBLEM})
    def get(self, request: Request, code: str) -> Response:
        """Where the order stands."""
        return Response(order_shown(_opened(request, code)))


class CheckOrder(APIView):
    """ "I have paid": asks the gateway now."""

    @extend_schema(
        operation_id="check_order",
        parameters=[_ORDER_KEY],
        request=None,
        responses={200: OrderShown, 404: _PROBLEM, 429: _PROBLEM, 503: _PROBLEM},
    )
    @method_decorator(ratelimit(key="ip", rate=CHECK_RATE, method="POST", block=True))
    def post(self, request: Request, code: str) -> Response:
        """Ask the gateway about the order's payments, and show the order as it stands afterwards."""
        order = _opened(request, code)
        try:
            paying.check_order(order=order, at=timezone.now())
        except PaymentError:
            detail = "The gateway does not answer just now; the order is as it was. Ask again."
            raise Problem(status_code=503, code="gateway_silent", detail=detail) from None
        order.refresh_from_db()
        return Response(order_shown(order))


class Prices(APIView):
    """What stamps cost."""

    @extend_schema(operation_id="show_price", parameters=[PriceAsked], responses={200: PriceShown, 400: _PROBLEM})
    def get(self, request: Request) -> Response:
        """The price of so many stamps today, by way to pay."""
        asked = PriceAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        return Response(price_shown(price(quantity=asked.validated_data["quantity"])))


def _placed(request: Request, asked: OrderWish, key: str) -> Order:
    """The order, past the shop's door."""
    at = timezone.now()
    seller = asked.validated_data.get("reseller", "")
    try:
        token = request.headers.get(gatekeeping.PASS_HEADER, "")
        gate = gatekeeping.look(cookies={}, seller=seller, key=key, at=at, token=token)
        with gatekeeping.using(gate, key=key, at=at):
            return _place(asked, key)
    except gatekeeping.Shut as shut:
        where = f"{settings.SITE_URL}{reverse('orders_api:room_tickets', args=[shut.room])}"
        raise Problem(status_code=503, code="queue", detail=f"The shop has a queue. Join it: POST {where}") from None


def _place(asked: OrderWish, key: str) -> Order:
    try:
        return ordering.place_order(wish=asked.wish(), idempotency_key=key, at=timezone.now())
    except taking.SoldOut:
        raise Problem(status_code=409, code="sold_out", detail="Not enough stamps are left just now.") from None
    except allowing.LimitReached:
        detail = "One person may buy only so many stamps in a period; nothing was ordered."
        raise Problem(status_code=409, code="limit_reached", detail=detail) from None
    except ordering.InFlight:
        raise Problem(status_code=409, code="in_flight", detail="This key is being worked on; ask again.") from None
    except ordering.KeyReused:
        detail = "This Idempotency-Key was used before with another body."
        raise Problem(status_code=422, code="key_reused", detail=detail) from None
    except ordering.NotSelling:
        detail = "This reseller does not sell here, or the way to pay is not offered."
        raise Problem(status_code=422, code="not_selling", detail=detail) from None


def _opened(request: Request, code: str) -> Order:
    return open_order(code, request.headers.get("X-Order-Key", ""))
