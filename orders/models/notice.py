"""A message to a person, once an event."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Notice(models.Model):
    """A message to be sent; left in the transaction that it tells of, sent by a worker. `event` makes it one only."""

    event = models.CharField(_("peristiwa"), max_length=120, unique=True)
    template = models.CharField(_("jenis surat"), max_length=60)
    # One of orders.channels, and an address as that channel understands it.
    channel = models.CharField(_("saluran"), max_length=12, default="email")
    address = models.CharField(_("kepada"), max_length=254)
    language = models.CharField(_("bahasa"), max_length=2)
    context = models.JSONField(_("isi"), default=dict)
    created_at = models.DateTimeField(_("dibuat pada"))
    next_try_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(_("percobaan"), default=0)
    # Why the last try did not succeed, in a word; nothing personal.
    failure = models.CharField(_("sebab gagal"), max_length=60, blank=True)
    sent_at = models.DateTimeField(_("terkirim pada"), null=True, blank=True)

    class Meta:
        verbose_name = _("surat pemberitahuan")
        verbose_name_plural = _("surat pemberitahuan")
        ordering = ["-id"]
        indexes = [models.Index(name="notice_to_send", fields=["next_try_at"], condition=Q(sent_at=None))]

    def __str__(self) -> str:
        return self.event
