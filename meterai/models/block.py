"""The chain over the book of stock."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class Block(models.Model):
    """Movements of one batch, closed: their digest covers their every column and the digest of the block before.

    Written once. A row that is changed or missing afterwards no longer gives this digest, and neither does any block
    after it.
    """

    batch = models.ForeignKey(
        "meterai.Batch", verbose_name=_("gelombang stok"), on_delete=models.PROTECT, db_index=False
    )
    number = models.PositiveIntegerField(_("nomor"))
    movements = ArrayField(models.BigIntegerField(), verbose_name=_("mutasi"))
    # Every movement of a transaction before this one is in this block or in an earlier one.
    horizon = models.BigIntegerField(editable=False)
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
