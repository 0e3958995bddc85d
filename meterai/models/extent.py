"""What is still available, as ranges."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _


class Extent(models.Model):
    """Ordinals `next` (included) to `end` (excluded) of a batch, not yet taken.

    Taking moves `next`. The column is in no index and in no index condition, so that PostgreSQL can update the row in
    place (heap-only), and the fill factor leaves it room for that.
    """

    batch = models.ForeignKey("meterai.Batch", on_delete=models.PROTECT, db_index=False)
    # The lease these ordinals belong to; empty for the official shop.
    reseller = models.ForeignKey("meterai.Reseller", null=True, blank=True, on_delete=models.PROTECT, db_index=False)
    next = models.IntegerField()
    end = models.IntegerField()

    class Meta:
        verbose_name = _("rentang stok")
        verbose_name_plural = _("rentang stok")
        indexes = [
            # Zero for the official shop: PostgreSQL finds no index for IS NOT DISTINCT FROM.
            # The second part is the lane, in which a connection looks first (migration 0004).
            models.Index(Coalesce("reseller_id", 0), F("id") % 64, name="extent_of_seller"),
        ]
        constraints = [
            models.CheckConstraint(name="extent_in_order", condition=Q(next__gte=1, next__lte=F("end"))),
            # Two that end alike would share an ordinal. (`next` may be in no index; what is taken twice is refused by
            # the stamp's primary key.) Triggers hold that it lies within its batch, `extent_within_batch`, and names
            # nothing that was recalled, `extent_not_withdrawn`.
            models.UniqueConstraint(name="extent_end_once", fields=["batch", "end"]),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id}: {self.next}-{self.end}"
