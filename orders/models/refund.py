"""Money on its way back to the buyer."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .payment import Payment


class Refund(models.Model):
    """Some or all of a payment's money, sent back by the gateway, or paid out to a bank account where it cannot."""

    class State(models.TextChoices):
        ACCOUNT = "account", _("menunggu nomor rekening pembeli")
        REQUESTED = "requested", _("diajukan")
        SENT = "sent", _("dikirim, menunggu kabar")
        DONE = "done", _("dikembalikan")
        CANCELLED = "cancelled", _("batal: uangnya sudah ditarik bank")

    # account -> requested; requested, sent -> done; the gateway refused or the bank sent it back -> account;
    # account, requested -> cancelled, when the bank took the payment back before we sent anything
    ARROWS = {
        State.ACCOUNT: frozenset({State.REQUESTED, State.CANCELLED}),
        State.REQUESTED: frozenset({State.SENT, State.DONE, State.ACCOUNT, State.CANCELLED}),
        State.SENT: frozenset({State.DONE, State.ACCOUNT}),
    }

    class Reason(models.TextChoices):
        SURPLUS = "surplus", _("pesanan sudah dibayar sebelumnya")
        OVERPAID = "overpaid", _("dibayar lebih dari yang ditagih")
        SOLD_OUT = "sold_out", _("pembayaran terlambat dan stok habis")
        RECALLED = "recalled", _("stok ditarik penerbit dan tidak ada gantinya")
        AMOUNT = "amount", _("jumlah yang dibayar tidak sama dengan tagihan")
        WISH = "wish", _("permintaan pembeli")

    class Way(models.TextChoices):
        GATEWAY = "gateway", _("lewat gerbang pembayaran")
        TRANSFER = "transfer", _("transfer ke rekening pembeli")

    payment = models.ForeignKey(Payment, verbose_name=_("pembayaran"), on_delete=models.PROTECT, related_name="refunds")
    state = models.CharField(_("status"), max_length=10, choices=State, default=State.REQUESTED)
    reason = models.CharField(_("alasan"), max_length=10, choices=Reason)
    way = models.CharField(_("cara"), max_length=10, choices=Way, default=Way.GATEWAY)
    amount = models.PositiveIntegerField(_("jumlah"))
    # Where a transfer goes. Emptied once it is long done: nobody needs it any more.
    bank = models.CharField(_("bank"), max_length=40, blank=True)
    account_number = models.CharField(_("nomor rekening"), max_length=34, blank=True)
    account_holder = models.CharField(_("nama pemilik rekening"), max_length=80, blank=True)
    transfer_reference = models.CharField(_("nomor bukti transfer"), max_length=80, blank=True)
    requested_at = models.DateTimeField(_("diajukan pada"))
    sent_at = models.DateTimeField(_("dikirim pada"), null=True, blank=True)
    done_at = models.DateTimeField(_("selesai pada"), null=True, blank=True)
    next_try_at = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveIntegerField(default=0, editable=False)
    # The token of the form: the same wish sent twice is one refund.
    idempotency_key = models.CharField(max_length=80, unique=True, null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("pengembalian dana")
        verbose_name_plural = _("pengembalian dana")
        ordering = ["-id"]
        permissions = [("unmask_account", "Can see the account number of a refund in full")]
        indexes = [
            models.Index(
                name="refund_to_transfer",
                fields=["requested_at"],
                condition=Q(way="transfer", state__in=["requested", "sent"]),
            ),
            models.Index(name="refund_to_send", fields=["next_try_at"], condition=Q(next_try_at__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(name="refund_has_amount", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="refund_done_paired",
                condition=Q(state="done", done_at__isnull=False) | ~Q(state="done") & Q(done_at=None),
            ),
            # What our own rules send back is sent once a payment, however often the gateway tells of it. Buyers may
            # wish several times; too much may come several times, and is counted by the payment's own sums.
            models.UniqueConstraint(
                name="refund_once_a_reason",
                fields=["payment", "reason"],
                condition=~Q(reason__in=["wish", "overpaid"]),
            ),
            models.CheckConstraint(
                name="refund_transfer_has_account",
                condition=~Q(way="transfer", state__in=["requested", "sent"])
                | ~Q(bank="") & ~Q(account_number="") & ~Q(account_holder=""),
            ),
            models.CheckConstraint(
                name="refund_account_means_transfer", condition=~Q(state="account") | Q(way="transfer")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount}: {self.get_reason_display()}"


class RefundedStamp(models.Model):
    """A stamp whose price a refund gives back; the stamp itself is REFUNDED and can never be used."""

    refund = models.ForeignKey(
        Refund, verbose_name=_("pengembalian dana"), on_delete=models.PROTECT, related_name="stamps"
    )
    # A stamp's price goes back once, whoever asks.
    serial = models.OneToOneField(
        "meterai.Serial", verbose_name=_("nomor seri"), on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        verbose_name = _("meterai yang dikembalikan")
        verbose_name_plural = _("meterai yang dikembalikan")

    def __str__(self) -> str:
        return str(self.serial_id)
