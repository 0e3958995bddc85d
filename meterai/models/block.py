"""The chain over the book of stock."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class Block(models.Model):
    """Movements of one batch, closed: their digest covers their every column and the digest of the block before.

    Written once. A row that is changed or missing afterwards no longer gives this digest, and neither does any block
    after it. The form of the digest, and the rule by which movements are closed, are in `chaining`.
    """

    batch = models.ForeignKey(
        "meterai.Batch", verbose_name=_("gelombang stok"), on_delete=models.PROTECT, db_index=False
    )
    # From 1, without a gap.
    number = models.PositiveIntegerField(_("nomor"))
    movements = ArrayField(models.BigIntegerField(), verbose_name=_("mutasi"))
    # Movements of the batch that are closed with this block, in all.
    length = models.PositiveBigIntegerField(_("mutasi sampai blok ini"), default=0)
    # Closed is, of every batch, each movement up to `floor` and each of a transaction before `horizon`. The newest
    # block of all says how far the whole book is closed.
    horizon = models.BigIntegerField(editable=False)
    floor = models.BigIntegerField(default=0, editable=False)
    # The last movement that was there, closed or not.
    newest = models.BigIntegerField(default=0, editable=False)
    digest = models.CharField("SHA-256", max_length=64)
    at = models.DateTimeField(_("waktu"))

    class Meta:
        verbose_name = _("blok buku besar")
        verbose_name_plural = _("blok buku besar")
        constraints = [
            models.UniqueConstraint(name="block_once", fields=["batch", "number"]),
            models.CheckConstraint(name="block_not_empty", condition=~models.Q(movements=[])),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.number}"
