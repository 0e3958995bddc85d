"""What the pages and the API say about repairs, as plain facts."""

from dataclasses import dataclass, replace

from . import repair_wording, repairs
from .models import Document, Repair
from .pdf.mendable import CURES, Loss
from .pdf.preflight import Preflight
from .preparing import facts_of

PICTURE_WIDTH = 600
"""Pixels."""


@dataclass(frozen=True)
class Side:
    """The original or the copy; `width` and `height` of its page's picture, in pixels."""

    which: str
    width: int
    height: int
    bytes: int
    sha256: str
    pages: str
    version: str


@dataclass(frozen=True)
class Offer:
    """One repair in words; the sides and what follows are there once the copy was made."""

    kind: str
    title: str
    promise: str
    needed: bool
    repair: Repair | None = None
    before: Side | None = None
    after: Side | None = None
    done: str = ""
    loss_kind: str = ""
    loss: str = ""
    lock: str = ""
    page: int = 1
    lost: Loss | None = None
    before_drawable: bool = True

    @property
    def has_near(self) -> bool:
        """Whether there is a part worth showing enlarged."""
        return self.lost is not None and self.lost.decibels is not None


def offers(document: Document) -> list[Offer]:
    """What may be repaired, in order; with the copy where it was made."""
    return [_offer(document, choice) for choice in repairs.choices(document=document)]


def is_signed(document: Document) -> bool:
    """Whether something could be repaired, were there no signature: the person is told why nothing is offered."""
    facts = facts_of(document) if document.facts else None
    return bool(facts and facts.signatures) and any(one.code in CURES for one in facts.findings)  # type: ignore[union-attr]


def _offer(document: Document, choice: repairs.Choice) -> Offer:
    kind, offer = choice.kind, choice.offer
    bare = Offer(kind.value, repair_wording.title(kind), repair_wording.promise(kind), choice.needed)
    if offer is None:
        return bare
    measures, after = repairs.measures_of(offer), repairs.after_of(offer)
    loss_kind, loss = repair_wording.loss(measures)
    return replace(
        bare,
        repair=offer,
        before=_side("sebelum", offer.before_bytes, offer.before_sha256, facts_of(document), measures.page),
        after=_side("sesudah", offer.after_bytes, offer.after_sha256, after, measures.page),
        done=repair_wording.done(kind, measures),
        loss_kind=loss_kind,
        loss=loss,
        lock=repair_wording.lock(measures),
        page=measures.page,
        lost=measures.loss,
        before_drawable=measures.drawable,
    )


def _side(which: str, size: int, sha256: str, facts: Preflight, page: int) -> Side:
    shown = facts.pages[min(page, len(facts.pages)) - 1]
    high = round(PICTURE_WIDTH * shown.height / shown.width)
    return Side(which, PICTURE_WIDTH, high, size, sha256, repair_wording.pages(facts.pages), facts.version)
