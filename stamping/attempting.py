"""Attempted: that somebody waited for a stamp, and how the shop was then, as a sealed PDF.

For the authority that has to decide about a missed deadline. Made when it is asked for, from the ticket and from what
the room wrote down; nothing is kept of it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from meterai.models import Flip
from orders import queueing
from orders.models import Mark, Room, ShopPass

from . import attempt_pages, authorities
from .pdf import signing

REASON = "Bukti mengantre"
# The room writes a mark every few seconds, and keeps one a minute of older hours.
NEAR = timedelta(minutes=3)
# Changes of state that are told; the newest.
MOST_CHANGES = 12


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What is proved. `then` is the room near the time of joining, None where nothing was written down."""

    room: str
    seller: str
    is_demo: bool
    number: int
    rank: int | None  # None before the draw
    joined_at: datetime
    promised: tuple[int, int] | None  # minutes
    then: Mark | None
    state: str
    serving: int
    heard_at: datetime
    called_at: datetime | None
    entered_at: datetime | None
    has_ordered: bool
    changes: tuple[tuple[datetime, str], ...]  # state of the room, since joining
    at: datetime


def attempt(*, slug: str, ticket: str, at: datetime) -> Attempt:
    """The facts. Raises queueing.NoSuchRoom, NotATicket, TooOld."""
    held = queueing.opened(slug=slug, ticket=ticket, at=at)
    facts = queueing.facts_of(slug)
    room = Room.objects.get(slug=slug)
    rank = facts.rank(held.number)
    is_called = rank is not None and rank <= facts.serving and facts.state != Room.State.PREQUEUE
    passes = list(ShopPass.objects.filter(room=room, number=held.number).order_by("turn"))
    return Attempt(
        room=room.name,
        seller=settings.SELLER_NAME,
        is_demo=settings.IS_DEMO,
        number=held.number,
        rank=rank,
        joined_at=held.joined_at,
        promised=held.promised,
        then=_near(room, held.joined_at),
        state=facts.state,
        serving=facts.serving,
        heard_at=facts.at,
        called_at=queueing.called_at(room=room, rank=rank, at=at) if is_called and rank is not None else None,
        entered_at=passes[0].entered_at if passes else None,
        has_ordered=any(one.used_at for one in passes),
        changes=_changes(room, since=held.joined_at),
        at=at,
    )


def proof(*, slug: str, ticket: str, at: datetime) -> bytes:
    """The sealed PDF, in the language that is active. Raises as `attempt`, and SealingError."""
    drawn = attempt_pages.draw(attempt(slug=slug, ticket=ticket, at=at))
    return signing.sign(source=drawn, reason=REASON, engine=authorities.engine(), at=at)


def _near(room: Room, moment: datetime) -> Mark | None:
    before = Mark.objects.filter(room=room, at__lte=moment, at__gt=moment - NEAR).order_by("-at").first()
    return before or Mark.objects.filter(room=room, at__gt=moment, at__lt=moment + NEAR).order_by("at").first()


def _changes(room: Room, *, since: datetime) -> tuple[tuple[datetime, str], ...]:
    flips = Flip.objects.filter(noun=Room._meta.label_lower, row=str(room.pk), at__gte=since, new__in=Room.State.values)
    newest = flips.order_by("-at", "-pk").values_list("at", "new")[:MOST_CHANGES]
    return tuple(reversed([(at, str(new)) for at, new in newest]))
