"""What a gateway reports as settled, beside what we believe."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Settlement(models.Model):
    """A settlement report of a gateway, taken in once; its rows stand for themselves."""

    gateway = models.CharField(_("gerbang pembayaran"), max_length=20)
    name = models.CharField(_("nama berkas"), max_length=120)
    sha256 = models.CharField(_("SHA-256 berkas"), max_length=64)
    taken_in_at = models.DateTimeField(_("dibaca pada"))
    by = models.ForeignKey("meterai.User", verbose_name=_("dibaca oleh"), on_delete=models.PROTECT, related_name="+")
    first_day = models.DateField(_("dari tanggal"), null=True, blank=True)
    last_day = models.DateField(_("sampai tanggal"), null=True, blank=True)

    class Meta:
        verbose_name = _("laporan penyelesaian")
        verbose_name_plural = _("laporan penyelesaian")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(name="settlement_taken_in_once", fields=["gateway", "sha256"])]

    def __str__(self) -> str:
        return f"{self.gateway} {self.name}"


class SettlementRow(models.Model):
    """One line: money that came for a payment, went back for it, or was taken back."""

    class Kind(models.TextChoices):
        PAYMENT = "payment", _("pembayaran")
        REFUND = "refund", _("pengembalian")
        REVERSAL = "reversal", _("penarikan kembali")

    settlement = models.ForeignKey(
        Settlement, verbose_name=_("laporan penyelesaian"), on_delete=models.PROTECT, related_name="rows"
    )
    line = models.PositiveIntegerField(_("baris"))
    kind = models.CharField(_("jenis"), max_length=10, choices=Kind)
    gateway_reference = models.CharField(_("nomor di gerbang"), max_length=80, db_index=True)
    reference = models.CharField(_("nomor kita"), max_length=80, blank=True)
    gross = models.PositiveIntegerField(_("jumlah"))
    fee = models.PositiveIntegerField(_("biaya gerbang"), default=0)
    happened_at = models.DateTimeField(_("terjadi pada"), null=True, blank=True)

    class Meta:
        verbose_name = _("baris laporan penyelesaian")
        verbose_name_plural = _("baris laporan penyelesaian")
        ordering = ["settlement", "line"]
        constraints = [
            models.UniqueConstraint(name="settlement_line_once", fields=["settlement", "line"]),
            models.CheckConstraint(name="settlement_row_names_a_payment", condition=~Q(gateway_reference="")),
        ]

    def __str__(self) -> str:
        return f"{self.gateway_reference}: {self.gross}"
