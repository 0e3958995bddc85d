"""A file on its way into stock."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Delivery(models.Model):
    """A file of the issuer while it is read, piece by piece; in the end it is one batch, or refused whole.

    The row is the queue: a worker claims it by pushing `claimed_until` ahead, and `attempts` is its fencing token, so
    that a worker whose lease ran out can write nothing any more.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("sedang diproses")
        IMPORTED = "imported", _("diimpor")
        REFUSED = "refused", _("ditolak")

    # waiting -> imported, refused
    ARROWS = {State.WAITING: frozenset({State.IMPORTED, State.REFUSED})}

    reference = models.CharField(_("nomor kiriman penerbit"), max_length=60)
    state = models.CharField(_("status"), max_length=10, choices=State, default=State.WAITING)
    # Where the uploaded file lies; empty for a file that the command reads where it is.
    file = models.CharField(max_length=200, blank=True, editable=False)
    bytes_total = models.PositiveBigIntegerField(_("ukuran berkas"), default=0)
    expected_count = models.PositiveIntegerField(_("jumlah menurut penerbit"), null=True, blank=True)
    expected_sha256 = models.CharField(_("SHA-256 menurut penerbit"), max_length=64, blank=True)
    # Progress, as a page shows it. `bytes_read` counts the file as delivered, compressed or not.
    bytes_read = models.PositiveBigIntegerField(_("terbaca"), default=0)
    lines_staged = models.PositiveIntegerField(_("nomor seri terbaca"), default=0)
    serials_kept = models.PositiveIntegerField(_("nomor seri tersimpan"), default=0)
    # The line up to which everything is staged, and the digest of the text up to its end: a resumed reading compares.
    staged_to_line = models.PositiveBigIntegerField(default=0, editable=False)
    staged_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    received_at = models.DateTimeField(_("diterima pada"))
    received_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("diunggah oleh"), on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(_("selesai pada"), null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveIntegerField(default=0, editable=False)
    failure = models.CharField(_("sebab penolakan"), max_length=20, blank=True)
    refused_lines = models.PositiveIntegerField(_("baris ditolak"), default=0)
    # Where the report of every refused line lies.
    report = models.CharField(max_length=200, blank=True, editable=False)
    batch = models.OneToOneField(
        "meterai.Batch",
        verbose_name=_("gelombang stok"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="delivery",
    )

    class Meta:
        verbose_name = _("kiriman")
        verbose_name_plural = _("kiriman")
        ordering = ["-received_at"]
        indexes = [models.Index(name="delivery_due", fields=["claimed_until"], condition=Q(state="waiting"))]
        constraints = [
            # A refused delivery may be sent again, corrected, under the same number.
            models.UniqueConstraint(
                name="delivery_reference_once", fields=["reference"], condition=~Q(state="refused")
            ),
            models.CheckConstraint(
                name="delivery_imported_has_batch",
                condition=Q(state="imported", batch__isnull=False) | (~Q(state="imported") & Q(batch=None)),
            ),
            models.CheckConstraint(
                name="delivery_refused_has_failure",
                condition=(Q(state="refused") & ~Q(failure="")) | (~Q(state="refused") & Q(failure="")),
            ),
            models.CheckConstraint(
                name="delivery_ended_paired",
                condition=Q(state="waiting", ended_at=None) | (~Q(state="waiting") & Q(ended_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return self.reference
