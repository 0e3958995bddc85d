"""Why a ticket was sent where it was sent, with the proof of that moment."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from .custody import Body, Reason
from .ticket import Ticket


class Decision(models.Model):
    """What routing concluded, from which evidence. Written once, kept as long as the ticket."""

    ticket = models.ForeignKey(Ticket, verbose_name=_("aduan"), on_delete=models.PROTECT, related_name="decisions")
    at = models.DateTimeField(_("waktu"))
    body = models.CharField(_("dikirim ke"), max_length=10, choices=Body)
    reseller = models.ForeignKey(
        "meterai.Reseller",
        verbose_name=_("reseller"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    reason = models.CharField(_("alasan"), max_length=20, choices=Reason)
    # Strongest first: objects of kind, reference, seller (a reseller's code, "official", or null where unknown).
    evidence = models.JSONField(_("bukti"), default=list)

    class Meta:
        verbose_name = _("keputusan penyaluran")
        verbose_name_plural = _("keputusan penyaluran")
        ordering = ["at", "id"]
        constraints = [
            models.CheckConstraint(
                name="decision_body_paired",
                condition=models.Q(body="reseller", reseller__isnull=False) | models.Q(body="issuer", reseller=None),
            ),
        ]

    def __str__(self) -> str:
        return self.get_reason_display()
