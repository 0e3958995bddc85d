"""Stock that was withdrawn."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Recall(models.Model):
    """The decision to withdraw ordinals `first` to `last` (both included) of a batch. Written once."""

    batch = models.ForeignKey("meterai.Batch", verbose_name=_("gelombang stok"), on_delete=models.PROTECT)
    first = models.PositiveIntegerField(_("dari urutan"))
    last = models.PositiveIntegerField(_("sampai urutan"))
    reason = models.CharField(_("alasan"), max_length=200)
    at = models.DateTimeField(_("waktu"))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, verbose_name=_("oleh"), on_delete=models.PROTECT)
    voided = models.PositiveIntegerField(_("dibatalkan (belum terjual)"))
    sold = models.PositiveIntegerField(_("sudah terjual saat ditarik"))

    class Meta:
        verbose_name = _("penarikan")
        verbose_name_plural = _("penarikan")
        ordering = ["-at"]
        constraints = [
            models.CheckConstraint(name="recall_in_order", condition=Q(first__gte=1, first__lte=F("last"))),
            models.CheckConstraint(name="recall_has_reason", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"{self.batch}: {self.first}-{self.last}"


class Withdrawn(models.Model):
    """Ordinals `first` (included) to `past` (excluded) that were never taken when they were recalled: VOID, as a range.

    A row a serial would make a recall as slow as its batch is large; what had been taken once has a Stamp that is VOID.
    """

    recall = models.ForeignKey(Recall, on_delete=models.PROTECT)
    batch = models.ForeignKey("meterai.Batch", on_delete=models.PROTECT, db_index=False)
    # Whose they were: empty for the official shop.
    reseller = models.ForeignKey("meterai.Reseller", null=True, blank=True, on_delete=models.PROTECT)
    first = models.PositiveIntegerField()
    past = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("rentang yang ditarik")
        verbose_name_plural = _("rentang yang ditarik")
        # Two ranges of one batch never share an ordinal: an exclusion constraint in the migration, `withdrawn_once`.
        constraints = [models.CheckConstraint(name="withdrawn_in_order", condition=Q(first__lt=F("past")))]

    def __str__(self) -> str:
        return f"{self.batch_id}: {self.first}-{self.past}"
