"""The book of stock: one row a movement, written in the transaction that moves."""

from datetime import datetime

from .models import Batch, Movement, Reseller


def record(
    *,
    batch: Batch,
    source: str,
    target: str,
    quantity: int,
    at: datetime,
    actor: str,
    reference: str,
    reseller: Reseller | None = None,
    reason: str = "",
) -> None:
    """Write that `quantity` serials of `batch` went from `source` to `target`."""
    Movement.objects.create(
        at=at,
        batch=batch,
        reseller=reseller,
        source=source,
        target=target,
        quantity=quantity,
        reference=reference,
        actor=actor,
        reason=reason,
    )
