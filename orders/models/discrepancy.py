"""What does not add up, and therefore waits for a person."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .order import Order
from .payment import Payment


class Discrepancy(models.Model):
    """Money that no rule of ours can decide about. The aim is that none is open."""

    class State(models.TextChoices):
        OPEN = "open", _("terbuka")
        CLOSED = "closed", _("selesai")

    # open -> closed, with a reason: by a person, or because the rest of the money came
    ARROWS = {State.OPEN: frozenset({State.CLOSED})}

    class Kind(models.TextChoices):
        AMOUNT = "amount", _("uang masuk tidak sama dengan tagihan")
        REVERSED = "reversed", _("uang ditarik kembali, meterai sudah dipakai")
        REFUND = "refund", _("pengembalian dana ditolak gerbang")
        UNKNOWN = "unknown", _("pemberitahuan tentang pembayaran yang tidak kita kenal")
        NOT_SETTLED = "not_settled", _("lunas di sini, tidak ada di laporan gerbang")
        NOT_PAID = "not_paid", _("ada di laporan gerbang, tidak lunas di sini")
        SETTLED_AMOUNT = "settled_amount", _("jumlah di laporan gerbang berbeda")

    kind = models.CharField(_("jenis"), max_length=16, choices=Kind)
    # Names the thing itself, such as a payment's id: the same trouble is listed once.
    subject = models.CharField(_("tentang"), max_length=120)
    state = models.CharField(_("status"), max_length=10, choices=State, default=State.OPEN)
    order = models.ForeignKey(
        Order, verbose_name=_("pesanan"), null=True, blank=True, on_delete=models.PROTECT, related_name="discrepancies"
    )
    payment = models.ForeignKey(
        Payment,
        verbose_name=_("pembayaran"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="discrepancies",
    )
    # Rupiah: what we hold to be right, and what was found.
    expected = models.BigIntegerField(_("seharusnya"), null=True, blank=True)
    found = models.BigIntegerField(_("ternyata"), null=True, blank=True)
    note = models.CharField(_("keterangan"), max_length=200, blank=True)
    opened_at = models.DateTimeField(_("ditemukan pada"))
    closed_at = models.DateTimeField(_("diselesaikan pada"), null=True, blank=True)
    closed_by = models.ForeignKey(
        "meterai.User", verbose_name=_("diselesaikan oleh"), null=True, blank=True, on_delete=models.PROTECT
    )
    resolution = models.CharField(_("penyelesaian"), max_length=400, blank=True)

    class Meta:
        verbose_name = _("selisih")
        verbose_name_plural = _("selisih")
        ordering = ["-id"]
        indexes = [models.Index(name="discrepancy_open", fields=["opened_at"], condition=Q(state="open"))]
        constraints = [
            models.UniqueConstraint(name="discrepancy_listed_once", fields=["kind", "subject"]),
            models.CheckConstraint(
                name="discrepancy_closed_whole",
                condition=Q(state="open", closed_at=None, closed_by=None, resolution="")
                | Q(state="closed", closed_at__isnull=False) & ~Q(resolution=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject}"
