"""A reseller's prepaid stock: ordinals move from the official shop's extents to its own, never copied."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from .ledger import record
from .models import Extent, Reseller, User
from .taking import SoldOut


def grant(*, reseller: Reseller, quantity: int, deposit: str, by: User, at: datetime) -> None:
    """Give `reseller` a lease of `quantity` serials against a confirmed deposit (its reference).

    Carves from the far end of the official extents, so that sales at the near end go on. Raises SoldOut.
    """
    with transaction.atomic():
        left = quantity
        official = Extent.objects.filter(reseller=None, next__lt=F("end")).select_related("batch")
        for extent in official.order_by("id").select_for_update(of=("self",)):
            part = min(left, extent.end - extent.next)
            _hand_over(extent, part, reseller)
            for seller, source, target in ((None, "extents", "leased"), (reseller, "leased", "extents")):
                record(
                    batch=extent.batch,
                    reseller=seller,
                    source=source,
                    target=target,
                    quantity=part,
                    at=at,
                    actor=by.username,
                    reference=deposit,
                    reason="lease",
                )
            left -= part
            if not left:
                return
        raise SoldOut


def _hand_over(extent: Extent, part: int, to: Reseller | None) -> None:
    """The last `part` ordinals of an extent, held by the caller, become another seller's."""
    if part == extent.end - extent.next:
        extent.reseller = to
        extent.save(update_fields=["reseller"])
        return
    extent.end -= part
    extent.save(update_fields=["end"])
    Extent.objects.create(batch=extent.batch, reseller=to, next=extent.end, end=extent.end + part)
