"""Serials that came back."""

from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _


class Pooled(models.Model):
    """A serial that was reserved and released; drawn before any extent."""

    serial = models.OneToOneField("meterai.Serial", primary_key=True, on_delete=models.PROTECT)
    batch = models.ForeignKey("meterai.Batch", on_delete=models.PROTECT, db_index=False)
    reseller = models.ForeignKey("meterai.Reseller", null=True, blank=True, on_delete=models.PROTECT, db_index=False)
    released_at = models.DateTimeField()

    class Meta:
        verbose_name = _("nomor seri yang kembali")
        verbose_name_plural = _("nomor seri yang kembali")
        indexes = [models.Index(Coalesce("reseller_id", 0), name="pooled_of_seller")]

    def __str__(self) -> str:
        return str(self.pk)
