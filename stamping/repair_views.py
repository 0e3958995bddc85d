"""Pages of repairs: what is offered, the original beside the copy, and the person's choice. No script is needed."""

import uuid

from django.contrib import messages
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django_ratelimit.decorators import ratelimit

from meterai.answers import SeeOther

from . import files, repair_showing, repairs, wording
from .access import open_document
from .models import Document, Repair
from .pdf import child, mending_child
from .pdf.mendable import Kind
from .pdf.trouble import Hostile, Unreadable

MEND_RATE, CHANGE_RATE, LOOK_RATE = "30/m", "240/m", "480/m"
KEPT_SECONDS = 3600


@require_GET
def show(request: HttpRequest, pk: uuid.UUID, key: str) -> HttpResponse:
    """Everything that may be repaired, with what was made already beside the original."""
    found = open_document(pk, key)
    if found.state == Document.State.ERASED:
        return render(request, "stamping/erased.html", status=410)
    offers = repair_showing.offers(found)
    if not offers and not repair_showing.is_signed(found):
        return SeeOther(found.get_absolute_url())
    return render(request, "stamping/repair.html", {"document": found, "key": found.key, "offers": offers})


@require_POST
@ratelimit(key="ip", rate=MEND_RATE, method="POST", block=True)
def make(request: HttpRequest, pk: uuid.UUID, key: str, kind: str) -> HttpResponse:
    """Make the copy, so that it can be looked at. Decides nothing."""
    found = open_document(pk, key)
    try:
        repairs.make(document=found, kind=_kind(kind), at=timezone.now())
    except repairs.NotMendable as refusal:
        messages.error(request, wording.finding(refusal.code))
    except repairs.NotOffered:
        messages.info(request, _("Perbaikan itu tidak ditawarkan lagi untuk dokumen ini."))
    except repairs.Busy:
        messages.warning(request, _("Sedang banyak berkas yang diperbaiki. Coba lagi sebentar lagi."))
    return SeeOther(_address(found, kind))


@require_POST
@ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True)
def choose(request: HttpRequest, pk: uuid.UUID, key: str, kind: str) -> HttpResponse:
    """The person's word: this copy, which the form names by its digest, is the document from now on."""
    found = open_document(pk, key)
    try:
        repairs.choose(repair=_offered(found, kind, request), at=timezone.now())
    except repairs.NotOffered:
        messages.info(request, _("Perbaikan itu tidak ditawarkan lagi untuk dokumen ini."))
        return SeeOther(_address(found))
    messages.success(request, _("Berkas yang diperbaiki kini dipakai."))
    found.refresh_from_db()
    return SeeOther(_address(found) if found.state == Document.State.UNFIT else found.get_absolute_url())


@require_POST
@ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True)
def decline(request: HttpRequest, pk: uuid.UUID, key: str, kind: str) -> HttpResponse:
    """The person's word: the original stays."""
    found = open_document(pk, key)
    try:
        repairs.decline(repair=_offered(found, kind, request), at=timezone.now())
    except repairs.NotOffered:
        messages.info(request, _("Perbaikan itu tidak ditawarkan lagi untuk dokumen ini."))
        return SeeOther(_address(found))
    messages.success(request, _("Berkas asal tetap dipakai; hasil perbaikannya sudah dihapus."))
    return SeeOther(_address(found) if found.state == Document.State.UNFIT else found.get_absolute_url())


@require_GET
@ratelimit(key="ip", rate=LOOK_RATE, block=True)
def picture(request: HttpRequest, pk: uuid.UUID, key: str, kind: str, which: str) -> HttpResponse:
    """The page that shows it best, of the original (`sebelum`) or of the copy (`sesudah`)."""
    return _seen(open_document(pk, key), kind, which, near=False)


@require_GET
@ratelimit(key="ip", rate=LOOK_RATE, block=True)
def near(request: HttpRequest, pk: uuid.UUID, key: str, kind: str, which: str) -> HttpResponse:
    """The part that differs most, enlarged."""
    return _seen(open_document(pk, key), kind, which, near=True)


def _seen(found: Document, kind: str, which: str, *, near: bool) -> HttpResponse:
    offer = _current(found, kind)
    if offer is None or which not in ("sebelum", "sesudah"):
        raise Http404
    name = f"repair:{offer.pk}:{which}:{near}"
    kept: tuple[bytes, str] | None = cache.get(name)
    if kept is None:
        try:
            kept = _drawn(files.read(found.source if which == "sebelum" else offer.file), offer, near=near)
        except (ValueError, FileNotFoundError, Hostile, Unreadable):
            raise Http404 from None
        cache.set(name, kept, KEPT_SECONDS)
    response = HttpResponse(kept[0], content_type=kept[1])
    response["Cache-Control"] = "private, max-age=3600"
    return response


def _drawn(source: bytes, offer: Repair, *, near: bool) -> tuple[bytes, str]:
    measures = repairs.measures_of(offer)
    if near and measures.loss is not None:
        lost = measures.loss
        return mending_child.detail(source, page=lost.page, left=lost.left, top=lost.top), "image/png"
    drawn = child.draw(source, page=measures.page, width=repair_showing.PICTURE_WIDTH)
    return drawn.data, drawn.content_type


def _kind(given: str) -> Kind:
    try:
        return Kind(given)
    except ValueError:
        raise Http404 from None


def _current(found: Document, kind: str) -> Repair | None:
    wanted = _kind(kind)
    return next((one.offer for one in repairs.choices(document=found) if one.kind is wanted), None)


def _offered(found: Document, kind: str, request: HttpRequest) -> Repair:
    """The copy that the person saw. Raises NotOffered when it is another by now."""
    offer = _current(found, kind)
    if offer is None or offer.after_sha256 != request.POST.get("sha256"):
        raise repairs.NotOffered(kind)
    return offer


def _address(found: Document, kind: str = "") -> str:
    place = reverse("stamping:repairs", args=[found.pk, found.key])
    return f"{place}#{kind}" if kind else place
