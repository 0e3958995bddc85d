"""What the watch over the stock has seen."""

from django.db import models
from django.db.models import Q
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _


class StockCheck(models.Model):
    """Where all serials were at one moment; pages and metrics read the newest, so that looking costs one row."""

    at = models.DateTimeField(_("waktu"))
    seconds = models.FloatField(_("lama"))
    difference = models.BigIntegerField(_("selisih"))
    balances = models.JSONField(_("neraca"))
    forecasts = models.JSONField(_("perkiraan"))

    class Meta:
        verbose_name = _("pemeriksaan stok")
        verbose_name_plural = _("pemeriksaan stok")
        get_latest_by = "at"
        indexes = [models.Index(name="stock_check_newest", fields=["-at"])]

    def __str__(self) -> str:
        return f"{localtime(self.at):%d-%m-%Y %H.%M}"


class LowStock(models.Model):
    """A seller's stock fell under its threshold, and later rose above it again (`ended_at`). One open row a seller."""

    # Empty for the official shop.
    reseller = models.ForeignKey(
        "meterai.Reseller", verbose_name=_("reseller"), null=True, blank=True, on_delete=models.PROTECT
    )
    threshold = models.PositiveIntegerField(_("ambang"))
    level = models.PositiveIntegerField(_("sisa saat itu"))
    began_at = models.DateTimeField(_("mulai"))
    ended_at = models.DateTimeField(_("berakhir"), null=True, blank=True)

    class Meta:
        verbose_name = _("stok menipis")
        verbose_name_plural = _("stok menipis")
        ordering = ["-began_at"]
        constraints = [
            models.UniqueConstraint(
                name="low_stock_open_once",
                fields=["reseller"],
                condition=Q(ended_at=None),
                nulls_distinct=False,
            ),
            models.CheckConstraint(name="low_stock_is_low", condition=Q(level__lt=models.F("threshold"))),
        ]

    def __str__(self) -> str:
        return f"{self.reseller_id or '-'}: {self.level} < {self.threshold}"
