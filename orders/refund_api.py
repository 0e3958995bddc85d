"""Money back for programs: the same steps as the pages. Every refusal is a problem document (RFC 9457)."""

from typing import Any

from django import forms
from django.conf import settings
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django_ratelimit.decorators import ratelimit
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meterai.problems import Problem, idempotency_key

from . import payouts, refund_forms, refunding, returning
from .access import open_order
from .models import Order, Refund
from .serializers import ProblemShown

REFUND_RATE = "60/m"
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


class RefundWish(serializers.Serializer):  # type: ignore[type-arg]
    """Which unused stamps to give back."""

    serials = serializers.ListField(child=serializers.CharField(max_length=22), min_length=1, max_length=1000)


class AccountWish(serializers.Serializer):  # type: ignore[type-arg]
    """Where a refund goes that no gateway can send."""

    bank = serializers.ChoiceField(choices=refund_forms.BANKS)
    number = serializers.CharField(max_length=40, help_text="5 to 20 digits.")
    holder = serializers.CharField(max_length=80)

    def validate_number(self, value: str) -> str:
        """Digits alone."""
        return _checked(refund_forms.account_number, value, "5 to 20 digits.")

    def validate_holder(self, value: str) -> str:
        """Letters that a bank can write."""
        return _checked(refund_forms.plain_name, value, "A name in Latin letters.")


class RefundOfOrder(serializers.Serializer):  # type: ignore[type-arg]
    """Money on its way back. Amounts are whole rupiah."""

    id = serializers.IntegerField()
    state = serializers.CharField(help_text="account (name a bank account), requested, sent, done or cancelled")
    reason = serializers.CharField(help_text="wish, surplus, overpaid, sold_out, recalled or amount")
    way = serializers.CharField(help_text="gateway or transfer")
    amount = serializers.IntegerField()
    serials = serializers.ListField(child=serializers.CharField())
    requested_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True, help_text="When the money went.")
    done_at = serializers.DateTimeField(allow_null=True)
    transfer_reference = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True, help_text="The refund note, once done. Holds the secret key.")


class Refunds(APIView):
    """Refunds of an order are asked for here."""

    @extend_schema(
        operation_id="list_refunds", parameters=[_ORDER_KEY], responses={200: RefundOfOrder(many=True), 404: _PROBLEM}
    )
    def get(self, request: Request, code: str) -> Response:
        """Every refund of the order, newest first."""
        order = _opened(request, code)
        refunds = Refund.objects.filter(payment__order=order).prefetch_related("stamps").order_by("-pk")
        return Response([_shown(order, refund) for refund in refunds])

    @extend_schema(
        operation_id="refund_stamps",
        parameters=[_ORDER_KEY, _IDEMPOTENCY],
        request=RefundWish,
        responses={201: RefundOfOrder, 200: RefundOfOrder, 400: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM},
    )
    @method_decorator(ratelimit(key="ip", rate=REFUND_RATE, method="POST", block=True))
    def post(self, request: Request, code: str) -> Response:
        """Give unused stamps back for their full price. The same key and body give the same refund again, with 200."""
        order = _opened(request, code)
        key = idempotency_key(request)
        asked = RefundWish(data=request.data)
        asked.is_valid(raise_exception=True)
        known = Refund.objects.filter(idempotency_key=key).exists()
        refund = _returned(order, asked.validated_data["serials"], key)
        return Response(_shown(order, refund), status=200 if known else 201)


class RefundAccount(APIView):
    """The bank account of a refund in state `account`."""

    @extend_schema(
        operation_id="name_refund_account",
        parameters=[_ORDER_KEY],
        request=AccountWish,
        responses={200: RefundOfOrder, 400: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM},
    )
    @method_decorator(ratelimit(key="ip", rate=REFUND_RATE, method="PUT", block=True))
    def put(self, request: Request, code: str, pk: int) -> Response:
        """Name it, or correct it until the transfer has begun."""
        order = _opened(request, code)
        asked = AccountWish(data=request.data)
        asked.is_valid(raise_exception=True)
        refund = get_object_or_404(Refund.objects.select_related("payment__order"), payment__order=order, pk=pk)
        try:
            payouts.give_account(refund=refund, at=timezone.now(), **asked.validated_data)
        except payouts.NotNow:
            detail = "This refund needs no account, or its transfer has begun."
            raise Problem(status_code=409, code="account_closed", detail=detail) from None
        return Response(_shown(order, refund))


def _returned(order: Order, serials: list[str], key: str) -> Refund:
    try:
        return returning.return_stamps(order=order, serials=serials, idempotency_key=key, at=timezone.now())
    except returning.WrongStamps:
        detail = "Name serials of this order."
        raise Problem(status_code=422, code="wrong_stamps", detail=detail) from None
    except returning.InUse as taken:
        detail = f"{taken.serial or 'One of them'} is used, bound to a document, or was given back; nothing was done."
        raise Problem(status_code=409, code="in_use", detail=detail) from None
    except returning.TooLate:
        detail = f"Stamps can be given back for {settings.REFUND_DAYS} days after paying; they stay valid."
        raise Problem(status_code=409, code="too_late", detail=detail) from None
    except (returning.NotReturnable, refunding.TooMuch):
        detail = "The order is not paid, or not any more."
        raise Problem(status_code=409, code="not_returnable", detail=detail) from None
    except returning.KeyReused:
        detail = "This Idempotency-Key was used before with another body."
        raise Problem(status_code=422, code="key_reused", detail=detail) from None


def _opened(request: Request, code: str) -> Order:
    return open_order(code, request.headers.get("X-Order-Key", ""))


def _shown(order: Order, refund: Refund) -> dict[str, Any]:
    names = ("state", "reason", "way", "amount", "requested_at", "sent_at", "done_at", "transfer_reference")
    note = reverse("orders:refund_note", args=[order.code, order.key, refund.pk])
    return {name: getattr(refund, name) for name in names} | {
        "id": refund.pk,
        "serials": sorted(stamp.serial_id for stamp in refund.stamps.all()),
        "note": settings.SITE_URL + note if refund.state == Refund.State.DONE else "",
    }


def _checked(clean: Any, value: str, words: str) -> str:
    try:
        return str(clean(value))
    except forms.ValidationError:
        raise serializers.ValidationError(words) from None
