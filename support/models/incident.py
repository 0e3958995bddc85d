"""One cause behind many tickets, told to the public in timed updates."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from .outcome import Component

CODE_PREFIX = "GG"


class Cause(models.TextChoices):
    """Whose part of the service failed, as far as is known."""

    ISSUER = "issuer", _("penerbit")
    US = "us", _("layanan ini")
    GATEWAY = "gateway", _("gerbang pembayaran")
    RESELLER = "reseller", _("reseller")


class Severity(models.TextChoices):
    """How much of a component it takes away."""

    MINOR = "minor", _("ringan: berjalan, tetapi lambat")
    MAJOR = "major", _("berat: banyak yang gagal")
    CRITICAL = "critical", _("mati: tidak berjalan")


class Incident(models.Model):
    """What goes wrong, for whom, since when. Its public words are in both languages; nothing personal is in them.

    Tickets point here once complaints are linked to their cause.
    """

    class State(models.TextChoices):
        INVESTIGATING = "investigating", _("diselidiki")
        IDENTIFIED = "identified", _("sebabnya ditemukan")
        WATCHING = "watching", _("diperbaiki, diawasi")
        RESOLVED = "resolved", _("selesai")

    # forwards by any step; back when the cure did not hold: watching, resolved -> investigating
    ARROWS = {
        State.INVESTIGATING: frozenset({State.IDENTIFIED, State.WATCHING, State.RESOLVED}),
        State.IDENTIFIED: frozenset({State.WATCHING, State.RESOLVED, State.INVESTIGATING}),
        State.WATCHING: frozenset({State.RESOLVED, State.INVESTIGATING}),
        State.RESOLVED: frozenset({State.INVESTIGATING}),
    }

    code = models.CharField(_("nomor gangguan"), max_length=12, unique=True)
    state = models.CharField(_("status"), max_length=14, choices=State, default=State.INVESTIGATING)
    title_id = models.CharField(_("judul (Indonesia)"), max_length=120)
    title_en = models.CharField(_("judul (Inggris)"), max_length=120)
    text_id = models.TextField(_("yang terjadi (Indonesia)"))
    text_en = models.TextField(_("yang terjadi (Inggris)"))
    components = ArrayField(models.CharField(max_length=12, choices=Component), verbose_name=_("layanan yang terkena"))
    cause = models.CharField(_("penyebab"), max_length=10, choices=Cause)
    reseller = models.ForeignKey(
        "meterai.Reseller",
        verbose_name=_("reseller"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    severity = models.CharField(_("beratnya"), max_length=10, choices=Severity)
    begun_at = models.DateTimeField(_("mulai"))
    ended_at = models.DateTimeField(_("berakhir"), null=True, blank=True)
    opened_by = models.ForeignKey("meterai.User", verbose_name=_("dibuka oleh"), on_delete=models.PROTECT)

    class Meta:
        verbose_name = _("gangguan")
        verbose_name_plural = _("gangguan")
        ordering = ["-begun_at", "-id"]
        default_permissions = ("view",)
        permissions = [("manage_incident", "Can open, update and end public incidents")]
        indexes = [
            models.Index(name="incident_open", fields=["begun_at"], condition=Q(ended_at=None)),
            models.Index(name="incident_ended", fields=["-ended_at"], condition=Q(ended_at__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(
                name="incident_ended_paired",
                condition=Q(state="resolved", ended_at__isnull=False) | ~Q(state="resolved") & Q(ended_at=None),
            ),
            models.CheckConstraint(
                name="incident_in_order", condition=Q(ended_at=None) | Q(ended_at__gte=F("begun_at"))
            ),
            models.CheckConstraint(
                name="incident_known_state",
                condition=Q(state__in=["investigating", "identified", "watching", "resolved"]),
            ),
            models.CheckConstraint(
                name="incident_in_two_languages",
                condition=~Q(title_id="") & ~Q(title_en="") & ~Q(text_id="") & ~Q(text_en=""),
            ),
            models.CheckConstraint(
                name="incident_hits_something",
                condition=Q(components__len__gt=0) & Q(components__contained_by=Component.values),
            ),
            models.CheckConstraint(
                name="incident_cause_paired",
                condition=Q(cause="reseller", reseller__isnull=False) | ~Q(cause="reseller") & Q(reseller=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.title_id}"


class IncidentUpdate(models.Model):
    """What was told about an incident at one moment. Written once: what people read is not rewritten behind them."""

    incident = models.ForeignKey(Incident, verbose_name=_("gangguan"), on_delete=models.PROTECT, related_name="updates")
    at = models.DateTimeField(_("waktu"))
    state = models.CharField(_("status"), max_length=14, choices=Incident.State)
    severity = models.CharField(_("beratnya"), max_length=10, choices=Severity)
    text_id = models.TextField(_("kabar (Indonesia)"))
    text_en = models.TextField(_("kabar (Inggris)"))
    by = models.ForeignKey("meterai.User", verbose_name=_("ditulis oleh"), on_delete=models.PROTECT)
    # The token of the form: the same form sent twice is one update.
    token = models.UUIDField(unique=True, null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("kabar gangguan")
        verbose_name_plural = _("kabar gangguan")
        ordering = ["at", "id"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(name="incident_update_in_two_languages", condition=~Q(text_id="") & ~Q(text_en="")),
        ]

    def __str__(self) -> str:
        return f"{self.incident_id} {self.state}"
