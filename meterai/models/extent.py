"""What is still available, as ranges."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Extent(models.Model):
    """Ordinals `next` (included) to `end` (excluded) of a batch, not yet taken.

    Taking moves `next`. The column is in no index and in no index condition, so that PostgreSQL can update the row in
    place (heap-only), and the fill factor leaves it room for that.
    """

    batch = models.ForeignKey("meterai.Batch", on_delete=models.PROTECT)
    # The lease these ordinals belong to; empty for the official shop.
    reseller = models.ForeignKey("meterai.Reseller", null=True, blank=True, on_delete=models.PROTECT)
    next = models.PositiveIntegerField()
    end = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("rentang stok")
        verbose_name_plural = _("rentang stok")
        constraints = [models.CheckConstraint(name="extent_in_order", condition=Q(next__lte=F("end")))]

    def __str__(self) -> str:
        return f"{self.batch_id}: {self.next}-{self.end}"
