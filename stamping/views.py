"""Pages of orders with their documents: an order page, preparing, placing, download."""

import uuid
from dataclasses import asdict, replace
from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_ratelimit.decorators import ratelimit

from meterai.answers import SeeOther
from meterai.states import MovedMeanwhile, NoSuchArrow
from orders.access import open_order
from orders.models import Order
from orders.showing import payment_facts

from . import again, erasing, files, place_showing, placing, preparing, previewing, showing, tasks, wording
from .access import open_document
from .forms import PRESETS, ConfirmForm, PlaceForm, UploadForm, passed_on, preset_place
from .models import Document
from .pdf.geometry import Placement
from .pdf.pictures import Picture
from .pdf.trouble import Hostile, Refused, Unreadable

PREPARED = "disiapkan"  # the cookie that remembers a prepared document
# Limits an address are for floods: thousands of phones may share one behind a carrier's NAT.
UPLOAD_RATE, CHANGE_RATE = "60/m", "240/m"
PREVIEW_RATE = "30/m"  # a document: nobody looks more often, and a preview costs a seal
UNSAVED = {"preset", "nudge", "look"}
"""Buttons of the placing form that only show."""
UNDRAWN = (ValueError, FileNotFoundError, Hostile, Unreadable)
"""Why there is no picture: no such page or place, erased, or a file that PDFium makes nothing of."""


@require_GET
def order(request: HttpRequest, code: str, key: str) -> HttpResponse:
    """Everything a buyer may do with an order, opened by its secret link."""
    found = open_order(code, key)
    return _order_page(request, found, UploadForm())


@require_POST
@ratelimit(key="ip", rate=UPLOAD_RATE, method="POST", block=True)
def add_document(request: HttpRequest, code: str, key: str) -> HttpResponse:
    """A PDF for an order that is open or paid."""
    found = open_order(code, key)
    form = UploadForm(request.POST, request.FILES)
    if form.is_valid() and placing.free_places(found) < 1:
        form.add_error(None, _("Semua meterai pesanan ini sudah punya dokumen."))
    document = _taken(form) if not form.errors and form.is_valid() else None
    if document is None:
        return _order_page(request, found, form, status=422)
    try:
        placing.attach(document=document, order=found)
    except placing.NoStampLeft:
        form.add_error(None, _("Semua meterai pesanan ini sudah punya dokumen."))
        return _order_page(request, found, form, status=422)
    return SeeOther(document.get_absolute_url())


@require_http_methods(["GET", "POST"])
@ratelimit(key="ip", rate=UPLOAD_RATE, method="POST", block=True)
def prepare(request: HttpRequest) -> HttpResponse:
    """Preparing is free: no order, no queue, no stock."""
    form = UploadForm(request.POST or None, request.FILES or None) if request.method == "POST" else UploadForm()
    if request.method == "POST":
        document = _taken(form)
        if document is not None:
            return _remember(SeeOther(document.get_absolute_url()), document)
    return render(request, "stamping/prepare.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True)
def document(request: HttpRequest, pk: uuid.UUID, key: str) -> HttpResponse:
    """One document: choose a place, agree, follow, download. A POST asks for one more stamp on the sealed file."""
    found = open_document(pk, key)
    if found.state == Document.State.ERASED:
        return render(request, "stamping/erased.html", status=410)
    if request.method == "POST":
        return _one_more(found, request)
    return _document_page(request, found)


@require_POST
@ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True)
def place(request: HttpRequest, pk: uuid.UUID, key: str) -> HttpResponse:
    """Save the place that the form says. Its other buttons save nothing: they turn to another page (`turn`), move the
    stamp (`preset`, `nudge`) or show it as it will be (`look`), and so do the same without script as with it."""
    found = open_document(pk, key)
    if found.state not in Document.EDITABLE or found.confirmed_at:
        return _say_final(request, found)
    pages = preparing.facts_of(found).pages
    turned = request.POST.get("turn", "")
    if turned.isascii() and turned.isdigit() and 1 <= int(turned[:5]) <= len(pages):
        return _document_page(request, found, placement=place_showing.first_place(found, page=int(turned[:5])))
    form = PlaceForm(request.POST, pages=pages)
    if not form.is_valid():
        return _document_page(request, found, form=form, status=422)
    try:
        return _placed(request, found, form.placement)
    except (placing.NotEditable, MovedMeanwhile, NoSuchArrow):
        return _say_final(request, found)
    except placing.OutsideThePage:
        form.add_error(None, _("Tempat meterai tidak benar. Pilih ulang tempatnya."))
        return _document_page(request, found, form=form, status=422)


def _placed(request: HttpRequest, found: Document, wanted: Placement) -> HttpResponse:
    if not UNSAVED & set(request.POST):
        placing.place(document=found, at=timezone.now(), **asdict(wanted))
        return SeeOther(found.get_absolute_url() + "#setuju")
    moved = _moved(found, wanted, request)
    return _document_page(request, found, placement=moved, is_looking="look" in request.POST)


def _moved(found: Document, wanted: Placement, request: HttpRequest) -> Placement:
    """The place after the button that was pressed. Raises OutsideThePage."""
    preset, nudge = request.POST.get("preset", ""), request.POST.get("nudge", "")
    if preset == "suggested":
        return place_showing.first_place(found, page=wanted.page)
    if preset in PRESETS:
        shown = preparing.facts_of(found).pages[wanted.page - 1]
        wanted = preset_place(shown, number=wanted.page, preset=preset, size=wanted.size)
    elif nudge in place_showing.NUDGES:
        right, up = place_showing.NUDGES[nudge]
        wanted = replace(wanted, x=wanted.x + right, y=wanted.y + up)
    return placing.fit(document=found, wanted=wanted)


@require_POST
@ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True)
def confirm(request: HttpRequest, pk: uuid.UUID, key: str) -> HttpResponse:
    """The person's word that the document is final and may be affixed."""
    found = open_document(pk, key)
    form = ConfirmForm(request.POST)
    if not form.is_valid():
        return _document_page(request, found, confirm_form=form, status=422)
    try:
        placing.confirm(document=found, at=timezone.now())
    except placing.NotEditable:
        return _say_final(request, found)
    if found.order_id is None:
        gone = _("Pesanan itu tidak punya e-meterai lagi. Dokumen tersimpan; pakai dengan pesanan lain.")
        messages.warning(request, gone)
    tasks.ring()
    return SeeOther(found.get_absolute_url())


@require_POST
@ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True)
def use(request: HttpRequest, pk: uuid.UUID, key: str) -> HttpResponse:
    """Let a prepared document use a stamp of the order whose link the form carries."""
    found = open_document(pk, key)
    chosen = open_order(request.POST.get("order", ""), request.POST.get("order_key", ""))
    try:
        placing.attach(document=found, order=chosen)
    except placing.NoStampLeft:
        messages.error(request, _("Semua meterai pesanan ini sudah punya dokumen."))
        return SeeOther(chosen.get_absolute_url())
    except placing.NotEditable:
        messages.info(request, _("Dokumen ini sudah dipakai pada sebuah pesanan."))
    return SeeOther(found.get_absolute_url())


@require_POST
@ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True)
def remove(request: HttpRequest, pk: uuid.UUID, key: str) -> HttpResponse:
    """Erase the document at its owner's wish; serial, digest and dates remain."""
    found = open_document(pk, key)
    owner = found.order
    try:
        erasing.erase(document=found, at=timezone.now(), actor="buyer")
    except (NoSuchArrow, MovedMeanwhile):
        return _say_final(request, found)
    messages.success(request, _("Dokumen dihapus dari peladen kami."))
    return SeeOther(owner.get_absolute_url() if owner else reverse("stamping:prepare"))


@require_GET
def page_picture(request: HttpRequest, pk: uuid.UUID, key: str, page: int) -> HttpResponse:
    """The picture of a page, or with `?kecil` its small one."""
    found = open_document(pk, key)
    draw = previewing.little_picture if "kecil" in request.GET else previewing.page_picture
    try:
        picture = draw(document=found, page=page)
    except UNDRAWN:
        raise Http404 from None
    return _picture(picture)


@require_GET
@ratelimit(key="ip", rate=CHANGE_RATE, block=True)
@ratelimit(key="stamping.views.document_asked", rate=PREVIEW_RATE, block=True)
def preview(request: HttpRequest, pk: uuid.UUID, key: str) -> HttpResponse:
    """The page with the stamp on it: where the address says, else where it was placed."""
    found = open_document(pk, key)
    try:
        placement = placing.fit(document=found, wanted=_asked(request, found))
        picture = previewing.preview(document=found, placement=placement)
    except (*UNDRAWN, Refused):
        raise Http404 from None
    return _picture(picture)


def _asked(request: HttpRequest, found: Document) -> Placement:
    """The place `di=page_x_y_size` that a preview is asked for, in points. Raises ValueError."""
    asked = request.GET.get("di", "")
    if asked:
        page, x, y, size = asked.split("_")
        return Placement(int(page[:5]), *(float(value[:12]) for value in (x, y, size)))
    if found.page is None or found.x is None or found.y is None or found.size is None:
        raise ValueError("not placed")
    return Placement(found.page, found.x, found.y, found.size)


@require_GET
def download(request: HttpRequest, pk: uuid.UUID, key: str) -> HttpResponse:
    """The sealed file, only ever the committed one, as a download."""
    found = open_document(pk, key)
    if found.state != Document.State.SEALED:
        raise Http404
    response = HttpResponse(files.read(found.output), content_type="application/pdf")
    stem = found.name.removesuffix(".pdf")
    response.headers["Content-Disposition"] = _attachment(f"{stem}-bermeterai.pdf")
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _attachment(name: str) -> str:
    return content_disposition_header(as_attachment=True, filename=name) or "attachment"


def _taken(form: UploadForm) -> Document | None:
    """The uploaded document, or None with the reasons on the form."""
    if not form.is_valid():
        return None
    file = form.cleaned_data["file"]
    if file.size > settings.MAX_UPLOAD_BYTES:
        form.refuse(["too_large"])
        return None
    try:
        return preparing.take_up(name=file.name, source=file.read(), at=timezone.now())
    except preparing.NotTakeable as refusal:
        form.refuse(refusal.codes)
        return None


def _order_page(request: HttpRequest, found: Order, form: UploadForm, status: int = 200) -> HttpResponse:
    now = timezone.now()
    facts = showing.order_facts(order=found, at=now) | payment_facts(order=found, at=now)
    facts |= {"form": form, "key": found.key, "prepared": _prepared(request), "now": now}
    facts["address"] = request.build_absolute_uri(found.get_absolute_url())
    return render(request, "stamping/order.html", facts, status=status)


def _remember(response: HttpResponse, document: Document) -> HttpResponse:
    """So that the order page offers the document, also after a round trip through the gateway."""
    response.set_signed_cookie(
        PREPARED,
        f"{document.pk}.{document.key}",
        max_age=erasing.ABANDONED,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return response


def _prepared(request: HttpRequest) -> Document | None:
    """The document that was prepared before the order: carried through the checkout, or the last of this browser."""
    carried = request.GET.get("dokumen") or request.get_signed_cookie(PREPARED, "", max_age=erasing.ABANDONED)
    given = passed_on(carried or "")
    if given is None:
        return None
    try:
        found = open_document(*given)
    except Http404:
        return None
    return found if found.order_id is None and found.state in Document.EDITABLE else None


def _one_more(found: Document, request: HttpRequest) -> HttpResponse:
    """The sealed file, prepared again for one more stamp."""
    try:
        another = again.take_up(document=found, at=timezone.now())
    except again.NotSealed:
        return _say_final(request, found)
    except preparing.NotTakeable as refusal:
        for code in refusal.codes:
            messages.error(request, wording.finding(code))
        return SeeOther(found.get_absolute_url())
    return _remember(SeeOther(another.get_absolute_url()), another)


def _document_page(
    request: HttpRequest,
    found: Document,
    *,
    placement: Placement | None = None,
    form: PlaceForm | None = None,
    confirm_form: ConfirmForm | None = None,
    is_looking: bool = False,
    status: int = 200,
) -> HttpResponse:
    facts = {"document": found, "key": found.key, "shown": showing.shown_document(found)}
    facts |= {"findings": showing.findings(found), "order": found.order}
    if found.sealed_at:
        facts["kept_until"] = found.sealed_at + timedelta(days=settings.DOCUMENT_DAYS)
        facts["left"] = placing.free_places(found.order) if found.order else 0
    if found.state in Document.EDITABLE and not found.confirmed_at:
        at = placement or _place_of(found, form)
        facts |= place_showing.facts(document=found, placement=at, form=form)
        facts |= _preview_facts(found, at, is_looking=is_looking)
        facts["confirm_form"] = confirm_form or ConfirmForm()
    return render(request, "stamping/document.html", facts, status=status)


def _place_of(found: Document, form: PlaceForm | None) -> Placement:
    """Where the stamp is shown: on the page that a wrong form names, where it was placed, or where we suggest."""
    page = form.cleaned_data.get("page") if form else None
    if found.page is not None and page in (None, found.page):
        return Placement(found.page, found.x or 0, found.y or 0, found.size or 0)
    return place_showing.first_place(found, page=page)


def _preview_facts(found: Document, at: Placement, *, is_looking: bool) -> dict[str, object]:
    """The preview of what was saved, or, when it was asked for, of what the form says."""
    saved = Placement(found.page, found.x or 0, found.y or 0, found.size or 0) if found.page else None
    seen = at if is_looking else saved
    return place_showing.foreseen(document=found, placement=seen) | {"is_saved": seen == saved} if seen else {}


def _say_final(request: HttpRequest, found: Document) -> HttpResponse:
    messages.info(request, _("Dokumen ini sudah disetujui dan tidak dapat diubah lagi."))
    return SeeOther(found.get_absolute_url())


def document_asked(group: str, request: HttpRequest) -> str:
    """The document whose preview is asked for."""
    return str(request.resolver_match.kwargs["pk"]) if request.resolver_match else ""


def _picture(picture: Picture) -> HttpResponse:
    response = HttpResponse(picture.data, content_type=picture.content_type)
    response["Cache-Control"] = "private, max-age=3600"
    return response
