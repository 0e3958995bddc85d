"""Our own bank account as the bank's statement tells of it: files, and each transfer that came in."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .payment import Payment


class BankStatement(models.Model):
    """A statement file that was read: what it brought, and which of its lines were not understood. Written once."""

    # Which account of ours: bank and number, as the gateway "transfer" is configured.
    bank = models.CharField(_("rekening"), max_length=60)
    layout = models.CharField(_("bentuk berkas"), max_length=20)
    # SHA-256 of the file as uploaded: the same file is read once.
    digest = models.CharField(_("SHA-256 berkas"), max_length=64)
    name = models.CharField(_("nama berkas"), max_length=100, blank=True)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("diunggah oleh"), on_delete=models.PROTECT, related_name="+"
    )
    uploaded_at = models.DateTimeField(_("diunggah pada"))
    new_credits = models.PositiveIntegerField(_("uang masuk baru"), default=0)
    known_credits = models.PositiveIntegerField(_("uang masuk yang sudah dikenal"), default=0)
    debits = models.PositiveIntegerField(_("uang keluar, dilewati"), default=0)
    # [[line number, code of the reason], ...]; the line itself may hold a stranger's name and stays in the file.
    refused_lines = models.JSONField(_("baris ditolak"), default=list, blank=True)

    class Meta:
        verbose_name = _("mutasi rekening")
        verbose_name_plural = _("mutasi rekening")
        ordering = ["-id"]
        default_permissions = ("add", "view")
        constraints = [models.UniqueConstraint(name="statement_file_once", fields=["digest"])]

    def __str__(self) -> str:
        return f"{self.bank} {self.digest[:8]}"


class BankEntry(models.Model):
    """One transfer to our account. Its row is the queue: NEW waits for a worker, UNMATCHED for a person."""

    class State(models.TextChoices):
        NEW = "new", _("menunggu dicocokkan")
        MATCHED = "matched", _("cocok")
        UNMATCHED = "unmatched", _("belum cocok")
        ASIDE = "aside", _("bukan untuk pesanan")

    # new -> matched, unmatched; unmatched -> matched, aside (by a person); aside -> matched (an order was found for it)
    ARROWS = {
        State.NEW: frozenset({State.MATCHED, State.UNMATCHED}),
        State.UNMATCHED: frozenset({State.MATCHED, State.ASIDE}),
        State.ASIDE: frozenset({State.MATCHED}),
    }

    class Cause(models.TextChoices):
        NO_CODE = "no_code", _("tidak menyebut kode pesanan yang ada")
        SEVERAL = "several", _("menyebut lebih dari satu pesanan")
        NO_TRANSFER = "no_transfer", _("pesanan ini tidak memilih transfer")
        ENDED = "ended", _("pembayarannya sudah dikembalikan atau ditarik")
        UNSETTLED = "unsettled", _("uang lebih ini belum tercatat untuk dikembalikan")

    statement = models.ForeignKey(
        BankStatement, verbose_name=_("mutasi rekening"), on_delete=models.PROTECT, related_name="entries"
    )
    line = models.PositiveIntegerField(_("baris"))
    # Which account of ours: bank and number, as the gateway "transfer" is configured.
    bank = models.CharField(_("rekening"), max_length=60)
    date = models.DateField(_("tanggal"))
    amount = models.PositiveBigIntegerField(_("jumlah"))
    description = models.CharField(_("keterangan bank"), max_length=500, blank=True)
    reference = models.CharField(_("nomor di bank"), max_length=80, blank=True)
    # Of date, amount, description and reference; identical rows of a file are told apart by their ordinal.
    digest = models.CharField(max_length=64, editable=False)
    ordinal = models.PositiveIntegerField(_("ke berapa dari yang sama"), default=1)
    state = models.CharField(_("status"), max_length=10, choices=State, default=State.NEW)
    cause = models.CharField(_("sebab belum cocok"), max_length=12, choices=Cause, blank=True)
    payment = models.ForeignKey(
        Payment,
        verbose_name=_("pembayaran"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="bank_entries",
    )
    decided_at = models.DateTimeField(_("diputuskan pada"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("diputuskan oleh"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    reason = models.CharField(_("alasan"), max_length=500, blank=True)
    next_try_at = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = _("uang masuk")
        verbose_name_plural = _("uang masuk")
        ordering = ["-date", "-id"]
        default_permissions = ("view",)
        permissions = [("match_bankentry", "Can decide by hand what a transfer was for")]
        indexes = [
            models.Index(name="entry_to_match", fields=["next_try_at"], condition=Q(state="new")),
            models.Index(name="entry_for_a_person", fields=["date"], condition=Q(state="unmatched")),
        ]
        constraints = [
            # Overlapping files: what was read once is not credited again.
            models.UniqueConstraint(name="entry_once_a_bank", fields=["bank", "digest", "ordinal"]),
            models.CheckConstraint(name="entry_has_amount", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="entry_matched_has_payment",
                condition=Q(state="matched", payment__isnull=False) | (~Q(state="matched") & Q(payment=None)),
            ),
            models.CheckConstraint(
                name="entry_unmatched_has_cause",
                condition=~Q(state="unmatched") | ~Q(cause=""),
            ),
            # Who decides says why; and nobody but a person sets money aside.
            models.CheckConstraint(name="entry_decided_has_reason", condition=Q(decided_by=None) | ~Q(reason="")),
            models.CheckConstraint(
                name="entry_aside_by_a_person", condition=~Q(state="aside") | Q(decided_by__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.bank} {self.date:%Y-%m-%d} {self.amount}"
