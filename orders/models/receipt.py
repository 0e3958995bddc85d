"""Receipts and refund notes, numbered without a gap."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .order import Order
from .refund import Refund


class Series(models.Model):
    """One run of numbers, such as the receipts of a year. Its row is locked while numbers are given out."""

    name = models.CharField(_("seri"), max_length=12, primary_key=True)
    last = models.PositiveIntegerField(_("nomor terakhir"), default=0)

    class Meta:
        verbose_name = _("seri nomor")
        verbose_name_plural = _("seri nomor")

    def __str__(self) -> str:
        return self.name


class Receipt(models.Model):
    """A paper that was owed when its row was written. It gets its number a moment later, by one worker at a time:

    numbers without a gap need an order, and a payment must not stand in a queue for one.
    """

    class Kind(models.TextChoices):
        PAYMENT = "payment", _("kuitansi")
        REFUND = "refund", _("nota pengembalian")

    kind = models.CharField(_("jenis"), max_length=10, choices=Kind)
    order = models.ForeignKey(Order, verbose_name=_("pesanan"), on_delete=models.PROTECT, related_name="receipts")
    refund = models.OneToOneField(
        Refund,
        verbose_name=_("pengembalian dana"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="receipt",
    )
    series = models.ForeignKey(
        Series, verbose_name=_("seri"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    number = models.PositiveIntegerField(_("nomor"), null=True, blank=True)
    created_at = models.DateTimeField(_("dibuat pada"))
    issued_at = models.DateTimeField(_("diberi nomor pada"), null=True, blank=True)
    # As the buyer wants it on the paper; may be set once.
    buyer_name = models.CharField(_("nama pembeli"), max_length=80, blank=True)

    class Meta:
        verbose_name = _("kuitansi")
        verbose_name_plural = _("kuitansi")
        ordering = ["-id"]
        indexes = [models.Index(name="receipt_to_number", fields=["id"], condition=Q(number=None))]
        constraints = [
            models.UniqueConstraint(name="receipt_number_once", fields=["series", "number"]),
            models.UniqueConstraint(name="receipt_one_an_order", fields=["order"], condition=Q(kind="payment")),
            models.CheckConstraint(
                name="receipt_numbered_whole",
                condition=Q(series=None, number=None, issued_at=None)
                | Q(series__isnull=False, number__isnull=False, number__gt=0, issued_at__isnull=False),
            ),
            models.CheckConstraint(
                name="receipt_kind_paired",
                condition=Q(kind="payment", refund=None) | Q(kind="refund", refund__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.series_id}-{self.number:06d}" if self.number else f"{self.kind} {self.pk}"
