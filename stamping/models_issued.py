"""Serials that the issuer's own service minted for us, one by one, with the picture it made for each."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from meterai.models.serial import SERIAL_PATTERN


class IssuedSerial(models.Model):
    """One request to the issuer for one serial. The row is there before the request is sent.

    The issuer knows no idempotency key: every request mints a serial and uses quota. So a request whose answer was
    lost is never repeated; its serial is looked for in the issuer's list under `id`, which it carried as its name.
    """

    class State(models.TextChoices):
        ASKED = "asked", _("diminta")
        SAVED = "saved", _("tersimpan")
        LOST = "lost", _("tidak terbit")

    # asked -> saved (answered, or found in the list); asked -> lost (not in the list) -> saved (found after all)
    ARROWS = {
        State.ASKED: frozenset({State.SAVED, State.LOST}),
        State.LOST: frozenset({State.SAVED}),
    }

    id = models.UUIDField(primary_key=True, editable=False)
    state = models.CharField(_("status"), max_length=10, choices=State, default=State.ASKED)
    serial = models.CharField(_("nomor seri"), max_length=22, null=True, blank=True, unique=True)
    # PNG; empty when the serial came from a list that has no pictures.
    picture = models.BinaryField(default=b"", editable=False)
    asked_at = models.DateTimeField(_("diminta pada"))
    saved_at = models.DateTimeField(_("tersimpan pada"), null=True, blank=True)

    class Meta:
        verbose_name = _("nomor seri terbitan")
        verbose_name_plural = _("nomor seri terbitan")
        ordering = ["asked_at"]
        indexes = [models.Index(name="issued_unanswered", fields=["asked_at"], condition=~Q(state="saved"))]
        constraints = [
            models.CheckConstraint(name="issued_known_state", condition=Q(state__in=["asked", "saved", "lost"])),
            models.CheckConstraint(
                name="issued_saved_has_serial",
                condition=Q(state="saved", serial__regex=SERIAL_PATTERN, saved_at__isnull=False)
                | (~Q(state="saved") & Q(serial=None, saved_at=None)),
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
