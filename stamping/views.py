"""Pages of orders with their documents: an order page, preparing, placing, download."""

import uuid
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

from . import erasing, files, placing, preparing, previewing, showing, tasks
from .access import open_document
from .forms import PRESETS, ConfirmForm, PlaceForm, UploadForm, passed_on, starting_place
from .models import Document
from .pdf.child import Hostile, Unreadable

PREPARED = "disiapkan"  # the cookie that remembers a prepared document
# Limits an address are for floods: thousands of phones may share one behind a carrier's NAT.
UPLOAD_RATE, CHANGE_RATE = "60/m", "240/m"


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


@require_GET
def document(request: HttpRequest, pk: uuid.UUID, key: str) -> HttpResponse:
    """One document: choose a place, agree, follow, download."""
    found = open_document(pk, key)
    if found.state == Document.State.ERASED:
        return render(request, "stamping/erased.html", status=410)
    return _document_page(request, found)


@require_POST
@ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True)
def place(request: HttpRequest, pk: uuid.UUID, key: str) -> HttpResponse:
    """Take the numbers of the form, or those of a preset; `show` only turns to another page."""
    found = open_document(pk, key)
    pages = preparing.facts_of(found).pages
    form = PlaceForm(request.POST, pages=pages)
    if not form.is_valid():
        return _document_page(request, found, form=form, status=422)
    values = dict(form.cleaned_data)
    preset = request.POST.get("preset", "")
    if preset in PRESETS:
        values = starting_place(pages, page=values["page"], preset=preset, size=values["size"])
    if "preset" in request.POST or "show" in request.POST:
        return _document_page(request, found, form=PlaceForm(initial=values, pages=pages))
    try:
        placing.place(document=found, at=timezone.now(), **values)
    except (placing.NotEditable, MovedMeanwhile, NoSuchArrow):
        return _say_final(request, found)
    except placing.OutsideThePage:
        form.add_error(None, _("Tempat meterai tidak benar. Pilih ulang tempatnya."))
        return _document_page(request, found, form=form, status=422)
    return SeeOther(found.get_absolute_url() + "#setuju")


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
    """The picture of a page."""
    found = open_document(pk, key)
    try:
        picture = previewing.page_picture(document=found, page=page)
    except (ValueError, FileNotFoundError, Hostile, Unreadable):
        raise Http404 from None
    return _picture(picture.data, picture.content_type)


@require_GET
def preview(request: HttpRequest, pk: uuid.UUID, key: str) -> HttpResponse:
    """The chosen page with the stamp on it."""
    found = open_document(pk, key)
    try:
        drawn = previewing.preview_svg(document=found)
    except (ValueError, FileNotFoundError, Hostile, Unreadable):
        raise Http404 from None
    response = _picture(drawn.encode(), "image/svg+xml")
    # An SVG opened by itself is a document: nothing in it may run or load.
    response["Content-Security-Policy"] = "default-src 'none'; img-src data:; sandbox"
    return response


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
    if file.size > settings.MAX_DOCUMENT_BYTES:
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


def _document_page(
    request: HttpRequest,
    found: Document,
    form: PlaceForm | None = None,
    confirm_form: ConfirmForm | None = None,
    status: int = 200,
) -> HttpResponse:
    facts = {"document": found, "key": found.key, "shown": showing.shown_document(found)}
    facts |= {"findings": showing.findings(found), "order": found.order}
    if found.sealed_at:
        facts["kept_until"] = found.sealed_at + timedelta(days=settings.DOCUMENT_DAYS)
    if found.state in Document.EDITABLE and not found.confirmed_at:
        facts |= _placing_facts(found, form)
        facts["confirm_form"] = confirm_form or ConfirmForm()
    return render(request, "stamping/document.html", facts, status=status)


def _placing_facts(found: Document, form: PlaceForm | None) -> dict[str, object]:
    pages = preparing.facts_of(found).pages
    if form is None:
        placed = {"page": found.page, "x": found.x, "y": found.y, "size": found.size}
        initial = placed if found.page else starting_place(pages, page=len(pages), preset="bottom-right")
        form = PlaceForm(initial=initial, pages=pages)
    number = form["page"].value()
    number = int(number) if str(number).isdigit() and 1 <= int(number) <= len(pages) else 1
    shown = pages[number - 1]
    width, height = showing.picture_size(shown, width=previewing.WIDTH)
    return {
        "form": form,
        "page_number": number,
        "page": shown,
        "picture_width": width,
        "picture_height": height,
        "sizes": [[page.width, page.height] for page in pages],
        "page_count": len(pages),
        "presets": _preset_words(),
    }


def _preset_words() -> list[tuple[str, str]]:
    return [
        ("bottom-right", _("Kanan bawah")),
        ("bottom-left", _("Kiri bawah")),
        ("bottom-center", _("Tengah bawah")),
        ("top-right", _("Kanan atas")),
    ]


def _say_final(request: HttpRequest, found: Document) -> HttpResponse:
    messages.info(request, _("Dokumen ini sudah disetujui dan tidak dapat diubah lagi."))
    return SeeOther(found.get_absolute_url())


def _picture(data: bytes, content_type: str) -> HttpResponse:
    response = HttpResponse(data, content_type=content_type)
    response["Cache-Control"] = "private, max-age=3600"
    return response
