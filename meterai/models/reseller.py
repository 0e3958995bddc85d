"""Who sells stamps through a shop of its own, on prepaid stock."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Reseller(models.Model):
    """A business that sells stamps and answers for what was bought from it."""

    code = models.SlugField(_("kode"), max_length=40, unique=True)
    name = models.CharField(_("nama"), max_length=120)
    legal_name = models.CharField(_("nama badan hukum"), max_length=200, blank=True)
    licence = models.CharField(_("nomor izin penyalur"), max_length=80, blank=True)
    website = models.URLField(_("situs web"), blank=True)
    contact_email = models.EmailField(_("surel pusat bantuan"))
    contact_phone = models.CharField(_("telepon pusat bantuan"), max_length=20, blank=True)
    contact_hours = models.CharField(_("jam layanan"), max_length=80, blank=True)
    low_stock_threshold = models.PositiveIntegerField(
        _("ambang stok menipis"),
        default=0,
        help_text=_("Di bawah jumlah ini reseller dan staf diberi tahu. 0: tidak pernah."),
    )
    is_active = models.BooleanField(_("aktif"), default=True)
    is_demo = models.BooleanField(_("percontohan"), default=False)

    class Meta:
        verbose_name = _("reseller")
        verbose_name_plural = _("reseller")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
