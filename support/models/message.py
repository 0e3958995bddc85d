"""What is said on a ticket, readable by whoever holds its link."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .ticket import Ticket


class Message(models.Model):
    """One public message: by the complainant, by the issuer or by a reseller."""

    class Author(models.TextChoices):
        COMPLAINANT = "complainant", _("Anda")
        ISSUER = "issuer", _("Penerbit e-meterai")
        RESELLER = "reseller", _("Reseller")

    ticket = models.ForeignKey(Ticket, verbose_name=_("aduan"), on_delete=models.PROTECT, related_name="messages")
    author = models.CharField(_("penulis"), max_length=12, choices=Author)
    reseller = models.ForeignKey(
        "meterai.Reseller",
        verbose_name=_("reseller"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    # The account that wrote it for its body; never shown to the public.
    actor = models.CharField(_("ditulis oleh"), max_length=150, blank=True)
    text = models.TextField(_("pesan"))
    at = models.DateTimeField(_("waktu"))
    # The token of the form: the same form sent twice is one message.
    idempotency_key = models.CharField(max_length=80, unique=True, null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("pesan aduan")
        verbose_name_plural = _("pesan aduan")
        ordering = ["at", "id"]
        constraints = [
            models.CheckConstraint(name="message_says_something", condition=~Q(text="")),
            models.CheckConstraint(
                name="message_author_paired",
                condition=Q(author="reseller", reseller__isnull=False) | (~Q(author="reseller") & Q(reseller=None)),
            ),
            models.CheckConstraint(
                name="message_body_has_actor",
                condition=Q(author="complainant", actor="") | (~Q(author="complainant") & ~Q(actor="")),
            ),
        ]

    def __str__(self) -> str:
        return self.by

    @property
    def by(self) -> str:
        """The author's name as a person reads it; read `reseller` with select_related."""
        return self.reseller.name if self.reseller else self.get_author_display()
