"""Waiting: who is next in the queue, and how long one waits who was tried in vain.

The queue runs in order of acceptance. A document over which a worker died is tried alone from then on: a file that
kills its workers must not use up the tries of those that were claimed with it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet

from meterai.claiming import backoff, claim

from .models import Document

FIRST, MOST = timedelta(seconds=5), timedelta(minutes=15)
LONG_SILENCE = timedelta(hours=1)
FEWEST = 12
"""By so many tries a document has shown that it is not our own workers' rest that it waited for."""
PROBE_ANOTHER = 10
"""In a silence every so-manieth try is that of the document tried least, else that of the first in the queue."""


def lease() -> timedelta:
    """How long a worker holds a document."""
    return timedelta(seconds=settings.SEAL_LEASE_SECONDS)


def patience() -> timedelta:
    """How long after its acceptance a document is given up that the authority has left without an answer."""
    return timedelta(hours=settings.SEAL_PATIENCE_HOURS)


def claim_next(*, at: datetime, limit: int) -> list[Document]:
    """Take up to `limit` documents for this worker, the first accepted first."""
    return _claim(_due(at).order_by("queued_at", "claimed_until"), at, limit)


def claim_probe(*, tries: int, at: datetime) -> list[Document]:
    """The one document that is tried while the authority is silent; `tries` were in vain so far.

    As a rule the first in the queue, so that the order holds when the answer comes. Now and then another one: perhaps
    it is the first one alone that gets no answer.
    """
    another = tries % PROBE_ANOTHER == 1
    order = ("unanswered", "queued_at") if another else ("queued_at", "claimed_until")
    return _claim(_due(at).order_by(*order), at, 1)


def put_back(*, documents: Sequence[Document], at: datetime) -> None:
    """They were claimed and not tried: the claim's attempt is taken off again."""
    keys = [document.pk for document in documents]
    held = Document.objects.filter(pk__in=keys, state=Document.State.QUEUED, claimed_until=at + lease())
    held.update(claimed_until=at, attempts=F("attempts") - 1)


def rest(*, document: Document, pause: timedelta, at: datetime) -> None:
    """Let a document rest that got no answer: for `pause`, or when that is nothing by how often it happened to it."""
    document.unanswered += 1
    how_long = (pause or backoff(document.unanswered, first=FIRST, most=MOST)) * _share(document)
    held = Document.objects.filter(pk=document.pk, state=Document.State.QUEUED, claimed_until=document.claimed_until)
    held.update(claimed_until=at + how_long, unanswered=F("unanswered") + 1)


def overdue(*, silent: timedelta, at: datetime, limit: int = 100) -> list[Document]:
    """Documents that are given up without one more try, in a silence that lasts so long."""
    if silent < LONG_SILENCE:
        return []
    late = _due(at).filter(queued_at__lte=at - patience()).select_related("order", "stamp")
    return list(late.order_by("queued_at")[:limit])


def is_patience_over(document: Document, *, silent: timedelta, at: datetime) -> bool:
    """Whether a document that got no answer once more, in a silence that lasts so long, is given up.

    When our own workers stood still for a day, the first hiccup of the authority's must not end everything.
    """
    waited = at - (document.queued_at or at)
    return waited >= patience() and (silent >= LONG_SILENCE or document.unanswered >= FEWEST)


def is_due(*, at: datetime) -> bool:
    """Whether a document could be tried now."""
    return _due(at).exists()


def _due(at: datetime) -> "QuerySet[Document]":
    return Document.objects.filter(state=Document.State.QUEUED, claimed_until__lte=at)


def _claim(due: "QuerySet[Document]", at: datetime, limit: int) -> list[Document]:
    with transaction.atomic():
        tried = due.values_list("pk", "attempts", "unanswered").select_for_update(skip_locked=True)[:limit]
        keys = _together(list(tried))
        rows = Document.objects.filter(pk__in=keys).select_related("order", "stamp")
        taken = claim(rows, due="claimed_until", at=at, lease=lease(), limit=limit)
    return sorted(taken, key=lambda document: keys.index(document.pk))


def _together(tried: list[tuple[UUID, int, int]]) -> list[UUID]:
    """Of documents in line, those that may be claimed by one worker at once."""
    fresh = takewhile(lambda one: one[1] == one[2], tried)
    return [key for key, _attempts, _unanswered in fresh] or [key for key, _attempts, _unanswered in tried[:1]]


def _share(document: Document) -> float:
    """Between 0.8 and 1, each document its own: so that not all come back in the same moment."""
    return 0.8 + document.pk.int % 1000 / 5000
