"""Money: what was asked for, and what gateways said."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from .order import Order


class Payment(models.Model):
    """One attempt to pay an order through one gateway. Its id is our reference at the gateway."""

    class State(models.TextChoices):
        STARTED = "started", _("disiapkan")
        PENDING = "pending", _("menunggu pembeli")
        PAID = "paid", _("lunas")
        EXPIRED = "expired", _("kedaluwarsa")
        FAILED = "failed", _("gagal")
        HELD = "held", _("diperiksa petugas")
        REVERSED = "reversed", _("ditarik kembali")
        REFUNDED = "refunded", _("dikembalikan")

    # started -> pending; whatever the gateway says from there; nothing leaves paid but a reversal or a refund.
    # To reversed also from states without money: it came and went before we looked.
    ARROWS = {
        State.STARTED: frozenset({State.PENDING, State.PAID, State.EXPIRED, State.FAILED, State.HELD, State.REVERSED}),
        State.PENDING: frozenset({State.PAID, State.EXPIRED, State.FAILED, State.HELD, State.REVERSED}),
        State.EXPIRED: frozenset({State.PAID, State.HELD, State.REVERSED}),
        State.FAILED: frozenset({State.PAID, State.HELD, State.REVERSED}),
        State.HELD: frozenset({State.PAID, State.REVERSED, State.REFUNDED}),
        State.PAID: frozenset({State.REVERSED, State.REFUNDED}),
    }
    OPEN = (State.STARTED, State.PENDING)

    id = models.UUIDField(primary_key=True, editable=False)
    order = models.ForeignKey(Order, verbose_name=_("pesanan"), on_delete=models.PROTECT, related_name="payments")
    gateway = models.CharField(_("gerbang pembayaran"), max_length=20)
    method = models.CharField(_("cara bayar"), max_length=10)
    state = models.CharField(_("status"), max_length=10, choices=State, default=State.STARTED)
    amount = models.PositiveIntegerField(_("jumlah"))
    # What came in all, and how much of it went or is to go back: see Refund.
    received = models.PositiveIntegerField(_("uang masuk"), default=0)
    refunded = models.PositiveIntegerField(_("uang kembali"), default=0)
    gateway_reference = models.CharField(_("nomor di gerbang"), max_length=80, blank=True)
    # What the buyer needs to pay: qr_string, va_number, va_bank, pay_url, account_* and transfer_note.
    instructions = models.JSONField(_("petunjuk bayar"), default=dict, blank=True)
    created_at = models.DateTimeField(_("dibuat pada"))
    expires_at = models.DateTimeField(_("batas bayar"))
    paid_at = models.DateTimeField(_("lunas pada"), null=True, blank=True)
    asked_at = models.DateTimeField(_("terakhir ditanyakan"), null=True, blank=True)
    next_ask_at = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = _("pembayaran")
        verbose_name_plural = _("pembayaran")
        ordering = ["-created_at"]
        indexes = [
            models.Index(name="payment_to_ask", fields=["next_ask_at"], condition=Q(next_ask_at__isnull=False)),
            models.Index(name="payment_held", fields=["created_at"], condition=Q(state="held")),
            models.Index(name="payment_paid_at", fields=["paid_at"], condition=Q(paid_at__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(
                name="payment_one_open_an_order", fields=["order"], condition=Q(state__in=["started", "pending"])
            ),
            models.UniqueConstraint(
                name="payment_known_once_at_gateway",
                fields=["gateway", "gateway_reference"],
                condition=~Q(gateway_reference=""),
            ),
            models.CheckConstraint(name="payment_has_amount", condition=Q(amount__gt=0)),
            models.CheckConstraint(name="payment_paid_has_time", condition=~Q(state="paid") | Q(paid_at__isnull=False)),
            models.CheckConstraint(
                name="payment_paid_in_full", condition=~Q(state="paid") | Q(received__gte=F("amount"))
            ),
            models.CheckConstraint(name="payment_gives_back_what_came", condition=Q(refunded__lte=F("received"))),
        ]

    def __str__(self) -> str:
        return f"{self.gateway} {self.gateway_reference or self.pk}"


class Notification(models.Model):
    """What a gateway sent, stored before anything else; processed from this table."""

    gateway = models.CharField(_("gerbang pembayaran"), max_length=20)
    event = models.CharField(_("nomor peristiwa"), max_length=120)
    gateway_reference = models.CharField(_("nomor di gerbang"), max_length=80)
    body = models.TextField(_("isi"))
    received_at = models.DateTimeField(_("diterima pada"))
    processed_at = models.DateTimeField(_("diproses pada"), null=True, blank=True)
    outcome = models.CharField(_("hasil"), max_length=60, blank=True)
    next_try_at = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = _("pemberitahuan gerbang")
        verbose_name_plural = _("pemberitahuan gerbang")
        ordering = ["-id"]
        indexes = [
            models.Index(name="notification_to_do", fields=["next_try_at"], condition=Q(processed_at=None)),
            models.Index(name="notification_about", fields=["gateway_reference"]),
        ]
        constraints = [models.UniqueConstraint(name="notification_once", fields=["gateway", "event"])]

    def __str__(self) -> str:
        return f"{self.gateway} {self.event}"
