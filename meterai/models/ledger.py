"""Every movement of stock, written once."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Movement(models.Model):
    """So many serials of a batch went from one place to another: who, when, why, by what reference.

    Places are those of the conservation sum: outside, draft, extents, pool, reserved, sold, affixed, refunded, void.
    """

    at = models.DateTimeField(_("waktu"))
    batch = models.ForeignKey("meterai.Batch", verbose_name=_("gelombang stok"), on_delete=models.PROTECT)
    reseller = models.ForeignKey(
        "meterai.Reseller", verbose_name=_("reseller"), null=True, blank=True, on_delete=models.PROTECT
    )
    source = models.CharField(_("dari"), max_length=10)
    target = models.CharField(_("ke"), max_length=10)
    quantity = models.PositiveIntegerField(_("jumlah"))
    reference = models.CharField(_("rujukan"), max_length=80)
    actor = models.CharField(_("pelaku"), max_length=80)
    reason = models.CharField(_("alasan"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("mutasi stok")
        verbose_name_plural = _("buku besar stok")
        constraints = [models.CheckConstraint(name="movement_not_empty", condition=models.Q(quantity__gt=0))]

    def __str__(self) -> str:
        return f"{self.quantity}: {self.source} → {self.target}"
