"""An order's page as it is followed, and everything of an order as one download."""

from django.db import connection
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_GET
from django_ratelimit.decorators import ratelimit

from orders import receipts
from orders.access import open_order
from orders.models import Order, Refund
from orders.showing import payment_facts

from . import bundling, following, showing
from .models import Document

# A bundle reads every file of an order: often enough for a person, too seldom to be of use to anybody else.
BUNDLE_RATE, BUNDLE_RATE_AN_ORDER = "30/m", "20/h"


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
    # Sending may take minutes on a slow line, and needs no database: the connection goes back to the pool first.
    if not connection.in_atomic_block:  # never so in a request; a test may hold everything in one transaction
        connection.close()
    response = StreamingHttpResponse(bundling.zipped(entries), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="pesanan-{order.code}.zip"'
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
