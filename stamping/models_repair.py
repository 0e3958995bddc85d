"""Repairs that a person was shown for a document, and what they decided."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Repair(models.Model):
    """One mended copy of a document, beside the original until its person decides.

    `before_*` is the file it was made from, `after_*` the copy. `measures` are `pdf.mendable.Measures` as JSON, and
    under "facts" the copy's `pdf.preflight.Preflight`.
    """

    class Kind(models.TextChoices):
        STRUCTURE = "structure", _("susunan berkas")
        SIZE = "size", _("ukuran berkas")
        PAGE_SIZE = "page_size", _("ukuran halaman")
        VERSION = "version", _("versi PDF")

    class State(models.TextChoices):
        OFFERED = "offered", _("ditawarkan")
        CHOSEN = "chosen", _("dipakai")
        DROPPED = "dropped", _("tidak dipakai")

    # offered -> chosen (the copy is the document now); offered -> dropped (declined, or made from what was replaced)
    ARROWS = {State.OFFERED: frozenset({State.CHOSEN, State.DROPPED})}

    document = models.ForeignKey(
        "stamping.Document", verbose_name=_("dokumen"), on_delete=models.PROTECT, related_name="repairs"
    )
    kind = models.CharField(_("jenis"), max_length=10, choices=Kind)
    state = models.CharField(_("status"), max_length=10, choices=State, default=State.OFFERED)
    before_sha256 = models.CharField(_("SHA-256 sebelum"), max_length=64)
    before_bytes = models.PositiveIntegerField(_("ukuran sebelum"))
    after_sha256 = models.CharField(_("SHA-256 sesudah"), max_length=64)
    after_bytes = models.PositiveIntegerField(_("ukuran sesudah"))
    # Offered: where the copy lies. Decided: the file that nobody needs now, be it original or copy; empty once gone.
    file = models.CharField(max_length=200, blank=True, editable=False)
    measures = models.JSONField(_("hasil ukur"), default=dict)
    made_at = models.DateTimeField(_("dibuat pada"))
    decided_at = models.DateTimeField(_("diputuskan pada"), null=True, blank=True)

    class Meta:
        verbose_name = _("perbaikan")
        verbose_name_plural = _("perbaikan")
        ordering = ["made_at"]
        indexes = [
            models.Index(name="repair_to_tidy", fields=["decided_at"], condition=~Q(state="offered") & ~Q(file=""))
        ]
        constraints = [
            models.UniqueConstraint(
                name="repair_one_offer_a_kind", fields=["document", "kind"], condition=Q(state="offered")
            ),
            models.CheckConstraint(
                name="repair_known_kind", condition=Q(kind__in=["structure", "size", "page_size", "version"])
            ),
            models.CheckConstraint(
                name="repair_offer_has_file",
                condition=Q(~Q(file=""), state="offered", decided_at=None)
                | Q(state__in=["chosen", "dropped"], decided_at__isnull=False),
            ),
            models.CheckConstraint(name="repair_changes_the_file", condition=~Q(after_sha256=F("before_sha256"))),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
