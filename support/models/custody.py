"""Who holds a ticket, from when, why."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from .ticket import Ticket


class Body(models.TextChoices):
    """Who can be responsible for a ticket."""

    ISSUER = "issuer", _("penerbit")
    RESELLER = "reseller", _("reseller")


class Reason(models.TextChoices):
    """Why a body holds a ticket; the label is the sentence that the complainant reads."""

    SERVICE = (
        "service",
        _("Pembubuhan, segel, unduhan, dan pemeriksaan adalah tanggung jawab penerbit, siapa pun penjualnya."),
    )
    SOLD_BY_RESELLER = (
        "sold_by_reseller",
        _("E-meterai ini dijual oleh reseller tersebut, jadi pembayaran dan dananya ada padanya."),
    )
    OFFICIAL_SHOP = "official_shop", _("E-meterai ini dibeli di toko resmi penerbit.")
    CONTRADICTORY = (
        "contradictory",
        _("Bukti yang ada menunjuk ke penjual yang berbeda, jadi petugas penerbit memeriksanya dulu."),
    )
    ONLY_SAID = (
        "only_said",
        _(
            "Belum ada bukti pembelian di reseller yang Anda sebut. "
            "Agar data Anda tidak salah kirim, petugas penerbit memeriksanya dulu."
        ),
    )
    NO_EVIDENCE = "no_evidence", _("Penjualnya belum diketahui, jadi petugas penerbit memeriksanya dulu.")
    RESELLER_INACTIVE = (
        "reseller_inactive",
        _("Reseller yang menjualnya sudah tidak aktif, jadi penerbit yang menjawab."),
    )
    UNCLEAR = "unclear", _("Petugas penerbit membaca aduan ini dan menentukan langkahnya.")
    SILENCE = "silence", _("Reseller belum menanggapi sampai batas waktunya, jadi aduan dialihkan ke penerbit.")
    HANDED_OVER = "handed_over", _("Aduan dialihkan oleh petugas.")


class Span(Func):
    """The half-open time range between two columns, as PostgreSQL's tstzrange; an empty end is "until now"."""

    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


class Custody(models.Model):
    """One body held one ticket between two moments; the one without an end is who holds it now.

    Rows are only ever added and ended: triggers refuse anything else, and a ticket without a holder (migration 0002).
    """

    ticket = models.ForeignKey(Ticket, verbose_name=_("aduan"), on_delete=models.PROTECT, related_name="custodies")
    body = models.CharField(_("pemegang"), max_length=10, choices=Body)
    reseller = models.ForeignKey(
        "meterai.Reseller",
        verbose_name=_("reseller"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    from_at = models.DateTimeField(_("sejak"))
    until_at = models.DateTimeField(_("sampai"), null=True, blank=True)
    accept_due_at = models.DateTimeField(_("ditanggapi paling lambat"))
    reason = models.CharField(_("alasan"), max_length=20, choices=Reason)
    note = models.CharField(_("keterangan petugas"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("pemegang aduan")
        verbose_name_plural = _("riwayat pemegang")
        ordering = ["from_at", "id"]
        indexes = [
            models.Index(
                name="custody_to_accept", fields=["accept_due_at"], condition=Q(until_at=None, body="reseller")
            ),
        ]
        constraints = [
            ExclusionConstraint(
                name="custody_one_holder",
                expressions=[
                    ("ticket", RangeOperators.EQUAL),
                    (Span("from_at", "until_at", RangeBoundary()), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(
                name="custody_holder_paired",
                condition=Q(body="reseller", reseller__isnull=False) | Q(body="issuer", reseller=None),
            ),
            models.CheckConstraint(name="custody_in_order", condition=Q(until_at=None) | Q(until_at__gte=F("from_at"))),
        ]

    def __str__(self) -> str:
        return self.holder

    @property
    def holder(self) -> str:
        """The holder's name as a person reads it; read `reseller` with select_related."""
        return self.reseller.name if self.reseller else str(_("Penerbit e-meterai"))
