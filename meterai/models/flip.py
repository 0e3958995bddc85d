"""Every change of state, written once."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Flip(models.Model):
    """One row went from one state to another."""

    noun = models.CharField(_("jenis"), max_length=60)
    row = models.CharField(_("baris"), max_length=60)
    old = models.CharField(_("dari"), max_length=20, blank=True)
    new = models.CharField(_("ke"), max_length=20)
    at = models.DateTimeField(_("waktu"))
    reason = models.CharField(_("alasan"), max_length=200, blank=True)
    actor = models.CharField(_("pelaku"), max_length=80, blank=True)

    class Meta:
        verbose_name = _("perubahan status")
        verbose_name_plural = _("perubahan status")
        indexes = [models.Index(name="flip_of_row", fields=["noun", "row"])]

    def __str__(self) -> str:
        return f"{self.noun} {self.row}: {self.old} → {self.new}"
