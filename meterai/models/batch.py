"""What the issuer delivers together."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Batch(models.Model):
    """Serials delivered together, imported as one file, whole or not at all."""

    class State(models.TextChoices):
        DRAFT = "draft", _("diimpor, belum dijual")
        ACTIVE = "active", _("dijual")
        RECALLED = "recalled", _("ditarik")

    # draft -> active, by a second person; draft, active -> recalled
    ARROWS = {
        State.DRAFT: frozenset({State.ACTIVE, State.RECALLED}),
        State.ACTIVE: frozenset({State.RECALLED}),
    }

    reference = models.CharField(_("nomor kiriman penerbit"), max_length=60, unique=True)
    state = models.CharField(_("status"), max_length=10, choices=State, default=State.DRAFT)
    count = models.PositiveIntegerField(_("jumlah nomor seri"))
    sha256 = models.CharField("SHA-256", max_length=64)
    imported_at = models.DateTimeField(_("diimpor pada"))
    imported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("diimpor oleh"), on_delete=models.PROTECT, related_name="+"
    )
    activated_at = models.DateTimeField(_("diaktifkan pada"), null=True, blank=True)
    activated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("diaktifkan oleh"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )

    class Meta:
        verbose_name = _("gelombang stok")
        verbose_name_plural = _("gelombang stok")
        ordering = ["-imported_at"]
        permissions = [("recall_batch", "Can withdraw a batch or a part of it")]
        constraints = [
            models.CheckConstraint(name="batch_not_empty", condition=Q(count__gt=0)),
            models.CheckConstraint(
                name="batch_activated_paired",
                condition=Q(activated_at=None, activated_by=None)
                | Q(activated_at__isnull=False, activated_by__isnull=False),
            ),
            models.CheckConstraint(
                name="batch_active_has_been_activated", condition=~Q(state="active") | Q(activated_at__isnull=False)
            ),
            models.CheckConstraint(
                name="batch_four_eyes", condition=Q(activated_by=None) | ~Q(activated_by=F("imported_by"))
            ),
        ]

    def __str__(self) -> str:
        return self.reference
