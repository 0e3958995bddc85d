"""A complaint, with one body responsible for it at any moment."""

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from meterai import links

CODE_PREFIX = "AD"


class Ticket(models.Model):
    """What a person complained of, and how that person is reached. Who must answer is in `custodies`."""

    class State(models.TextChoices):
        OPEN = "open", _("menunggu jawaban")
        ANSWERED = "answered", _("dijawab")
        CLOSED = "closed", _("selesai")

    # open -> answered by its holder; open, answered -> closed and answered, closed -> open by the complainant alone
    ARROWS = {
        State.OPEN: frozenset({State.ANSWERED, State.CLOSED}),
        State.ANSWERED: frozenset({State.OPEN, State.CLOSED}),
        State.CLOSED: frozenset({State.OPEN}),
    }

    class Category(models.TextChoices):
        """What people met in 2024; which layer each belongs to is said in routing.py."""

        PAID_NO_STAMPS = "paid_no_stamps", _("Sudah bayar, e-meterai belum ada")
        PAID_TWICE = "paid_twice", _("Terbayar dua kali")
        REFUND = "refund", _("Pengembalian dana")
        AFFIXING_FAILED = "affixing_failed", _("Pembubuhan gagal atau e-meterai hilang")
        CANNOT_AFFIX = "cannot_affix", _("Tidak bisa membubuhkan")
        FILE_REFUSED = "file_refused", _("Berkas ditolak")
        DOWNLOAD_GONE = "download_gone", _("Hasil tidak bisa diunduh")
        NOT_VALID = "not_valid", _("Hasil pemeriksaan: tidak asli")
        RESELLER_PURCHASE = "reseller_purchase", _("Pembelian di reseller")
        RESELLER_ACCOUNT = "reseller_account", _("Akun atau cara masuk di reseller")
        OTHER = "other", _("Lainnya")

    code = models.CharField(_("nomor aduan"), max_length=12, unique=True)
    state = models.CharField(_("status"), max_length=10, choices=State, default=State.OPEN)
    category = models.CharField(_("perihal"), max_length=20, choices=Category)
    text = models.TextField(_("yang terjadi"))
    email = models.EmailField(_("surel"), blank=True)
    phone = models.CharField(_("nomor telepon"), max_length=16, blank=True)
    language = models.CharField(_("bahasa"), max_length=2, default="id")
    order = models.ForeignKey(
        "orders.Order",
        verbose_name=_("pesanan"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="tickets",
    )
    serial = models.ForeignKey(
        "meterai.Serial",
        verbose_name=_("nomor seri"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    created_at = models.DateTimeField(_("dibuat pada"))
    # The complainant's clock: no body pauses it or sets it back; only the complainant's reopening starts it anew.
    answer_due_at = models.DateTimeField(_("dijawab paling lambat"))
    resolve_due_at = models.DateTimeField(_("selesai paling lambat"))
    closed_at = models.DateTimeField(_("ditutup pada"), null=True, blank=True)
    # Raising it revokes every secret link given out before.
    link_version = models.PositiveIntegerField(default=1, editable=False)
    # The token of the form, or the Idempotency-Key of the API, and the digest of what was sent with it.
    idempotency_key = models.CharField(max_length=80, unique=True, null=True, blank=True, editable=False)
    idempotency_digest = models.CharField(max_length=64, blank=True, editable=False)

    class Meta:
        verbose_name = _("aduan")
        verbose_name_plural = _("aduan")
        ordering = ["-id"]
        indexes = [
            models.Index(name="ticket_to_answer", fields=["answer_due_at"], condition=Q(state="open")),
            models.Index(name="ticket_email", fields=["email"], condition=~Q(email="")),
            models.Index(name="ticket_phone", fields=["phone"], condition=~Q(phone="")),
        ]
        constraints = [
            models.CheckConstraint(name="ticket_can_be_reached", condition=~Q(email="") | ~Q(phone="")),
            models.CheckConstraint(name="ticket_says_something", condition=~Q(text="")),
            models.CheckConstraint(name="ticket_known_state", condition=Q(state__in=["open", "answered", "closed"])),
            models.CheckConstraint(
                name="ticket_closed_paired",
                condition=Q(state="closed", closed_at__isnull=False) | (~Q(state="closed") & Q(closed_at=None)),
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def key(self) -> str:
        """The key of this ticket's secret link."""
        return links.key(kind="ticket", code=self.code, version=self.link_version)

    def tracking_url(self) -> str:
        """The secret link of the tracking page.

        Not `get_absolute_url`: the admin's `r/` shortcut gives that to every member of staff, whatever they may see.
        """
        return reverse("support:ticket", args=[self.code, self.key])
