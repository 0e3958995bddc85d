"""Bundles: a ZIP is received, its report is agreed to once, and each ready file becomes a document of the order.

    received (SENT) -> checked by a worker (`bundle_checking`) -> the buyer's word -> bound and sealed as any other

Before the word nothing is used up: documents are prepared without an order, as anybody may prepare one.
"""

import hashlib
import uuid
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.core.files.base import File
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from meterai import states
from orders.models import Order

from . import erasing, files, placing
from .models import Bundle, BundleFile, Document

OPEN_ORDERS = (Order.State.PENDING, Order.State.PAID)
MOST_WAITING, MOST_KEPT = 3, 30
"""Bundles of one order that may wait to be checked, and that may be there at all."""
LIVE = (Document.State.PLACED, Document.State.QUEUED, Document.State.SEALED)


class KeyReused(Exception):
    """This idempotency key was used before, for another ZIP, list or order (answer 422)."""


class NotNow(Exception):
    """The order takes no documents any more, or the bundle is not one whose report waits for the buyer's word."""


class TooMany(Exception):
    """This order has as many bundles as one may have."""


class NothingReady(Exception):
    """No file of the bundle can be stamped."""


class FewerStamps(Exception):
    """The order has `free` stamps without a document, and `ready` files want one."""

    def __init__(self, *, free: int, ready: int) -> None:
        super().__init__(f"{free} < {ready}")
        self.free, self.ready = free, ready


def receive(
    *, order: Order, archive: "File[bytes]", list_beside: str, idempotency_key: str, at: datetime
) -> tuple[Bundle, bool]:
    """Keep a ZIP for a worker to check, and the text of a list beside it ("" without one). (bundle, whether it is new).

    The same key and content give the same bundle again. Raises KeyReused, NotNow, TooMany.
    """
    digest = _digest(order, archive.chunks(), list_beside)
    if known := _known(idempotency_key, digest):
        return known, False
    _check_room(order)
    identity = uuid.uuid4()
    bundle = Bundle(
        id=identity,
        order=order,
        source=files.keep_archive(bundle=identity, file=archive),
        list_beside=list_beside,
        length=archive.size,
        idempotency_key=idempotency_key,
        idempotency_digest=digest,
        created_at=at,
        claimed_until=at,
    )
    try:
        with transaction.atomic():
            bundle.save(force_insert=True)
            states.note(bundle, old="", new=bundle.state, at=at, actor="buyer")
    except IntegrityError:
        files.drop(bundle.source)
        if known := _known(idempotency_key, digest):  # the same form, sent twice at once
            return known, False
        raise
    return bundle, True


def confirm(*, bundle: Bundle, first_only: bool, at: datetime, expected: int | None = None) -> int:
    """The buyer's word for every ready file, once; returns how many documents became the order's.

    With fewer stamps than files nothing is done (FewerStamps) unless `first_only`: then the first files of the report
    get them and the others are left. `expected` is the number of files that the buyer was shown. Raises NotNow,
    NothingReady, states.MovedMeanwhile (it is another number by now: look at the report again).
    """
    with transaction.atomic():
        # Whoever attaches a document to the order waits here, so that its free stamps are counted once.
        order = Order.objects.select_for_update().get(pk=bundle.order_id)
        held = Bundle.objects.select_for_update().get(pk=bundle.pk)
        if held.state != Bundle.State.CHECKED or order.state not in OPEN_ORDERS:
            raise NotNow(held.state)
        _refuse_twins(held, at)
        ready = list(ready_files(held))
        free = max(placing.free_places(order), 0)
        if not ready:
            raise NothingReady(held.pk)
        if len(ready) > free and not (first_only and free):
            raise FewerStamps(free=free, ready=len(ready))
        taken, left = ready[:free], ready[free:]
        if expected not in (None, len(taken)):
            raise states.MovedMeanwhile(f"{len(taken)} files, not {expected}")
        _take(order, taken, at)
        _move(taken, BundleFile.State.TAKEN, at)
        _move(left, BundleFile.State.LEFT, at)
        states.move(held, to=Bundle.State.CONFIRMED, at=at, actor="buyer", confirmed_at=at)
    bundle.refresh_from_db()
    return len(taken)


def discard(*, bundle: Bundle, at: datetime, actor: str) -> None:
    """Erase a bundle that is not being checked, and the documents that nobody agreed to. Raises states.NoSuchArrow,
    MovedMeanwhile."""
    unused = list(
        Document.objects.filter(bundle_files__bundle=bundle, order=None, confirmed_at=None).exclude(
            state=Document.State.ERASED
        )
    )
    source = bundle.source
    with transaction.atomic():
        states.move(
            bundle, to=Bundle.State.ERASED, at=at, actor=actor, source="", list_beside="", mistakes=[], failure=""
        )
        bundle.files.all().delete()
    files.drop(source)
    for document in unused:
        with suppress(states.NoSuchArrow, states.MovedMeanwhile):
            erasing.erase(document=document, at=at, actor=actor)


def erase_old(*, at: datetime, limit: int = 50) -> int:
    """Erase bundles that nobody agreed to for so long as a prepared document is kept, and agreed ones with their
    documents' time; returns how many."""
    unused = Q(state__in=["checked", "refused"], created_at__lt=at - erasing.ABANDONED)
    used = Q(state="confirmed", created_at__lt=at - timedelta(days=settings.DOCUMENT_DAYS))
    old = list(Bundle.objects.filter(unused | used)[:limit])
    for bundle in old:
        discard(bundle=bundle, at=at, actor="sweeper")
    for bundle in Bundle.objects.exclude(state="sent").exclude(source="")[:limit]:
        drop_archive(bundle)
    return len(old)


def drop_archive(bundle: Bundle) -> None:
    """The ZIP itself, once every file of it was looked at. Repeated by `erase_old` where a worker was killed."""
    files.drop(bundle.source)
    Bundle.objects.filter(pk=bundle.pk).exclude(state="sent").update(source="", list_beside="")


def ready_files(bundle: Bundle) -> "QuerySet[BundleFile]":
    """Files whose document still waits for the buyer's word, in their order."""
    usable = bundle.files.filter(state=BundleFile.State.READY, document__state=Document.State.PLACED)
    return usable.filter(document__order=None, document__confirmed_at=None).order_by("ordinal")


def digests_of(order: Order) -> set[str]:
    """SHA-256 of every file that has a live document in this order, as it was sent and as it was kept."""
    documents = order.documents.filter(state__in=LIVE)
    kept = documents.values_list("source_sha256", flat=True)
    sent = BundleFile.objects.filter(document__in=documents).values_list("sha256", flat=True)
    return set(kept) | set(sent)


def _digest(order: Order, pieces: Iterable[bytes], list_beside: str) -> str:
    archive = hashlib.sha256()
    for piece in pieces:
        archive.update(piece)
    return hashlib.sha256(repr((order.pk, archive.hexdigest(), list_beside)).encode()).hexdigest()


def _known(key: str, digest: str) -> Bundle | None:
    bundle = Bundle.objects.select_related("order").filter(idempotency_key=key).first()
    if bundle is not None and bundle.idempotency_digest != digest:
        raise KeyReused(key)
    return bundle


def _check_room(order: Order) -> None:
    if order.state not in OPEN_ORDERS:
        raise NotNow(order.state)
    kept = order.bundles.exclude(state=Bundle.State.ERASED)
    if kept.count() >= MOST_KEPT or kept.filter(state=Bundle.State.SENT).count() >= MOST_WAITING:
        raise TooMany(order.code)


def _refuse_twins(bundle: Bundle, at: datetime) -> None:
    """The law takes the duty of a document once: what the order has meanwhile is not stamped again."""
    known = digests_of(bundle.order)
    for row in bundle.files.filter(state=BundleFile.State.READY, sha256__in=known):
        states.move(row, to=BundleFile.State.REFUSED, at=at, actor="worker", code="in_order_already")


def _take(order: Order, rows: list[BundleFile], at: datetime) -> None:
    """Attach and confirm at once: `placing.bind_due` binds each to a stamp as soon as the order is paid."""
    free = Document.objects.filter(
        pk__in=[row.document_id for row in rows], order=None, state=Document.State.PLACED, confirmed_at=None
    )
    if free.update(order=order, confirmed_at=at) != len(rows):
        raise states.MovedMeanwhile("a document of the bundle was used elsewhere")


def _move(rows: list[BundleFile], to: str, at: datetime) -> None:
    keys = [row.pk for row in rows]
    states.move_all(BundleFile, keys=keys, old=BundleFile.State.READY, to=to, at=at, actor="buyer")
