"""An order's page as it is followed, everything of an order as one download, and many documents as one upload."""

import uuid

from django.contrib import messages
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_ratelimit.decorators import ratelimit

from meterai.answers import SeeOther
from meterai.states import MovedMeanwhile, NoSuchArrow
from orders import receipts, ringing
from orders.access import open_order
from orders.models import Order, Refund
from orders.showing import payment_facts

from . import bundle_showing, bundles, bundling, following, placelist, placing, showing, tasks
from .bundle_forms import AgreementForm, BundleForm
from .models import Bundle, Document

# A bundle reads every file of an order: often enough for a person, too seldom to be of use to anybody else.
BUNDLE_RATE, BUNDLE_RATE_AN_ORDER = "30/m", "20/h"
UPLOAD_RATE, CHANGE_RATE = "20/m", "60/m"


@require_GET
def live(request: HttpRequest, code: str, key: str) -> HttpResponseBase:
    """The moving part of the order's page. 304 as long as it says what the asker has: two queries, three at most."""
    order, now = open_order(code, key), timezone.now()
    version = following.version(order=order, at=now)
    if (same := get_conditional_response(request, etag=f'"{version}"')) is not None:
        return _revalidated(same, version)
    facts = showing.order_facts(order=order, at=now) | payment_facts(order=order, at=now)
    return _revalidated(render(request, "stamping/live.html", facts), str(facts["version"]))


@require_GET
@ratelimit(key="ip", rate=BUNDLE_RATE, block=True)
@ratelimit(key="orders.buyer_views.order_named", rate=BUNDLE_RATE_AN_ORDER, block=True)
def bundle(request: HttpRequest, code: str, key: str) -> StreamingHttpResponse:
    """Receipt, refund notes and every sealed document as one ZIP; 404 before the order is paid."""
    order = open_order(code, key)
    if order.state not in Order.WAS_PAID:
        raise Http404
    entries = _entries(order)
    return _sent_zip(entries, f"pesanan-{order.code}.zip")


@require_http_methods(["GET", "HEAD", "POST"])
@ratelimit(key="ip", rate=UPLOAD_RATE, method="POST", block=True)
def many(request: HttpRequest, code: str, key: str) -> HttpResponse:
    """Send a ZIP (303 to its own page), and the bundles that were sent."""
    order = open_order(code, key)
    if request.method != "POST":
        return _many(request, order, BundleForm())
    form = BundleForm(request.POST, request.FILES)
    if not form.is_valid():
        return _many(request, order, form, status=422)
    sent = form.cleaned_data
    try:
        bundle, _new = bundles.receive(
            order=order,
            archive=sent["archive"],
            list_beside=sent["list_beside"],
            idempotency_key=f"form:{sent['token']}",
            at=timezone.now(),
        )
    except bundles.KeyReused:
        form.add_error(None, _("Formulir ini sudah pernah dikirim dengan isi lain. Muat ulang halamannya."))
    except bundles.NotNow:
        form.add_error(None, _("Pesanan ini tidak menerima dokumen lagi."))
    except bundles.TooMany:
        form.add_error(
            None, _("Terlalu banyak ZIP pada pesanan ini. Tunggu yang sebelumnya, atau buang yang tak terpakai.")
        )
    else:
        ringing.ring(tasks.check_bundles)
        return SeeOther(bundle.get_absolute_url())
    return _many(request, order, form, status=409)


@require_GET
def template(request: HttpRequest, code: str, key: str) -> HttpResponse:
    """A list to be filled in."""
    open_order(code, key)
    return _attached(placelist.TEMPLATE, "text/csv; charset=utf-8", "contoh.csv")


@require_GET
def one(request: HttpRequest, code: str, key: str, pk: uuid.UUID) -> HttpResponse:
    """A bundle: how far it is checked, its report, the word, how far it is sealed, the result."""
    return _page(request, *_opened(code, key, pk))


@require_GET
def one_live(request: HttpRequest, code: str, key: str, pk: uuid.UUID) -> HttpResponseBase:
    """The moving part of that page. 304 as long as it says what the asker has."""
    order, bundle = _opened(code, key, pk)
    version = bundle_showing.version(bundle=bundle)
    if (same := get_conditional_response(request, etag=f'"{version}"')) is not None:
        return _revalidated(same, version)
    facts = bundle_showing.page_facts(order=order, bundle=bundle) | {"form": AgreementForm()}
    return _revalidated(render(request, "stamping/bundle_live.html", facts), str(facts["version"]))


@require_POST
@ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True)
def confirm(request: HttpRequest, code: str, key: str, pk: uuid.UUID) -> HttpResponse:
    """The person's word for every ready file (303). 422 without it; 409 when the stamps do not reach, or the report
    has changed."""
    order, bundle = _opened(code, key, pk)
    form = AgreementForm(request.POST)
    if not form.is_valid():
        return _page(request, order, bundle, form=form, status=422)
    try:
        said = form.cleaned_data
        bundles.confirm(bundle=bundle, first_only=said["first_only"], expected=said["count"], at=timezone.now())
    except bundles.FewerStamps as fewer:
        found = {"free": fewer.free, "ready": fewer.ready}
        form.add_error(
            None, _("Pesanan ini punya %(free)s meterai untuk %(ready)s berkas; belum ada yang dipakai.") % found
        )
    except bundles.NothingReady:
        form.add_error(None, _("Tidak ada berkas yang siap dibubuhi."))
    except (bundles.NotNow, MovedMeanwhile):
        form.add_error(None, _("Keadaannya sudah berubah. Baca lagi laporannya."))
    else:
        tasks.ring()
        return SeeOther(bundle.get_absolute_url())
    bundle.refresh_from_db()
    return _page(request, order, bundle, form=form, status=409)


@require_POST
@ratelimit(key="ip", rate=CHANGE_RATE, method="POST", block=True)
def discard(request: HttpRequest, code: str, key: str, pk: uuid.UUID) -> HttpResponse:
    """Throw a report away, with the documents that nobody agreed to."""
    order, bundle = _opened(code, key, pk)
    try:
        bundles.discard(bundle=bundle, at=timezone.now(), actor="buyer")
    except (NoSuchArrow, MovedMeanwhile):
        messages.info(request, _("ZIP ini masih diperiksa; tunggu sebentar."))
        return SeeOther(bundle.get_absolute_url())
    messages.success(request, _("Laporan ZIP itu dihapus; tidak ada meterai yang terpakai olehnya."))
    return SeeOther(_many_address(order))


@require_GET
def report_csv(request: HttpRequest, code: str, key: str, pk: uuid.UUID) -> HttpResponse:
    """The report, a row a file, for a spreadsheet."""
    _order, bundle = _opened(code, key, pk)
    shown = [one for _row, one in bundle_showing.rows(bundle)]
    return _attached(bundle_showing.as_csv(shown), "text/csv; charset=utf-8", "laporan.csv")


@require_GET
def report_lines(request: HttpRequest, code: str, key: str, pk: uuid.UUID) -> HttpResponse:
    """The report as JSON lines."""
    _order, bundle = _opened(code, key, pk)
    shown = [one for _row, one in bundle_showing.rows(bundle)]
    return _attached("".join(bundle_showing.as_lines(shown)), "application/x-ndjson", "laporan.jsonl")


@require_GET
@ratelimit(key="ip", rate=BUNDLE_RATE, block=True)
@ratelimit(key="orders.buyer_views.order_named", rate=BUNDLE_RATE_AN_ORDER, block=True)
def result(request: HttpRequest, code: str, key: str, pk: uuid.UUID) -> StreamingHttpResponse:
    """Every sealed document of the bundle and its report as one ZIP; 404 before anything is sealed."""
    order, bundle = _opened(code, key, pk)
    entries = bundle_showing.result_entries(bundle, at=timezone.now())
    if not entries:
        raise Http404
    return _sent_zip(entries, f"hasil-{order.code}.zip")


def _opened(code: str, key: str, pk: uuid.UUID) -> tuple[Order, Bundle]:
    order = open_order(code, key)
    kept = order.bundles.exclude(state=Bundle.State.ERASED).select_related("order")
    return order, get_object_or_404(kept, pk=pk)


def _many(request: HttpRequest, order: Order, form: BundleForm, status: int = 200) -> HttpResponse:
    kept = order.bundles.exclude(state=Bundle.State.ERASED).select_related("order").order_by("-created_at")
    facts = {"order": order, "form": form, "bundles": kept, "free": max(placing.free_places(order), 0)}
    facts |= {"may_upload": order.state in bundles.OPEN_ORDERS, "key": order.key}
    return render(request, "stamping/bundles.html", facts, status=status)


def _page(
    request: HttpRequest, order: Order, bundle: Bundle, form: AgreementForm | None = None, status: int = 200
) -> HttpResponse:
    facts = bundle_showing.page_facts(order=order, bundle=bundle) | {"form": form or AgreementForm()}
    return render(request, "stamping/bundle.html", facts, status=status)


def _many_address(order: Order) -> str:
    return reverse("stamping:bundles", args=[order.code, order.key])


def _attached(text: str, content_type: str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(text, content_type=content_type, headers=headers)


def _sent_zip(entries: list[bundling.Entry], name: str) -> StreamingHttpResponse:
    # Sending may take minutes on a slow line, and needs no database: the connection goes back to the pool first.
    if not connection.in_atomic_block:  # never so in a request; a test may hold everything in one transaction
        connection.close()
    response = StreamingHttpResponse(bundling.zipped(entries), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _entries(order: Order) -> list[bundling.Entry]:
    """The papers are drawn here and now, since they may need the database; documents are read while they are sent."""
    now = timezone.now()
    papers = [bundling.Entry(name=f"kuitansi-{order.code}.pdf", at=now, data=receipts.receipt(order=order, at=now))]
    done = Refund.objects.filter(payment__order=order, state=Refund.State.DONE).order_by("pk")
    for number, refund in enumerate(done.select_related("payment__order"), start=1):
        name = f"nota-pengembalian-{order.code}-{number}.pdf"
        papers.append(bundling.Entry(name=name, at=now, data=receipts.refund_note(refund=refund, at=now)))
    return [*papers, *bundling.sealed_entries(order.documents.filter(state=Document.State.SEALED))]


def _revalidated(response: HttpResponseBase, version: str) -> HttpResponseBase:
    response["ETag"] = f'"{version}"'
    response["Cache-Control"] = "private, no-store"
    return response
