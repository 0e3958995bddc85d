"""Leased: a reseller's prepaid stock passes from the official shop's extents to its own, and back; never a copy."""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import F

from .carving import Moved, carve
from .ledger import record
from .models import Batch, Deposit, Reseller, User
from .taking import SoldOut

# A lease in one extent would serve one buyer at a time. Twice what a reseller's shop serves at one moment.
PIECES = 32


class NotCovered(Exception):
    """The deposit is not confirmed, is another reseller's, or has less left than the lease costs; nothing was moved."""


class NotActive(Exception):
    """The reseller is switched off, and gets no new stock."""


class NotEnough(Exception):
    """The reseller has fewer unsold serials than are to come back; nothing was moved."""


def covered(deposit: Deposit) -> int:
    """How many stamps a lease on this deposit may still have."""
    return deposit.left // settings.DUTY if deposit.state == Deposit.State.CONFIRMED else 0


def grant(*, reseller: Reseller, quantity: int, deposit: Deposit, by: User, at: datetime) -> None:
    """Give `reseller` a lease of `quantity` serials and draw their duty from its deposit.

    Raises NotActive, NotCovered, taking.SoldOut; nothing was moved or drawn then.
    """
    _check(quantity)
    with transaction.atomic():
        if not _alone(reseller).is_active:
            raise NotActive(reseller.code)
        _draw(deposit, reseller, quantity * settings.DUTY)
        moved = carve(giver=None, taker=reseller, quantity=quantity, pieces=PIECES, at=at)
        _book(moved, [(deposit.reference, quantity)], giver=None, taker=reseller, reason="lease", by=by, at=at)


def take_back(*, reseller: Reseller, quantity: int, reason: str, by: User, at: datetime) -> int:
    """Bring `quantity` unsold serials of `reseller` back to the official shop; what is reserved or sold stays.

    Its deposits, the newest first, get back what was drawn from them; returns how many rupiah. (Leases of before there
    were deposits drew from none.) Raises NotEnough, with nothing moved.
    """
    _check(quantity)
    with transaction.atomic():
        _alone(reseller)
        credited = _credit(reseller, quantity)
        try:
            moved = carve(giver=reseller, taker=None, quantity=quantity, pieces=1, at=at)
        except SoldOut:
            raise NotEnough(reseller.code) from None
        references = [*credited, (f"return {reseller.code}", quantity - sum(count for _, count in credited))]
        _book(moved, references, giver=reseller, taker=None, reason=reason, by=by, at=at)
    return sum(count for _, count in credited) * int(settings.DUTY)


def _alone(reseller: Reseller) -> Reseller:
    """The leases of one reseller come one after the other: what is returned was drawn, and is found so. Sales go on."""
    return Reseller.objects.select_for_update(no_key=True).get(pk=reseller.pk)


def _check(quantity: int) -> None:
    if quantity < 1:
        raise ValueError("a lease is of one serial or more")


def _draw(deposit: Deposit, reseller: Reseller, rupiah: int) -> None:
    """Guarded, so that two leases at one moment never draw more than there is."""
    covering = Deposit.objects.filter(
        pk=deposit.pk, reseller=reseller, state=Deposit.State.CONFIRMED, amount__gte=F("drawn") + rupiah
    )
    # The first half also keeps a number out of the statement that no column holds.
    if rupiah > deposit.amount or not covering.update(drawn=F("drawn") + rupiah):
        raise NotCovered(deposit.reference)


def _credit(reseller: Reseller, quantity: int) -> list[tuple[str, int]]:
    """Give the duty of `quantity` stamps back to the deposits it was drawn from; returns stamps by reference."""
    credited, left = [], quantity
    for deposit in Deposit.objects.filter(reseller=reseller, drawn__gt=0).order_by("-pk").select_for_update():
        count = min(left, deposit.drawn // settings.DUTY)
        Deposit.objects.filter(pk=deposit.pk).update(drawn=F("drawn") - count * settings.DUTY)
        credited.append((deposit.reference, count))
        left -= count
        if not left:
            break
    return credited


def _book(
    moved: Iterable[Moved],
    references: Iterable[tuple[str, int]],
    *,
    giver: Reseller | None,
    taker: Reseller | None,
    reason: str,
    by: User,
    at: datetime,
) -> None:
    """Two lines for what moved of each batch and deposit: it left the one seller, it came to the other.

    So what a deposit is drawn by is, at any moment, the sum of the lines that name it.
    """
    for reference, part in _shared(moved, references):
        batch = Batch.objects.get(pk=part.batch_id)
        for seller, source, target in ((giver, part.place, "leased"), (taker, "leased", part.place)):
            record(
                batch=batch,
                reseller=seller,
                source=source,
                target=target,
                quantity=part.quantity,
                at=at,
                actor=by.username,
                reference=reference,
                reason=reason,
            )


def _shared(moved: Iterable[Moved], references: Iterable[tuple[str, int]]) -> Iterator[tuple[str, Moved]]:
    """What moved, cut where one reference has its number and the next one begins."""
    waiting = deque(references)
    for part in moved:
        left = part.quantity
        while left:
            reference, due = waiting.popleft()
            count = min(left, due)
            if count:
                yield reference, part._replace(quantity=count)
            if due > count:
                waiting.appendleft((reference, due - count))
            left -= count
