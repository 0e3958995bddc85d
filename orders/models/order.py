"""A purchase of n stamps, paid as one."""

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from meterai import links


class Order(models.Model):
    """Who buys is known by an e-mail address or a telephone number, nothing else."""

    class State(models.TextChoices):
        PENDING = "pending", _("menunggu pembayaran")
        PAID = "paid", _("dibayar")
        EXPIRED = "expired", _("kedaluwarsa")
        CANCELLED = "cancelled", _("dibatalkan")
        REFUNDED = "refunded", _("dikembalikan seluruhnya")
        REVERSED = "reversed", _("uangnya ditarik kembali")

    # pending -> paid, expired, cancelled; expired, cancelled -> paid (late money is still money);
    # paid -> refunded (every stamp went back), reversed (the bank took the money back)
    ARROWS = {
        State.PENDING: frozenset({State.PAID, State.EXPIRED, State.CANCELLED}),
        State.EXPIRED: frozenset({State.PAID}),
        State.CANCELLED: frozenset({State.PAID}),
        State.PAID: frozenset({State.REFUNDED, State.REVERSED}),
    }
    # Somebody's money came for it, whatever became of it later.
    WAS_PAID = (State.PAID, State.REFUNDED, State.REVERSED)

    code = models.CharField(_("kode pesanan"), max_length=12, unique=True)
    state = models.CharField(_("status"), max_length=10, choices=State, default=State.PENDING)
    email = models.EmailField(_("surel"), blank=True)
    phone = models.CharField(_("nomor telepon"), max_length=16, blank=True)
    language = models.CharField(_("bahasa"), max_length=2, default="id")
    reseller = models.ForeignKey(
        "meterai.Reseller", verbose_name=_("dijual oleh reseller"), null=True, blank=True, on_delete=models.PROTECT
    )
    quantity = models.PositiveSmallIntegerField(_("jumlah"))
    duty = models.PositiveIntegerField(_("bea meterai per keping"))
    service_fee = models.PositiveIntegerField(_("biaya layanan per keping"), default=0)
    payment_fee = models.PositiveIntegerField(_("biaya pembayaran"), default=0)
    total = models.PositiveIntegerField(_("jumlah bayar"))
    created_at = models.DateTimeField(_("dibuat pada"))
    expires_at = models.DateTimeField(_("batas bayar"))
    paid_at = models.DateTimeField(_("dibayar pada"), null=True, blank=True)
    # Raising it revokes every secret link given out before.
    link_version = models.PositiveIntegerField(default=1, editable=False)
    # The token of the form, or the Idempotency-Key of the API, and the digest of what was asked with it.
    idempotency_key = models.CharField(max_length=80, unique=True, null=True, blank=True, editable=False)
    idempotency_digest = models.CharField(max_length=64, blank=True, editable=False)

    class Meta:
        verbose_name = _("pesanan")
        verbose_name_plural = _("pesanan")
        ordering = ["-id"]
        indexes = [
            models.Index(name="order_expiring", fields=["expires_at"], condition=Q(state="pending")),
            models.Index(name="order_email", fields=["email"], condition=~Q(email="")),
            models.Index(name="order_phone", fields=["phone"], condition=~Q(phone="")),
        ]
        constraints = [
            models.CheckConstraint(name="order_can_be_reached", condition=~Q(email="") | ~Q(phone="")),
            models.CheckConstraint(name="order_not_empty", condition=Q(quantity__gt=0)),
            models.CheckConstraint(
                name="order_total_adds_up",
                condition=Q(total=F("quantity") * (F("duty") + F("service_fee")) + F("payment_fee")),
            ),
            models.CheckConstraint(
                name="order_paid_paired",
                condition=Q(state__in=["paid", "refunded", "reversed"], paid_at__isnull=False)
                | Q(state__in=["pending", "expired", "cancelled"], paid_at=None),
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def key(self) -> str:
        """The key of this order's secret link."""
        return links.key(kind="order", code=self.code, version=self.link_version)

    def get_absolute_url(self) -> str:
        """The secret link: it opens everything a buyer may do."""
        return reverse("stamping:order", args=[self.code, self.key])


class Line(models.Model):
    """One serial of an order. Kept when the reservation lapses, so that late money can ask for the same serials."""

    order = models.ForeignKey(Order, verbose_name=_("pesanan"), on_delete=models.PROTECT, related_name="lines")
    serial = models.ForeignKey(
        "meterai.Serial", verbose_name=_("nomor seri"), on_delete=models.PROTECT, related_name="+"
    )
    released_at = models.DateTimeField(_("dilepas pada"), null=True, blank=True)

    class Meta:
        verbose_name = _("baris pesanan")
        verbose_name_plural = _("baris pesanan")
        constraints = [
            models.UniqueConstraint(name="line_holds_a_serial_once", fields=["serial"], condition=Q(released_at=None)),
        ]

    def __str__(self) -> str:
        return str(self.serial_id)
