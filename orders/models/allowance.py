"""How many stamps one person may still buy, where there is a limit."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Allowance(models.Model):
    """Stamps of one person in one period, counted while they are reserved or bought; the database refuses one too many.

    The person is known by a keyed digest of the contact, so that this table holds nothing personal.
    """

    person = models.CharField(max_length=64)
    first_day = models.DateField(_("dari tanggal"))
    taken = models.PositiveIntegerField(_("diambil"), default=0)
    most = models.PositiveIntegerField(_("paling banyak"))

    class Meta:
        verbose_name = _("jatah pembelian")
        verbose_name_plural = _("jatah pembelian")
        constraints = [
            models.UniqueConstraint(name="allowance_one_a_period", fields=["person", "first_day"]),
            models.CheckConstraint(name="allowance_not_exceeded", condition=Q(taken__lte=F("most"))),
        ]

    def __str__(self) -> str:
        return f"{self.first_day}: {self.taken}/{self.most}"
