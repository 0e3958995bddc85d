"""The way back after an outage: first affixing, then what was paid and is missing, then sales in steps."""

from django.db import models
from django.db.models import Q
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _


class Recovery(models.Model):
    """One recovery. `share`: per cent of the normal admission to the shop; the waiting room lets in no more."""

    class State(models.TextChoices):
        AFFIXING = "affixing", _("1. menyelesaikan pembubuhan")
        CREDITING = "crediting", _("2. menyerahkan yang sudah dibayar")
        REOPENING = "reopening", _("3. membuka penjualan bertahap")
        DONE = "done", _("selesai")

    # one stage after the other; reopening -> affixing when it breaks again
    ARROWS = {
        State.AFFIXING: frozenset({State.CREDITING}),
        State.CREDITING: frozenset({State.REOPENING}),
        State.REOPENING: frozenset({State.DONE, State.AFFIXING}),
    }

    state = models.CharField(_("tahap"), max_length=10, choices=State, default=State.AFFIXING)
    share = models.PositiveSmallIntegerField(_("bagian penjualan (persen)"), default=0)
    begun_at = models.DateTimeField(_("mulai"))
    ended_at = models.DateTimeField(_("berakhir"), null=True, blank=True)

    class Meta:
        verbose_name = _("pemulihan")
        verbose_name_plural = _("pemulihan")
        ordering = ["-begun_at"]
        default_permissions = ("view",)
        permissions = [("lead_recovery", "Can begin a recovery and take its steps")]
        constraints = [
            # However the two rows are written: only one that has not ended.
            models.UniqueConstraint(models.Value(1), name="recovery_one_at_a_time", condition=Q(ended_at=None)),
            models.CheckConstraint(
                name="recovery_sells_last",
                condition=Q(state__in=["affixing", "crediting"], share=0)
                | Q(state="reopening", share__lte=100)
                | Q(state="done", share=100),
            ),
            models.CheckConstraint(
                name="recovery_ended_paired",
                condition=Q(state="done", ended_at__isnull=False) | ~Q(state="done") & Q(ended_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{localtime(self.begun_at):%d-%m-%Y %H.%M}"


class RecoveryStep(models.Model):
    """What a person decided, why, and what the figures were at that moment. Written once."""

    class Kind(models.TextChoices):
        BEGIN = "begin", _("pemulihan dimulai")
        ADVANCE = "advance", _("tahap berikutnya")
        OVERRIDE = "override", _("tahap berikutnya walau belum tuntas")
        SHARE = "share", _("bagian penjualan diubah")
        BACK = "back", _("kembali ke tahap 1")
        END = "end", _("pemulihan selesai")

    recovery = models.ForeignKey(Recovery, verbose_name=_("pemulihan"), on_delete=models.PROTECT, related_name="steps")
    at = models.DateTimeField(_("waktu"))
    kind = models.CharField(_("langkah"), max_length=10, choices=Kind)
    state = models.CharField(_("tahap"), max_length=10, choices=Recovery.State)
    share = models.PositiveSmallIntegerField(_("bagian penjualan (persen)"))
    reason = models.CharField(_("alasan"), max_length=160)
    figures = models.JSONField(_("angka saat itu"), default=dict)
    by = models.ForeignKey("meterai.User", verbose_name=_("oleh"), on_delete=models.PROTECT)

    class Meta:
        verbose_name = _("langkah pemulihan")
        verbose_name_plural = _("langkah pemulihan")
        ordering = ["at", "id"]
        default_permissions = ("view",)
        constraints = [models.CheckConstraint(name="recovery_step_has_reason", condition=~Q(reason=""))]

    def __str__(self) -> str:
        return f"{self.kind} {self.share} %"
