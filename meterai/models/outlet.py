"""Where a reseller sells over a counter."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Outlet(models.Model):
    """A reseller's physical counter, e.g. a post office."""

    reseller = models.ForeignKey(
        "meterai.Reseller", verbose_name=_("reseller"), on_delete=models.PROTECT, related_name="outlets"
    )
    name = models.CharField(_("nama"), max_length=120)
    address = models.CharField(_("alamat"), max_length=240)
    city = models.CharField(_("kota"), max_length=80)
    province = models.CharField(_("provinsi"), max_length=80)
    opening_hours = models.CharField(_("jam buka"), max_length=80, blank=True)
    is_active = models.BooleanField(_("aktif"), default=True)

    class Meta:
        verbose_name = _("gerai")
        verbose_name_plural = _("gerai")
        ordering = ["province", "city", "name"]
        constraints = [models.UniqueConstraint(name="outlet_once", fields=["reseller", "name", "city"])]

    def __str__(self) -> str:
        return f"{self.name}, {self.city}"
