"""Erased: documents go after the configured time, or when asked; serial, digests and dates remain."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q

from meterai import states

from . import files, repairs
from .models import Document

# A prepared document that nobody bought a stamp for.
ABANDONED = timedelta(days=14)


def erase(*, document: Document, at: datetime, actor: str) -> None:
    """Remove the bytes of a document that is not queued; the row stays. Raises states.NoSuchArrow, MovedMeanwhile."""
    source = document.source
    # A document that failed gave its stamp back: erased, it must not count as live on it.
    bound: dict[str, Any] = {"stamp": None} if document.state == Document.State.FAILED else {}
    states.move(
        document, to=Document.State.ERASED, at=at, actor=actor, name="-", facts={}, source="", output="", **bound
    )
    files.drop(source)
    files.drop_outputs(document=document.pk)
    repairs.forget(document=document, at=at, actor=actor)


def erase_old(*, at: datetime, limit: int = 200) -> int:
    """Erase what has been kept long enough; returns how many. Files that a choice of repair left behind go as well."""
    repairs.tidy(limit=limit)
    kept = Q(sealed_at__lt=at - timedelta(days=settings.DOCUMENT_DAYS), state=Document.State.SEALED)
    never_used = Q(created_at__lt=at - ABANDONED, state__in=Document.UNBOUND, confirmed_at=None)
    documents = list(Document.objects.filter(kept | never_used)[:limit])
    for document in documents:
        erase(document=document, at=at, actor="sweeper")
    return len(documents)
