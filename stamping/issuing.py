"""Issued: serials that the issuer mints for us one by one, saved before anything else is done with them.

    row ASKED, committed -> one request, outside any transaction -> row SAVED with serial and picture

They are asked for ahead and become stock by the usual way, a delivery that two people put on sale: what was sold can
then be affixed while the issuer's service for serials is down. A lost answer is never asked again; `reconcile` looks
for its serial in the issuer's list of unused ones.
"""

import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError
from django.db.models import QuerySet

from meterai import states
from meterai.models import Serial, Stamp

from . import authorities
from .authority.engine import SealingError
from .authority.issuer_client import Refused, Unused
from .models_issued import IssuedSerial

log = logging.getLogger(__name__)
GRACE = timedelta(minutes=15)
"""So long after asking a serial may be missing in the issuer's list, or a used one still be in it."""
State = IssuedSerial.State


@dataclass(frozen=True)
class Reconciled:
    """What the issuer's list of unused serials says against our books. Serials, but for `lost`: names of requests.

    found        lost answers whose serial was in the list: saved now
    lost         requests that minted nothing
    strangers    unused there, and never asked for by us
    sealed_here  affixed in our books, unused there: the issuer has not heard of the seal
    used_there   unused in our books, and not in the list: somebody used it
    no_picture   saved without the issuer's picture, and so of no use: not delivered until it has one
    """

    found: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    sealed_here: tuple[str, ...] = ()
    used_there: tuple[str, ...] = ()
    no_picture: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left for a person to look at."""
        return not (self.strangers or self.sealed_here or self.used_there or self.no_picture)


def ask(*, count: int, at: datetime) -> list[str]:
    """Ask the issuer for `count` serials, one after the other; returns those that were saved.

    Ends early, without raising, when the quota is used up or an answer is lost: what came is kept, and the rest is for
    `reconcile` and for the next time. Calls the network: never inside a transaction.
    """
    saved: list[str] = []
    for _ in range(count):
        try:
            saved.append(_ask_one(at))
        except SealingError as trouble:
            log.warning("Serials from the issuer: %s after %s of %s", trouble.reason, len(saved), count)
            break
    return saved


def _ask_one(at: datetime) -> str:
    # Everything that can fail without minting comes first.
    client, document_type = authorities.issuer_client(), authorities.document_type()
    client.token(at=at)
    row = IssuedSerial.objects.create(id=uuid.uuid4(), asked_at=at)
    states.note(row, old="", new=State.ASKED, at=at, actor="issuing")
    try:
        minted = client.mint(name=row.pk.hex, document_type=document_type, at=at)
    except Refused as refusal:
        states.move(row, to=State.LOST, at=at, reason=refusal.code, actor="issuing")
        raise
    _save(row, serial=minted.serial, picture=minted.picture, at=at, reason="answered")
    return minted.serial


def _save(row: IssuedSerial, *, serial: str, picture: bytes, at: datetime, reason: str) -> None:
    """Raises SealingError when the issuer gave this serial under another name before."""
    values = {"serial": serial, "picture": picture, "saved_at": at}
    try:
        states.move(row, to=State.SAVED, at=at, reason=reason, actor="issuing", **values)
    except IntegrityError:
        raise SealingError("issuer_strange", permanent=False) from None


def picture_of(serial: str) -> bytes:
    """The issuer's picture (PNG) of a serial; empty when none was saved."""
    found = IssuedSerial.objects.filter(serial=serial).values_list("picture", flat=True).first()
    return bytes(found) if found is not None else b""


def undelivered() -> list[str]:
    """Saved serials, with picture, that are not in our stock yet: the lines of the next delivery."""
    saved = (
        IssuedSerial.objects.filter(state=State.SAVED)
        .exclude(picture=b"")
        .exclude(serial__in=Serial.objects.values("code"))
    )
    return [str(serial) for serial in saved.order_by("saved_at", "pk").values_list("serial", flat=True)]


def reconcile(*, at: datetime) -> Reconciled:
    """Compare with the issuer's list of unused serials, and save what was lost on the way.

    Raises SealingError when the list cannot be had; then nothing changed. Calls the network: never inside a
    transaction.
    """
    unused = authorities.issuer_client().unused(at=at)
    by_name = {one.name: one for one in unused}
    found, lost = _settle_unanswered(by_name, at)
    _add_pictures(unused)
    ours = set(IssuedSerial.objects.filter(serial__in=[one.serial for one in unused]).values_list("serial", flat=True))
    theirs = {one.serial for one in unused}
    return Reconciled(
        found=tuple(found),
        lost=tuple(lost),
        strangers=tuple(sorted(theirs - ours)),
        sealed_here=tuple(_affixed(theirs, before=at - GRACE)),
        used_there=tuple(_unused_here(before=at - GRACE, but=theirs)),
        no_picture=tuple(str(one.serial) for one in _pictureless().order_by("serial")),
    )


def _settle_unanswered(by_name: dict[str, Unused], at: datetime) -> tuple[list[str], list[str]]:
    """The serials found again and the names of requests given up."""
    found: list[str] = []
    lost: list[str] = []
    for row in IssuedSerial.objects.exclude(state=State.SAVED):
        unused = by_name.get(row.pk.hex)
        try:
            if unused is not None:
                _save(row, serial=unused.serial, picture=unused.picture, at=at, reason="found in the issuer's list")
                found.append(unused.serial)
            elif row.state == State.ASKED and row.asked_at < at - GRACE:
                states.move(row, to=State.LOST, at=at, reason="not in the issuer's list", actor="issuing")
                lost.append(row.pk.hex)
        except states.MovedMeanwhile:
            continue  # its answer came after all
        except SealingError:
            log.warning("The issuer lists the serial of request %s under another name, too", row.pk.hex)
    return found, lost


def _pictureless() -> "QuerySet[IssuedSerial]":
    return IssuedSerial.objects.filter(state=State.SAVED, picture=b"")


def _add_pictures(unused: Iterable[Unused]) -> None:
    """Some lists have pictures: take those that are missing here."""
    for one in unused:
        if one.picture:
            _pictureless().filter(serial=one.serial).update(picture=one.picture)


def _affixed(serials: Iterable[str], *, before: datetime) -> list[str]:
    rows = Stamp.objects.filter(pk__in=serials, state=Stamp.State.AFFIXED, changed_at__lt=before)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def _unused_here(*, before: datetime, but: set[str]) -> list[str]:
    saved = IssuedSerial.objects.filter(state=State.SAVED, saved_at__lt=before).values_list("serial", flat=True)
    affixed = set(Stamp.objects.filter(state=Stamp.State.AFFIXED, pk__in=saved).values_list("pk", flat=True))
    return sorted(serial for serial in saved if serial and serial not in affixed and serial not in but)
