"""Received: a file of the issuer gets its row, in which it waits to be imported, or is cancelled."""

import uuid
from datetime import datetime, timedelta

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from . import claiming, states
from .delivery_file import Announcement
from .models import Batch, Delivery, User
from .stocking import AlreadyImported

# A killed worker's delivery is taken up by another one so long after it.
LEASE = timedelta(seconds=30)


class OnItsWay(Exception):
    """A delivery of this reference waits to be imported, or is being imported right now."""


class NotWaiting(Exception):
    """The delivery has ended meanwhile; there is nothing to cancel."""


def receive(*, file: "File[bytes]", announced: Announcement, by: User, at: datetime) -> Delivery:
    """Store an upload and leave it for a worker. Raises AlreadyImported, OnItsWay; nothing is stored then."""
    _must_be_new(announced.reference)
    name = default_storage.save(f"deliveries/{uuid.uuid4().hex}", file)
    try:
        return _create(announced, file=name, size=file.size, by=by, at=at)
    except OnItsWay:
        default_storage.delete(name)
        raise


def begin(*, announced: Announcement, size: int, by: User, at: datetime, lease: timedelta = LEASE) -> Delivery | None:
    """The claimed delivery for a file that its owner reads where it lies: a new one, or one that was interrupted.

    None while somebody else works on it, and for a lease after that one was killed. Raises AlreadyImported, OnItsWay
    (as an upload).
    """
    waiting = Delivery.objects.filter(reference=announced.reference, state=Delivery.State.WAITING)
    if waiting.exclude(file="").exists():
        raise OnItsWay(announced.reference)
    is_new = not waiting.exists()
    if is_new:
        _must_be_new(announced.reference)
        _create(announced, file="", size=size, by=by, at=at)
    claimed = claiming.claim(waiting.filter(file=""), due="claimed_until", at=at, lease=lease, limit=1)
    if not claimed:
        return None
    if not is_new:
        _take_up(claimed[0], announced=announced, size=size, by=by, at=at)
    return claimed[0]


def cancel(*, delivery: Delivery, by: User, at: datetime) -> None:
    """End a delivery that waits, even one that is worked on: whoever does finds the claim lost. Raises NotWaiting."""
    ended = {"failure": "cancelled", "ended_at": at, "claimed_until": None}
    try:
        states.move(delivery, to=Delivery.State.REFUSED, at=at, actor=by.username, reason="cancelled", **ended)
    except (states.NoSuchArrow, states.MovedMeanwhile):
        raise NotWaiting(delivery.reference) from None


def _must_be_new(reference: str) -> None:
    if Batch.objects.filter(reference=reference).exists():
        raise AlreadyImported(reference)
    if Delivery.objects.filter(reference=reference, state=Delivery.State.WAITING).exists():
        raise OnItsWay(reference)


def _create(announced: Announcement, *, file: str, size: int, by: User, at: datetime) -> Delivery:
    try:
        with transaction.atomic():
            delivery = Delivery.objects.create(
                reference=announced.reference,
                file=file,
                bytes_total=size,
                expected_count=announced.count,
                expected_sha256=announced.sha256,
                received_at=at,
                received_by=by,
                claimed_until=at,
            )
            states.note(delivery, old="", new=delivery.state, at=at, actor=by.username)
    except IntegrityError:
        raise OnItsWay(announced.reference) from None
    return delivery


def _take_up(delivery: Delivery, *, announced: Announcement, size: int, by: User, at: datetime) -> None:
    """Four eyes: the last one who named the file answers for it. (Another file under this number starts over.)"""
    delivery.expected_count, delivery.expected_sha256 = announced.count, announced.sha256
    delivery.bytes_total, delivery.received_by = size, by
    with transaction.atomic():
        delivery.save(update_fields=["expected_count", "expected_sha256", "bytes_total", "received_by"])
        states.note(delivery, old=delivery.state, new=delivery.state, at=at, actor=by.username, reason="taken up")
