"""Left over: what a try of sealing reads from the storage and leaves there.

A file that was stored and not committed is never shown. The try that ends a document removes those of the others at
once; where it is killed before it can, `sweep` does, as the row says until then that there may be something.
"""

import hashlib
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from django.core.files.storage import default_storage

from . import files, waiting
from .models import Document

ENDED = (Document.State.SEALED, Document.State.FAILED)


class SourceLost(Exception):
    """The stored upload is gone or is not the bytes that were bound to the serial."""


class StorageSilent(Exception):
    """The storage as a whole cannot be reached."""


def source(document: Document) -> bytes:
    """The upload, as it was bound to the serial. Raises SourceLost, StorageSilent."""
    with _reached():
        try:
            found = files.read(document.source)
        except FileNotFoundError:
            default_storage.listdir(posixpath.dirname(document.source))  # raises where the whole storage is gone
            raise SourceLost("missing") from None
    if hashlib.sha256(found).hexdigest() != document.source_sha256:
        raise SourceLost("other bytes than were bound")
    return found


def keep(*, document: Document, data: bytes) -> str:
    """Store a sealed file; returns its name. Raises StorageSilent."""
    with _reached():
        return files.keep_output(document=document.pk, data=data)


def sweep_at(document: Document, at: datetime) -> datetime | None:
    """For `claimed_until` of a document that ends now: when no other try of it can be under way any more; None when
    there was no other."""
    return at + waiting.lease() if document.attempts > 1 else None


def drop_others(*, document: Document, name: str = "") -> None:
    """Remove what other tries stored, all but `name`. While the storage is silent `sweep` has to do it."""
    if document.attempts > 1:  # only an earlier try can have left a file; looking costs a call to the storage
        with suppress(StorageSilent), _reached():
            files.drop_outputs(document=document.pk, keep=name)


def drop_mine(*, document: Document, name: str) -> None:
    """Remove what this try stored: another one has ended the document, and not by the same file."""
    if not Document.objects.filter(pk=document.pk, output=name).exists():
        with suppress(StorageSilent), _reached():
            files.drop(name)


def sweep(*, at: datetime, limit: int = 200) -> int:
    """Remove what is left of tries that did not commit; returns of how many documents. Raises StorageSilent."""
    rows = Document.objects.filter(state__in=ENDED, claimed_until__lte=at).order_by("claimed_until")
    swept = 0
    for row in rows[:limit]:
        with _reached():
            files.drop_outputs(document=row.pk, keep=row.output)
        swept += Document.objects.filter(pk=row.pk, state__in=ENDED).update(claimed_until=None)
    return swept


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except SourceLost:
        raise
    except Exception as error:  # each storage raises its own kinds
        raise StorageSilent(type(error).__name__) from error
