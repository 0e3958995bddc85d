"""Silence: whether the authority answers, as the workers and pages of this site know it together.

While it is silent one document tries at a time, at a growing pace, and the others wait untried. This is soft state,
kept in the cache: what is lost with it is found again by the next try that gets no answer, and nothing hangs on it but
the pace of tries and a sentence on the buyer's page. What a document has been through stands in its own row.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from django.core.cache import cache

log = logging.getLogger(__name__)
Found = TypeVar("Found")
KEY, ASKING = "stamping:silence", "stamping:silence:asking"
KEPT_SECONDS = 7 * 24 * 3600
ASKING_SECONDS = 60
"""A worker that was killed while it asked holds up the others no longer than this."""
PACE_SHARE = 4
"""The pause between two tries is a quarter of the silence so far, between these bounds."""
SHORTEST, LONGEST = timedelta(seconds=5), timedelta(seconds=60)
OURS = frozenset({"storage", "token_unavailable", "token_key_missing", "issuer_folder", "key_unreadable"})
"""Codes of what is silent on our side: then nobody else is blamed."""


@dataclass(frozen=True)
class Silence:
    """Since when nothing answers, when to ask again, how often it was asked in vain, and what the matter is."""

    since: datetime
    ask_at: datetime
    tries: int
    code: str

    @property
    def is_ours(self) -> bool:
        """Whether it is a part of our own that does not answer."""
        return self.code in OURS


def current() -> Silence | None:
    """The silence that lasts, or None while the authority answers. Without a cache nobody knows: None."""
    return _quietly(lambda: cache.get(KEY), otherwise=None)


def length(*, at: datetime) -> timedelta:
    """How long the silence has lasted; nothing while there is none."""
    known = current()
    return at - known.since if known is not None else timedelta()


def unanswered(*, code: str, since: datetime, at: datetime) -> timedelta:
    """A try that began at `since` had no answer by `at`; returns how long to wait before the next one.

    The first leaves the turn to another document at once: if that one is answered, the silence was the first one's own.
    """
    known = current()
    if known is None:
        _keep(Silence(since=since, ask_at=at, tries=1, code=code))
        return timedelta()
    pause = pace(at - known.since)
    _keep(replace(known, ask_at=at + pause, tries=known.tries + 1, code=code))
    return pause


def answered(*, at: datetime) -> None:
    """The authority has answered: the silence, if there was one, is over."""
    known = current()
    if known is not None:
        log.warning("The authority answers again, after %s tries since %s", known.tries, known.since.isoformat())
        _quietly(lambda: cache.delete(KEY), otherwise=False)


def take_turn(silence: Silence, *, at: datetime) -> bool:
    """Whether the caller may be the one who asks now; it gives the turn back by `let_go`."""
    return at >= silence.ask_at and _quietly(lambda: cache.add(ASKING, 1, ASKING_SECONDS), otherwise=True)


def let_go() -> None:
    """The one who asked is done."""
    _quietly(lambda: cache.delete(ASKING), otherwise=False)


def pace(silent: timedelta) -> timedelta:
    """The pause after so long a silence."""
    return min(LONGEST, max(SHORTEST, silent / PACE_SHARE))


def _keep(silence: Silence) -> None:
    _quietly(lambda: cache.set(KEY, silence, KEPT_SECONDS), otherwise=None)


def _quietly(ask: Callable[[], Found], *, otherwise: Found) -> Found:
    """A cache that is down must not stop a document: it is sealed as if nothing were known."""
    try:
        return ask()
    except Exception as error:  # each cache raises its own kinds
        log.warning("No cache to ask about the authority: %s", type(error).__name__)
        return otherwise
