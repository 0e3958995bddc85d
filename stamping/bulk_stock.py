"""Bulk from stock: each file of a folder becomes a document of one order, bound, sealed and committed as by a worker.

The document's identity follows from the order and the SHA-256 of the file, so that the database itself refuses a second
one. Killed anywhere, the next run finds each document where it was left and takes it on from there.
"""

import hashlib
import itertools
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection

from meterai.claiming import claim
from meterai.states import MovedMeanwhile
from orders.models import Order

from . import bundles, files, placing, sealing, unattended
from .bulk import shown_place
from .models import Document
from .pdf.geometry import Placement
from .unattended import Refusal

NAMESPACE = uuid.UUID("6d657465-7261-4920-a273-746f636b2031")
PAUSE_SECONDS = 0.2
KEPT = "kept"
"""How a place was found that an earlier run, or somebody on the order's page, had chosen."""
ONE_AT_A_TIME = threading.Lock()
"""Sealing keeps things for the whole process that take one file at a time; what takes long is preparing."""
Clock = Callable[[], datetime]


class NotPaid(Exception):
    """The order has no sold stamps to use: it is not paid, or its money went back."""


@dataclass
class Stocked:
    """Implements `bulk.Seals` with the stamps of a paid order. `clock` says what time it is."""

    bought: Order
    clock: Clock
    _turns: dict[str, threading.Lock] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises NotPaid."""
        if self.bought.state != Order.State.PAID:
            raise NotPaid(self.bought.state)

    @property
    def order(self) -> str:
        """Its code."""
        return str(self.bought.code)

    def seal(self, *, name: str, source: bytes, place: Placement | None) -> tuple[dict[str, Any], bytes]:
        """See `bulk.Seals.seal`. Each thread gives its connection back after each file."""
        try:
            return self._seal(name, source, place)
        except Refusal as refusal:
            return {"code": refusal.code}, b""
        except (MovedMeanwhile, IntegrityError, placing.NotEditable):
            return {"code": "not_sealed_yet"}, b""  # another run, or a worker, has it at this moment
        finally:
            if not connection.in_atomic_block:
                connection.close()

    def close(self) -> None:
        """Nothing is kept open."""

    def _seal(self, name: str, source: bytes, place: Placement | None) -> tuple[dict[str, Any], bytes]:
        digest = hashlib.sha256(source).hexdigest()
        with self._turns.setdefault(digest, threading.Lock()):  # the same bytes under two names, in two threads
            return self._document(digest, name, source, place)

    def _document(self, digest: str, name: str, source: bytes, place: Placement | None) -> tuple[dict[str, Any], bytes]:
        document = self._known(digest)
        again = document is not None and document.state == Document.State.SEALED
        how = KEPT
        if document is None or document.state in Document.UNBOUND:
            document, how = self._bound(document, name, source, digest, place)
        if document.state == Document.State.QUEUED:
            self._sealed(document)
        return _line(document, how=how, again=again)

    def _known(self, digest: str) -> Document | None:
        """The live document of these bytes in this order, however it came there. Raises Refusal(`erased`)."""
        document = Document.objects.filter(pk=self._identity(digest)).first()
        if document is None and digest in bundles.digests_of(self.bought):
            document = (
                self.bought.documents.filter(state__in=bundles.LIVE, source_sha256=digest).first()
                or self.bought.documents.filter(state__in=bundles.LIVE, bundle_files__sha256=digest).first()
            )
        if document is not None and document.state == Document.State.ERASED:
            raise Refusal("erased")
        return document

    def _identity(self, digest: str) -> uuid.UUID:
        """The id of the document that these bytes have in this order, or will have: one that gave its stamp back makes
        room for another."""
        for number in itertools.count():
            identity = uuid.uuid5(NAMESPACE, f"{self.bought.pk}/{digest}/{number}")
            dead = Document.objects.filter(pk=identity, state__in=["failed", "erased"])
            if not dead.exclude(state="erased", stamp__isnull=False).exists():
                return identity
        raise AssertionError("numbers end")

    def _bound(
        self, document: Document | None, name: str, source: bytes, digest: str, place: Placement | None
    ) -> tuple[Document, str]:
        """Prepared, placed, attached, confirmed and bound, from wherever an earlier run left it; and how its place was
        found. Raises Refusal."""
        how = KEPT
        if document is None or document.order_id is None:
            if placing.free_places(self.bought) < 1:
                raise Refusal("no_stamp_left")
            identity = document.pk if document else self._identity(digest)
            document = unattended.take_up(identity=identity, name=name, source=source, at=self.clock())
        if document.confirmed_at is None:
            how = self._agree(document, place)
        else:
            placing.bind(document=document, at=self.clock())
        document.refresh_from_db()
        if document.order_id is None:
            raise Refusal("no_stamp_left")
        return document, how

    def _agree(self, document: Document, place: Placement | None) -> str:
        how = KEPT
        if document.state == Document.State.DRAFT:
            found = unattended.Place(place, "asked") if place else unattended.find_place(document=document)
            how, there = found.how, found.at
            try:
                placing.place(
                    document=document, page=there.page, x=there.x, y=there.y, size=there.size, at=self.clock()
                )
            except placing.OutsideThePage:
                raise Refusal("no_such_page") from None
        if document.order_id is None:
            try:
                placing.attach(document=document, order=self.bought)
            except placing.NoStampLeft:
                raise Refusal("no_stamp_left") from None
        placing.confirm(document=document, at=self.clock())
        return how

    def _sealed(self, document: Document) -> None:
        """Seal a queued document, or wait until whoever holds it has done so. Raises Refusal."""
        lease = timedelta(seconds=settings.SEAL_LEASE_SECONDS)
        ours = Document.objects.filter(pk=document.pk, state=Document.State.QUEUED).select_related("order", "stamp")
        patience = time.monotonic() + lease.total_seconds() + 5
        while document.state == Document.State.QUEUED:
            claimed = claim(ours, due="claimed_until", at=self.clock(), lease=lease, limit=1)
            for one in claimed:
                with ONE_AT_A_TIME:
                    sealing.seal(document=one, at=self.clock())
            document.refresh_from_db()
            if document.state == Document.State.QUEUED and (claimed or time.monotonic() > patience):
                raise Refusal("not_sealed_yet")
            if document.state == Document.State.QUEUED:
                time.sleep(PAUSE_SECONDS)


def _line(document: Document, *, how: str, again: bool) -> tuple[dict[str, Any], bytes]:
    if document.state == Document.State.FAILED:
        return {"code": document.failure or "engine"}, b""
    try:
        data = files.read(document.output)
    except FileNotFoundError:
        return {"code": "erased"}, b""
    bound = document.binding()
    place = Placement(page=bound.page, x=bound.x, y=bound.y, size=bound.size)
    notes = tuple(one["code"] for one in document.facts.get("findings", ()))
    return {"serial": bound.serial, "place": shown_place(place, how), "notes": notes, "again": again}, data
