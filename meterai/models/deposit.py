"""Money that a reseller paid ahead."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Deposit(models.Model):
    """A prepayment, in whole rupiah; a lease draws on it, a return gives back to it. Never drawn beyond its amount."""

    class State(models.TextChoices):
        RECORDED = "recorded", _("dicatat")
        CONFIRMED = "confirmed", _("dikonfirmasi")
        REJECTED = "rejected", _("ditolak")

    # recorded -> confirmed or rejected, by a second person
    ARROWS = {State.RECORDED: frozenset({State.CONFIRMED, State.REJECTED})}

    reseller = models.ForeignKey("meterai.Reseller", verbose_name=_("reseller"), on_delete=models.PROTECT)
    reference = models.CharField(_("rujukan setoran"), max_length=60, unique=True)
    state = models.CharField(_("status"), max_length=10, choices=State, default=State.RECORDED)
    amount = models.PositiveBigIntegerField(_("jumlah setoran"))
    drawn = models.PositiveBigIntegerField(_("terpakai"), default=0)
    recorded_at = models.DateTimeField(_("dicatat pada"))
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("dicatat oleh"), on_delete=models.PROTECT, related_name="+"
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

    class Meta:
        verbose_name = _("setoran reseller")
        verbose_name_plural = _("setoran reseller")
        ordering = ["-recorded_at"]
        permissions = [
            ("decide_deposit", "Can confirm or reject a deposit"),
            ("lease_stock", "Can grant and take back leases"),
        ]
        constraints = [
            models.CheckConstraint(name="deposit_not_empty", condition=Q(amount__gt=0)),
            models.CheckConstraint(name="deposit_not_overdrawn", condition=Q(drawn__lte=F("amount"))),
            models.CheckConstraint(name="deposit_drawn_when_confirmed", condition=Q(drawn=0) | Q(state="confirmed")),
            models.CheckConstraint(
                name="deposit_decided_paired",
                condition=Q(state="recorded", decided_at=None, decided_by=None)
                | (~Q(state="recorded") & Q(decided_at__isnull=False, decided_by__isnull=False)),
            ),
            models.CheckConstraint(
                name="deposit_four_eyes", condition=Q(decided_by=None) | ~Q(decided_by=F("recorded_by"))
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def left(self) -> int:
        """Rupiah that no lease has drawn."""
        return int(self.amount - self.drawn)
