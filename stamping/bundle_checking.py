"""Checked: a worker unpacks a bundle file by file, prepares a document of each, and writes the report's rows.

The bundle is claimed; the rows say how far it is. A document's identity follows from its row, and its row moves in the
transaction that places it: killed anywhere, the next worker begins at that file, and no file is prepared twice.
"""

import hashlib
import logging
import re
import shutil
import tempfile
import time
import uuid
from datetime import datetime, timedelta
from typing import IO, Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import F

from meterai import states
from meterai.claiming import claim

from . import bundles, placelist, placing, unattended
from .models import Bundle, BundleFile
from .models_batch import WITH_DOCUMENT
from .placelist import ListUnusable, PlaceList, Wrong
from .unattended import Refusal
from .unpacking import Archive, Found, Limits, Unfit, Unusable

log = logging.getLogger(__name__)
ROUND_SECONDS = 15.0
"""After so long a worker lets others have a turn: a file may take as long again, and a task has 50 seconds."""
MOST_TRIES = 3
"""Workers that may die over one file, or over unpacking, before it is called hostile."""
HEAD = 1024
"""Where in a file its `%PDF-` must stand, in bytes."""
NAMESPACE = uuid.UUID("6d657465-7261-4920-a275-6e646c652031")


def check_due(*, at: datetime, seconds: float = ROUND_SECONDS) -> int:
    """Go on with the bundle that waits longest, for so many seconds; returns how many files were examined."""
    waiting = Bundle.objects.filter(state=Bundle.State.SENT).select_related("order")
    lease = timedelta(seconds=settings.SEAL_LEASE_SECONDS)
    claimed = claim(waiting, due="claimed_until", at=at, lease=lease, limit=1)
    return sum(_check(bundle, at=at, until=time.monotonic() + seconds) for bundle in claimed)


def limits() -> Limits:
    """What one ZIP may hold on this site; what is larger than a stamped document may be is offered a repair."""
    return Limits(file_bytes=settings.MAX_UPLOAD_BYTES)


def _check(bundle: Bundle, *, at: datetime, until: float) -> int:
    done = 0
    try:
        if bundle.listed_at is None and bundle.attempts > MOST_TRIES:
            raise Unusable("zip_damaged")
        with tempfile.TemporaryFile() as local:
            _fetch(bundle.source, local)
            with Archive(local, limits=limits()) as archive:
                _list(bundle, archive, at)
                for row in bundle.files.filter(state=BundleFile.State.WAITING).order_by("ordinal"):
                    if time.monotonic() >= until:
                        _release(bundle, at)
                        return done
                    _examine(row, bundle, archive, at)
                    done += 1
        _end(bundle, at)
    except (Unusable, ListUnusable) as unusable:
        _refuse(bundle, unusable.code, at)
    except FileNotFoundError:
        _refuse(bundle, "missing", at)
    except states.MovedMeanwhile:
        log.warning("Bundle %s: another worker was first", bundle.pk)
    return done


def _fetch(name: str, local: IO[bytes]) -> None:
    """A copy on this machine's disk: a ZIP is read from its end, and object storage has no seek."""
    with default_storage.open(name) as stored:
        shutil.copyfileobj(stored, local)


def _release(bundle: Bundle, at: datetime) -> None:
    Bundle.objects.filter(pk=bundle.pk, state=Bundle.State.SENT, attempts=bundle.attempts).update(claimed_until=at)


def _refuse(bundle: Bundle, code: str, at: datetime) -> None:
    states.move(bundle, to=Bundle.State.REFUSED, at=at, actor="worker", failure=code, claimed_until=None)
    bundles.drop_archive(bundle)


def _end(bundle: Bundle, at: datetime) -> None:
    states.move(bundle, to=Bundle.State.CHECKED, at=at, actor="worker", checked_at=at, claimed_until=None)
    bundles.drop_archive(bundle)


# --- the rows


def _list(bundle: Bundle, archive: Archive, at: datetime) -> None:
    """Write a row for each file, once. Raises Unusable, ListUnusable."""
    if bundle.listed_at is not None:
        return
    asked = _places(bundle, archive)
    lines, wrong = placelist.matched(asked.lines, {one.name for one in archive.files}) if asked else ({}, [])
    mistakes = sorted([*(asked.wrong if asked else ()), *wrong], key=lambda one: one.number)
    rows = _rows(bundle, archive.files, lines, mistakes, has_list=asked is not None)
    with transaction.atomic():
        held = Bundle.objects.select_for_update().get(pk=bundle.pk)
        if held.listed_at is None and held.state == Bundle.State.SENT:
            BundleFile.objects.bulk_create(rows)
            held.listed_at, held.has_list = at, asked is not None
            held.mistakes = [{"line": one.number, "code": one.code, "given": one.given} for one in mistakes]
            held.save(update_fields=["listed_at", "has_list", "mistakes"])
    bundle.listed_at, bundle.has_list = held.listed_at, held.has_list


def _places(bundle: Bundle, archive: Archive) -> PlaceList | None:
    if bundle.list_beside and archive.list_at is not None:
        raise Unusable("several_lists")
    try:
        data = bundle.list_beside.encode() or archive.read_list()
    except Unfit as unfit:
        raise ListUnusable("list_too_long" if unfit.code == "too_large" else "list_not_text") from None
    return placelist.read(data) if data else None


def _rows(
    bundle: Bundle, found: list[Found], lines: dict[str, placelist.Line], mistakes: list[Wrong], *, has_list: bool
) -> list[BundleFile]:
    """In the order of the list; what it does not name comes last and is refused, since it was not asked for."""
    wrong = {one.file: one.number for one in mistakes if one.code != "list_file_twice"}
    order = {name: line.number for name, line in lines.items()} | wrong
    last = max(order.values(), default=0) + 1
    found = sorted(found, key=lambda one: (order.get(one.name, last), _natural(one.name)))
    rows = []
    for ordinal, one in enumerate(found):
        line = lines.get(one.name)
        code = one.code or ("list_line" if one.name in wrong else "not_listed" if has_list and line is None else "")
        rows.append(
            BundleFile(
                bundle=bundle,
                ordinal=ordinal,
                position=one.position,
                name=one.name,
                state=BundleFile.State.REFUSED if code else BundleFile.State.WAITING,
                code=code,
                line=line.number if line else wrong.get(one.name, 0),
                asked={"page": line.page, "x": line.x, "y": line.y} if line else {},
            )
        )
    return rows


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts `surat-2` before `surat-10`."""
    return [(int(part[:18]), "") if part.isdecimal() else (0, part) for part in re.split(r"([0-9]+)", name.casefold())]


# --- one file


def _examine(row: BundleFile, bundle: Bundle, archive: Archive, at: datetime) -> None:
    BundleFile.objects.filter(pk=row.pk).update(attempts=F("attempts") + 1)
    row.attempts += 1
    try:
        if row.attempts > MOST_TRIES:
            raise Refusal("hostile")
        _prepare(row, bundle, _bytes(archive, row.position), at)
    except Refusal as refusal:
        changes = {"code": refusal.code, "document": refusal.document}
        states.move(row, to=BundleFile.State.REFUSED, at=at, reason=refusal.code, actor="worker", **changes)
    except IntegrityError:  # a worker whose lease had run out did the same file at the same moment
        log.warning("Bundle %s: a file was prepared by another worker", bundle.pk)


def _bytes(archive: Archive, position: int) -> bytes:
    try:
        return archive.read(position)
    except (Unfit, Unusable) as unfit:
        raise Refusal(unfit.code) from None


def _prepare(row: BundleFile, bundle: Bundle, source: bytes, at: datetime) -> None:
    if b"%PDF-" not in source[:HEAD]:  # told without a process of its own: a ZIP may hold a thousand pictures
        raise Refusal("not_pdf")
    digest = hashlib.sha256(source).hexdigest()
    if bundle.files.filter(sha256=digest, state__in=WITH_DOCUMENT).exists():
        raise Refusal("same_as_another")
    if digest in bundles.digests_of(bundle.order):
        raise Refusal("in_order_already")
    document = unattended.take_up(identity=identity(bundle, row), name=row.name, source=source, at=at)
    found = unattended.find_place(document=document, **row.asked)
    place = found.at
    with transaction.atomic():
        placing.place(document=document, page=place.page, x=place.x, y=place.y, size=place.size, at=at)
        changes: dict[str, Any] = {"document": document, "sha256": digest, "how": found.how, "covers": found.covers}
        states.move(row, to=BundleFile.State.READY, at=at, actor="worker", **changes)


def identity(bundle: Bundle, row: BundleFile) -> uuid.UUID:
    """The id of the one document that is ever made of this row."""
    return uuid.uuid5(NAMESPACE, f"{bundle.pk}/{row.ordinal}")
