"""Serials that came back."""

from django.db import models
from django.db.models.functions import Cast, Coalesce, Floor, Random
from django.utils.translation import gettext_lazy as _


class Pooled(models.Model):
    """A serial that was reserved and released; drawn before any extent."""

    serial = models.OneToOneField("meterai.Serial", primary_key=True, on_delete=models.PROTECT)
    batch = models.ForeignKey("meterai.Batch", on_delete=models.PROTECT, db_index=False)
    reseller = models.ForeignKey("meterai.Reseller", null=True, blank=True, on_delete=models.PROTECT, db_index=False)
    released_at = models.DateTimeField()
    # Connections draw from a lane of their own first, or all would reach for the same rows.
    lane = models.SmallIntegerField(db_default=Cast(Floor(Random() * 16), models.SmallIntegerField()))

    class Meta:
        verbose_name = _("nomor seri yang kembali")
        verbose_name_plural = _("nomor seri yang kembali")
        # The serial makes each entry its own: an entry that many rows share could not be marked dead one row at a time,
        # and after a wave of lapsed reservations every draw would walk over all that were drawn before.
        indexes = [models.Index(Coalesce("reseller_id", 0), "lane", "serial", name="pooled_of_seller")]

    def __str__(self) -> str:
        return str(self.pk)
