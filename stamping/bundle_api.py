"""Many documents at once, for programs: the same steps as the pages. Refusals are problem documents (RFC 9457)."""

import uuid
from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.decorators import method_decorator
from django_ratelimit.decorators import ratelimit
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meterai.problems import Problem, idempotency_key
from meterai.states import MovedMeanwhile
from orders import ringing
from orders.access import open_order
from orders.models import Order
from orders.serializers import ProblemShown

from . import bundle_forms, bundle_showing, bundle_wording, bundles, placing, tasks
from .models import Bundle, BundleFile

UPLOAD_RATE, CHANGE_RATE = "20/m", "60/m"
_PROBLEM = OpenApiResponse(ProblemShown, description="Problem details")
_ORDER_KEY = OpenApiParameter(
    "X-Order-Key", OpenApiTypes.STR, OpenApiParameter.HEADER, required=True, description="The order's `key`"
)
_IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description="16 to 64 of A-Z a-z 0-9 _ -",
)


class BundleSent(serializers.Serializer):  # type: ignore[type-arg]
    """A ZIP of PDFs, and a list of places (CSV with file,page,x_mm,y_mm) beside it or inside it."""

    archive = serializers.FileField(max_length=255)
    list = serializers.FileField(max_length=255, required=False)


class BundleAgreement(serializers.Serializer):  # type: ignore[type-arg]
    """The word for every ready file."""

    final = serializers.BooleanField()
    first_only = serializers.BooleanField(
        default=False, help_text="With fewer stamps than ready files: take the first files, leave the others."
    )

    def validate_final(self, value: bool) -> bool:
        """Affixing cannot be undone."""
        if not value:
            raise serializers.ValidationError("Must be true: a sealed document must not be changed any more.")
        return value


class MistakeShown(serializers.Serializer):  # type: ignore[type-arg]
    """A wrong line of the list."""

    line = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable, for programs.")
    given = serializers.CharField(allow_blank=True)
    text = serializers.CharField()


class BundleFileShown(serializers.Serializer):  # type: ignore[type-arg]
    """A file of the ZIP."""

    file = serializers.CharField()
    verdict = serializers.CharField(
        help_text="waiting, ready, refused, left, queued, awaiting_payment, sealed or failed"
    )
    code = serializers.CharField(allow_blank=True, help_text="Why it was refused, left or failed. Stable.")
    reason = serializers.CharField(allow_blank=True)
    line = serializers.IntegerField(help_text="Of the list; 0 without one.")
    page = serializers.IntegerField(allow_null=True)
    x_mm = serializers.FloatField(allow_null=True)
    y_mm = serializers.FloatField(allow_null=True)
    how = serializers.CharField(allow_blank=True, help_text="asked, beside_signature, free_space or corner")
    covers = serializers.BooleanField(help_text="Whether the stamp stands on ink.")
    repaired = serializers.BooleanField(help_text="Whether its structure was put right; every page looks as before.")
    serial = serializers.CharField(allow_blank=True)
    result = serializers.CharField(allow_blank=True, help_text="Its name in the result ZIP.")
    sha256 = serializers.CharField(allow_blank=True, help_text="Of the sealed file.")
    sealed_at = serializers.DateTimeField(allow_null=True)
    document = serializers.CharField(allow_blank=True, help_text="The document's id.")
    document_key = serializers.CharField(allow_blank=True, help_text="Its secret: send it as X-Document-Key.")


class BundleShown(serializers.Serializer):  # type: ignore[type-arg]
    """A bundle and what is known of each file."""

    id = serializers.UUIDField()
    order = serializers.CharField()
    state = serializers.CharField(help_text="sent (being checked), checked, refused or confirmed")
    failure = serializers.CharField(allow_blank=True, help_text="Why the ZIP was refused as a whole. Stable.")
    free_stamps = serializers.IntegerField(help_text="Stamps of the order that no document speaks for.")
    created_at = serializers.DateTimeField()
    checked_at = serializers.DateTimeField(allow_null=True)
    confirmed_at = serializers.DateTimeField(allow_null=True)
    mistakes = MistakeShown(many=True)
    files = BundleFileShown(many=True)


class Bundles(APIView):
    """ZIPs are sent here."""

    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="send_bundle",
        parameters=[_ORDER_KEY, _IDEMPOTENCY],
        request={"multipart/form-data": BundleSent},
        responses={202: BundleShown, **dict.fromkeys((400, 404, 409, 413, 422, 429), _PROBLEM)},
    )
    @method_decorator(ratelimit(key="ip", rate=UPLOAD_RATE, method="POST", block=True))
    def post(self, request: Request, code: str) -> Response:
        """Send a ZIP to be checked. Nothing is used up. The same key and content give the same bundle again."""
        order, key = _order(request, code), idempotency_key(request)
        sent = BundleSent(data=request.data)
        sent.is_valid(raise_exception=True)
        archive, listed = sent.validated_data["archive"], sent.validated_data.get("list")
        if archive.size > bundle_forms.most_bytes() or (listed and listed.size > bundle_forms.LIST_BYTES):
            raise Problem(status_code=413, code="too_big", detail=bundle_wording.archive("too_big"))
        bundle = _receive(order, archive, _list_text(listed), key)
        ringing.ring(tasks.check_bundles)
        return Response(bundle_shown(bundle), status=202)


class OneBundle(APIView):
    """A bundle, opened by its order's code and key."""

    @extend_schema(
        operation_id="show_bundle",
        parameters=[_ORDER_KEY],
        responses={200: BundleShown, 304: None, 404: _PROBLEM},
    )
    def get(self, request: Request, code: str, pk: uuid.UUID) -> HttpResponseBase:
        """Where the bundle stands. Send the ETag as If-None-Match: 304 as long as nothing changed."""
        bundle = _bundle(_order(request, code), pk)
        etag = f'"{bundle_showing.version(bundle=bundle)}"'
        same = get_conditional_response(request._request, etag=etag)
        answer: HttpResponseBase = same if same is not None else Response(bundle_shown(bundle))
        answer["ETag"], answer["Cache-Control"] = etag, "private, no-store"
        return answer


class BundleConfirmation(APIView):
    """The word for all of it."""

    parser_classes = [JSONParser]

    @extend_schema(
        operation_id="confirm_bundle",
        parameters=[_ORDER_KEY],
        request=BundleAgreement,
        responses={202: BundleShown, **dict.fromkeys((400, 404, 409, 429), _PROBLEM)},
    )
    @method_decorator(ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True))
    def post(self, request: Request, code: str, pk: uuid.UUID) -> Response:
        """Let every ready file use a stamp of the order; sealed as soon as it is paid. A repeat changes nothing."""
        bundle = _bundle(_order(request, code), pk)
        asked = BundleAgreement(data=request.data)
        asked.is_valid(raise_exception=True)
        if bundle.state != Bundle.State.CONFIRMED:
            _confirm(bundle, first_only=asked.validated_data["first_only"])
            tasks.ring()
        return Response(bundle_shown(bundle), status=202)


def bundle_shown(bundle: Bundle) -> dict[str, Any]:
    """A bundle as the API shows it to whoever holds its order's key."""
    names = ("id", "state", "failure", "created_at", "checked_at", "confirmed_at")
    return {name: getattr(bundle, name) for name in names} | {
        "order": bundle.order.code,
        "free_stamps": max(placing.free_places(bundle.order), 0),
        "mistakes": [one | {"text": bundle_wording.mistake(one)} for one in bundle.mistakes],
        "files": [_file_shown(row, shown) for row, shown in bundle_showing.rows(bundle)],
    }


def _file_shown(row: BundleFile, shown: bundle_showing.FileShown) -> dict[str, Any]:
    document = row.document
    own = {"document": str(document.pk) if document else "", "document_key": document.key if document else ""}
    return {**asdict(shown), **own}


def _order(request: Request, code: str) -> Order:
    return open_order(code, request.headers.get("X-Order-Key", ""))


def _bundle(order: Order, pk: uuid.UUID) -> Bundle:
    return get_object_or_404(order.bundles.exclude(state=Bundle.State.ERASED).select_related("order"), pk=pk)


def _list_text(file: Any) -> str:
    if not file:
        return ""
    try:
        return bundle_forms.list_text(file.read())
    except ValidationError as wrong:
        raise Problem(status_code=422, code=str(wrong.code), detail=wrong.messages[0]) from None


def _receive(order: Order, archive: Any, list_beside: str, key: str) -> Bundle:
    try:
        bundle, _new = bundles.receive(
            order=order, archive=archive, list_beside=list_beside, idempotency_key=key, at=timezone.now()
        )
    except bundles.KeyReused:
        detail = "This Idempotency-Key was used before with another body."
        raise Problem(status_code=422, code="key_reused", detail=detail) from None
    except bundles.NotNow:
        raise Problem(status_code=409, code="not_now", detail="This order takes no documents any more.") from None
    except bundles.TooMany:
        detail = "This order has as many ZIPs waiting or kept as one may have."
        raise Problem(status_code=409, code="too_many", detail=detail) from None
    return bundle


def _confirm(bundle: Bundle, *, first_only: bool) -> None:
    try:
        bundles.confirm(bundle=bundle, first_only=first_only, at=timezone.now())
    except bundles.FewerStamps as fewer:
        detail = f"The order has {fewer.free} stamps for {fewer.ready} ready files; nothing was used."
        raise Problem(status_code=409, code="fewer_stamps", detail=detail) from None
    except bundles.NothingReady:
        raise Problem(status_code=409, code="nothing_ready", detail="No file can be stamped.") from None
    except (bundles.NotNow, MovedMeanwhile):
        detail = "The bundle is still being checked, or its report has changed: read it again."
        raise Problem(status_code=409, code="not_now", detail=detail) from None
