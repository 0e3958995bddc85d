"""Recovery: the way back after an outage, in three stages, each step by a person with a reason.

    AFFIXING (finish what was accepted) -> CREDITING (hand over what was paid) -> REOPENING (sales in steps) -> DONE

A stage that is not finished is left only by an override. Until the third stage nobody new is let into the official
shop: its waiting room lets in `share` per cent of what it would. Resellers sell on, from their own stock.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from meterai import states
from meterai.models import User
from orders import arranging, figures
from orders.figures import Pile
from orders.models import Order, Refund, Room
from orders.refunding import GAVE_NO_STAMPS
from stamping.models import Document

from . import outcomes
from .models import Component, Recovery, RecoveryStep

NEXT = {
    Recovery.State.AFFIXING: Recovery.State.CREDITING,
    Recovery.State.CREDITING: Recovery.State.REOPENING,
    Recovery.State.REOPENING: Recovery.State.DONE,
}


class Underway(Exception):
    """A recovery has begun and not ended: there is only one at a time."""


class NotFinished(Exception):
    """Something of this stage still waits; only an override leaves it. `figures` says what."""

    def __init__(self, seen: "Seen") -> None:
        super().__init__()
        self.seen = seen


class NotSelling(Exception):
    """Sales are opened in the third stage, by a share from 0 to 100."""


@dataclass(frozen=True)
class Seen:
    """What waits at a moment: documents to seal; money that no stamp or answer was given for; money going back."""

    documents: Pile
    unbound: Pile
    notifications: Pile
    payments: Pile
    held: Pile
    strangers: Pile
    discrepancies: Pile
    refunds: Pile
    sealed_a_minute: float

    @property
    def to_affix(self) -> int:
        """Documents accepted and not sealed."""
        return self.documents.count + self.unbound.count

    @property
    def to_credit(self) -> int:
        """What came in and is not handed over or decided. Refunds that are on their way are decided."""
        return sum(pile.count for pile in self.missing.values())

    @property
    def missing(self) -> dict[str, Pile]:
        """The piles of the second stage by name; steps of ours work off the first two, people the others."""
        names = ("notifications", "payments", "held", "strangers", "discrepancies")
        return {name: getattr(self, name) for name in names}

    def as_json(self) -> dict[str, int]:
        """Kept with a step: what was known when it was decided."""
        return {"to_affix": self.to_affix, "refunds": self.refunds.count} | {
            name: pile.count for name, pile in self.missing.items()
        }

    def waits_for(self, stage: str) -> int:
        """How much keeps a stage from being finished."""
        return {Recovery.State.AFFIXING.value: self.to_affix, Recovery.State.CREDITING.value: self.to_credit}.get(
            str(stage), 0
        )


def look(*, at: datetime) -> Seen:
    """All figures of the stages; each is counted by an index that holds only what waits."""
    queued = Document.objects.filter(state=Document.State.QUEUED)
    unbound = Document.objects.filter(
        state=Document.State.PLACED, confirmed_at__isnull=False, order__state=Order.State.PAID
    )
    going_back = Refund.objects.filter(next_try_at__isnull=False, reason__in=GAVE_NO_STAMPS)
    return Seen(
        documents=figures.pile(queued, "queued_at"),
        unbound=figures.pile(unbound, "confirmed_at"),
        notifications=figures.unheard(at=at),
        payments=figures.stuck_payments(at=at),
        held=figures.held(),
        strangers=figures.strangers(),
        discrepancies=figures.discrepancies(),
        refunds=figures.pile(going_back, "requested_at"),
        sealed_a_minute=_sealed_a_minute(),
    )


def door() -> Room | None:
    """The waiting room before the official shop. Without one nobody can be kept out."""
    return Room.objects.filter(reseller=None, is_door=True).first()


def current() -> Recovery | None:
    """The recovery that has begun and not ended."""
    return Recovery.objects.filter(ended_at=None).first()


def begin(*, reason: str, by: User, at: datetime) -> Recovery:
    """Stop letting people into the shop, and finish first what was accepted. Raises Underway."""
    try:
        with transaction.atomic():
            recovery = Recovery.objects.create(begun_at=at)
            states.note(recovery, old="", new=recovery.state, at=at, actor=by.username, reason=reason)
            _keep(recovery, kind=RecoveryStep.Kind.BEGIN, reason=reason, by=by, at=at)
            _let_in(share=0, reason=reason, by=by, at=at)
    except IntegrityError as error:
        if "recovery_one_at_a_time" not in str(error):
            raise
        raise Underway from error
    return recovery


def advance(*, recovery: Recovery, reason: str, by: User, at: datetime, override: bool = False) -> Seen:
    """To the next stage. From the third this ends the recovery, with sales fully open.

    Raises NotFinished unless overridden, states.NoSuchArrow after the end, states.MovedMeanwhile.
    """
    with transaction.atomic():
        locked = Recovery.objects.select_for_update().get(pk=recovery.pk)
        if locked.state != recovery.state:
            raise states.MovedMeanwhile(f"the recovery is {locked.state} by now")
        seen = look(at=at)
        is_forced = bool(seen.waits_for(locked.state))
        if is_forced and not override:
            raise NotFinished(seen)
        if locked.state not in NEXT:
            raise states.NoSuchArrow(f"{locked.state} is the end")
        to = NEXT[Recovery.State(locked.state)]
        ends = to == Recovery.State.DONE
        changes = {"share": 100, "ended_at": at} if ends else {}
        states.move(locked, to=to, at=at, actor=by.username, reason=reason, **changes)
        kind = RecoveryStep.Kind.END if ends else RecoveryStep.Kind.ADVANCE
        kind = RecoveryStep.Kind.OVERRIDE if is_forced else kind
        _keep(locked, kind=kind, reason=reason, by=by, at=at, seen=seen)
        if ends:
            _let_in(share=100, reason=reason, by=by, at=at)
    recovery.refresh_from_db()
    return seen


def open_sales(*, recovery: Recovery, share: int, reason: str, by: User, at: datetime) -> None:
    """Let so many per cent of the normal admission into the shop; also fewer than before. Raises NotSelling."""
    with transaction.atomic():
        locked = Recovery.objects.select_for_update().get(pk=recovery.pk)
        if locked.state != Recovery.State.REOPENING or not 0 <= share <= 100:
            raise NotSelling(locked.state)
        locked.share = share
        locked.save(update_fields=["share"])
        _keep(locked, kind=RecoveryStep.Kind.SHARE, reason=reason, by=by, at=at)
        _let_in(share=share, reason=reason, by=by, at=at)
    recovery.refresh_from_db()


def go_back(*, recovery: Recovery, reason: str, by: User, at: datetime) -> None:
    """It broke again while sales were opened: to the first stage, nobody is let in. Raises states.NoSuchArrow."""
    with transaction.atomic():
        locked = Recovery.objects.select_for_update().get(pk=recovery.pk)
        states.move(locked, to=Recovery.State.AFFIXING, at=at, actor=by.username, reason=reason, share=0)
        _keep(locked, kind=RecoveryStep.Kind.BACK, reason=reason, by=by, at=at)
        _let_in(share=0, reason=reason, by=by, at=at)
    recovery.refresh_from_db()


def _keep(
    recovery: Recovery, *, kind: RecoveryStep.Kind, reason: str, by: User, at: datetime, seen: Seen | None = None
) -> None:
    """The row that says who decided what, and why, and what the figures were."""
    RecoveryStep.objects.create(
        recovery=recovery,
        at=at,
        kind=kind,
        state=recovery.state,
        share=recovery.share,
        reason=reason,
        figures=(seen or look(at=at)).as_json(),
        by=by,
    )


def _let_in(*, share: int, reason: str, by: User, at: datetime) -> None:
    """The room lets in this share from its next tick on. An open door is shut to a queue first; places are kept."""
    room = door()
    if room is None:
        return
    arranging.adjust(room=room, share=share, by=by.username, reason=reason, at=at)
    if (room.state == Room.State.OPEN and share < 100) or (room.state == Room.State.CLOSED and share):
        arranging.begin_queue(room=room, by=by.username, reason=reason, at=at)


def _sealed_a_minute() -> float:
    """By the newest measurement, for an estimate of when the queue is empty."""
    measured = outcomes.newest()
    told = measured.verdict.get(Component.AFFIXING.value, {}) if measured else {}
    return float(told.get("done", 0)) / told["minutes"] if told.get("minutes") else 0.0
