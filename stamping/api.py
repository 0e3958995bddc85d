"""Documents and checks for programs: the same steps as the pages. Refusals are problem documents (RFC 9457)."""

import re
import uuid

from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.decorators import method_decorator
from django_ratelimit.decorators import ratelimit
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meterai.problems import Problem
from meterai.states import MovedMeanwhile, NoSuchArrow
from orders.access import open_order
from orders.serializers import ProblemShown

from . import files, placing, preparing, repairs, tasks, verifying, wording
from .access import open_document
from .models import Document
from .pdf.mendable import Kind
from .serializers import (
    Agreement,
    CheckSent,
    DocumentSent,
    DocumentShown,
    Placement,
    RepairAsked,
    RepairDecision,
    ReportShown,
    SealShown,
    document_shown,
    report_shown,
    seal_shown,
)

UPLOAD_RATE, CHANGE_RATE, CHECK_RATE, MEND_RATE = "60/m", "240/m", "60/m", "30/m"
SERIAL = re.compile(r"[A-Z0-9]{22}")

_PROBLEM = OpenApiResponse(ProblemShown, description="Problem details")
_KEY = OpenApiParameter(
    "X-Document-Key", OpenApiTypes.STR, OpenApiParameter.HEADER, required=True, description="The document's `key`"
)


class Documents(APIView):
    """Documents are prepared here, free and without an order."""

    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="send_document",
        request={"multipart/form-data": DocumentSent},
        responses={201: DocumentShown, 400: _PROBLEM, 413: _PROBLEM, 422: _PROBLEM, 429: _PROBLEM},
    )
    @method_decorator(ratelimit(key="ip", rate=UPLOAD_RATE, method="POST", block=True))
    def post(self, request: Request) -> Response:
        """Examine a PDF and keep it; `unfit` when a repair must be chosen first. 422 with the code of the reason when
        it cannot take a stamp."""
        sent = DocumentSent(data=request.data)
        sent.is_valid(raise_exception=True)
        file = sent.validated_data["file"]
        try:
            document = preparing.take_up(name=file.name, source=file.read(), at=timezone.now())
        except preparing.NotTakeable as refusal:
            detail = " ".join(wording.finding(code) for code in refusal.codes)
            raise Problem(status_code=422, code=refusal.codes[0], detail=detail) from None
        return Response(document_shown(document), status=201)


class OneDocument(APIView):
    """A document, opened by its id and its key."""

    @extend_schema(operation_id="show_document", parameters=[_KEY], responses={200: DocumentShown, 404: _PROBLEM})
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """Where the document stands."""
        return Response(document_shown(_opened(request, pk)))


class DocumentRepairs(APIView):
    """Repairs are made here, to be looked at; they decide nothing."""

    @extend_schema(
        operation_id="make_repair",
        parameters=[_KEY],
        request=RepairAsked,
        responses={
            201: DocumentShown,
            400: _PROBLEM,
            404: _PROBLEM,
            409: _PROBLEM,
            422: _PROBLEM,
            429: _PROBLEM,
            503: _PROBLEM,
        },
    )
    @method_decorator(ratelimit(key="ip", rate=MEND_RATE, method="POST", block=True))
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Make a mended copy beside the original; 422 with the code of the reason when that is in vain."""
        document = _opened(request, pk)
        asked = RepairAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            repairs.make(document=document, kind=Kind(asked.validated_data["kind"]), at=timezone.now())
        except repairs.NotOffered:
            raise _not_offered() from None
        except repairs.NotMendable as refusal:
            raise Problem(status_code=422, code=refusal.code, detail=wording.finding(refusal.code)) from None
        except repairs.Busy:
            detail = "This machine repairs as many files as it can; try again in 10 seconds."
            raise Problem(status_code=503, code="busy", detail=detail) from None
        return Response(document_shown(document), status=201)


class RepairChoice(APIView):
    """The word on a mended copy."""

    @extend_schema(
        operation_id="choose_repair",
        parameters=[_KEY],
        request=RepairDecision,
        responses={200: DocumentShown, 400: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 429: _PROBLEM},
    )
    @method_decorator(ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True))
    def post(self, request: Request, pk: uuid.UUID, kind: str) -> Response:
        """Let the copy be the document from now on, or keep the original. A chosen copy is a draft: place it anew."""
        document = _opened(request, pk)
        asked = RepairDecision(data=request.data)
        asked.is_valid(raise_exception=True)
        offers = (one.offer for one in repairs.choices(document=document) if one.offer and one.kind.value == kind)
        offer = next((one for one in offers if one.after_sha256 == asked.validated_data["sha256"]), None)
        try:
            if offer is None:
                raise repairs.NotOffered(kind)
            decide = repairs.choose if asked.validated_data["use"] else repairs.decline
            decide(repair=offer, at=timezone.now())
        except repairs.NotOffered:
            raise _not_offered() from None
        document.refresh_from_db()
        return Response(document_shown(document))


class DocumentPlacement(APIView):
    """Where the stamp goes."""

    @extend_schema(
        operation_id="place_stamp",
        parameters=[_KEY],
        request=Placement,
        responses={200: DocumentShown, 400: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM, 429: _PROBLEM},
    )
    @method_decorator(ratelimit(key="ip", rate=CHANGE_RATE, method="PUT", block=True))
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        """Place the stamp; may be repeated until the document is agreed to."""
        document = _opened(request, pk)
        asked = Placement(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            placing.place(document=document, at=timezone.now(), **asked.validated_data)
        except placing.OutsideThePage:
            raise Problem(status_code=422, code="no_such_page", detail=wording.finding("no_such_page")) from None
        except (placing.NotEditable, MovedMeanwhile, NoSuchArrow):
            raise _final() from None
        return Response(document_shown(document))


class DocumentAgreement(APIView):
    """The word that the document may be sealed."""

    @extend_schema(
        operation_id="agree_to_sealing",
        parameters=[_KEY],
        request=Agreement,
        responses={202: DocumentShown, 400: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 429: _PROBLEM},
    )
    @method_decorator(ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True))
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Bind the document to a stamp of an order; sealed as soon as the order is paid. A repeat changes nothing."""
        document = _opened(request, pk)
        asked = Agreement(data=request.data)
        asked.is_valid(raise_exception=True)
        order = open_order(asked.validated_data["order"], asked.validated_data["order_key"])
        if document.order_id == order.pk and document.confirmed_at:
            return Response(document_shown(document), status=202)
        try:
            if document.order_id != order.pk:
                placing.attach(document=document, order=order)
            placing.confirm(document=document, at=timezone.now())
        except placing.NoStampLeft:
            detail = "Every stamp of this order is spoken for."
            raise Problem(status_code=409, code="no_stamp_left", detail=detail) from None
        except placing.NotEditable:
            raise _final() from None
        tasks.ring()
        return Response(document_shown(document), status=202)


class DocumentFile(APIView):
    """The sealed file."""

    @extend_schema(
        operation_id="fetch_sealed_file",
        parameters=[_KEY],
        responses={(200, "application/pdf"): OpenApiTypes.BINARY, 404: _PROBLEM, 409: _PROBLEM},
    )
    def get(self, request: Request, pk: uuid.UUID) -> HttpResponseBase:
        """The committed sealed file; 409 while it is not sealed."""
        document = _opened(request, pk)
        if document.state != Document.State.SEALED:
            raise Problem(status_code=409, code="not_sealed", detail="This document is not sealed.")
        headers = {"Content-Disposition": f'attachment; filename="{document.pk}.pdf"'}
        return HttpResponse(files.read(document.output), content_type="application/pdf", headers=headers)


class Checks(APIView):
    """Files are checked here. Nothing is kept."""

    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="check_file",
        request={"multipart/form-data": CheckSent},
        responses={200: ReportShown, 400: _PROBLEM, 413: _PROBLEM, 429: _PROBLEM, 503: _PROBLEM},
    )
    @method_decorator(ratelimit(key="ip", rate=CHECK_RATE, method="POST", block=True))
    def post(self, request: Request) -> Response:
        """The facts about every seal of ours in a PDF, and what follows from them."""
        sent = CheckSent(data=request.data)
        sent.is_valid(raise_exception=True)
        file = sent.validated_data["file"]
        if file.size > settings.MAX_VERIFY_BYTES:
            raise Problem(status_code=413, code="too_large", detail=wording.finding("too_large"))
        try:
            report = verifying.verify_file(source=file.read(), at=timezone.now())
        except verifying.Busy:
            detail = "This machine checks as many files as it can; try again in 10 seconds."
            raise Problem(status_code=503, code="busy", detail=detail) from None
        return Response(report_shown(report))


class OneSerial(APIView):
    """What the books say about a serial."""

    @extend_schema(operation_id="check_serial", responses={200: SealShown, 404: _PROBLEM, 429: _PROBLEM})
    @method_decorator(ratelimit(key="ip", rate=CHECK_RATE, method="GET", block=True))
    def get(self, request: Request, serial: str) -> Response:
        """Without its document a serial is never called valid."""
        if not SERIAL.fullmatch(serial):
            raise Problem(status_code=404, code="not_a_serial", detail="A serial has 22 letters A-Z and digits.")
        return Response(seal_shown(verifying.verify_serial(serial=serial)))


def _opened(request: Request, pk: uuid.UUID) -> Document:
    return open_document(pk, request.headers.get("X-Document-Key", ""))


def _not_offered() -> Problem:
    detail = "This document is not offered that repair, or not any more."
    return Problem(status_code=409, code="not_offered", detail=detail)


def _final() -> Problem:
    detail = "This document is agreed to or sealed already, or not placed yet."
    return Problem(status_code=409, code="not_editable", detail=detail)
