"""What was measured of the service: counts a minute, a measurement a tick, and what a day was like."""

from django.db import models
from django.db.models import Q
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _


class Component(models.TextChoices):
    """What people come to do."""

    BUYING = "buying", _("Membeli")
    PAYING = "paying", _("Membayar")
    AFFIXING = "affixing", _("Membubuhkan")
    VERIFYING = "verifying", _("Memeriksa keaslian")
    COMPLAINING = "complaining", _("Mengadu")


class Health(models.TextChoices):
    """How one of these goes. UNKNOWN is no measurement, and never counts as good."""

    NORMAL = "normal", _("normal")
    SLOW = "slow", _("lambat")
    DISTURBED = "disturbed", _("terganggu")
    DOWN = "down", _("tidak berjalan")
    UNKNOWN = "unknown", _("belum ada data")


class Outcome(models.TextChoices):
    """How one try ended, as the person met it."""

    DONE = "done", _("berhasil")
    SLOW = "slow", _("berhasil, tetapi lama")
    FAILED = "failed", _("gagal di pihak kami")


class Tally(models.Model):
    """How many tries ended so within one minute. Counted in each web process and added here: no row a visitor."""

    minute = models.DateTimeField(_("menit"))
    component = models.CharField(_("layanan"), max_length=12, choices=Component)
    outcome = models.CharField(_("hasil"), max_length=8, choices=Outcome)
    n = models.PositiveIntegerField(_("banyaknya"))

    class Meta:
        verbose_name = _("hitungan percobaan")
        verbose_name_plural = _("hitungan percobaan")
        constraints = [
            models.UniqueConstraint(name="tally_once", fields=["minute", "component", "outcome"]),
            models.CheckConstraint(name="tally_counts_something", condition=Q(n__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{localtime(self.minute):%H.%M} {self.component} {self.outcome}: {self.n}"


class Measurement(models.Model):
    """One look at everything. `counts`, by component: what ended since the look before, and what waits at this moment.

    `verdict`, by component: health, reasons, and the figures they follow from. Pages are written from the newest row.
    """

    at = models.DateTimeField(_("waktu"), unique=True)
    # The book of changes (meterai_flip) was read up to here, and had grown up to there.
    mark = models.BigIntegerField(editable=False)
    seen = models.BigIntegerField(editable=False)
    counts = models.JSONField(_("hitungan"), default=dict)
    verdict = models.JSONField(_("keadaan"), default=dict)

    class Meta:
        verbose_name = _("pengukuran layanan")
        verbose_name_plural = _("pengukuran layanan")
        get_latest_by = "at"
        constraints = [models.CheckConstraint(name="measurement_reads_on", condition=Q(seen__gte=models.F("mark")))]

    def __str__(self) -> str:
        return f"{localtime(self.at):%d-%m-%Y %H.%M.%S}"


class Day(models.Model):
    """For how many seconds of a day (in Jakarta) a component was in which health; what is missing was not measured."""

    day = models.DateField(_("hari"))
    component = models.CharField(_("layanan"), max_length=12, choices=Component)
    normal = models.PositiveIntegerField(_("normal"), default=0)
    slow = models.PositiveIntegerField(_("lambat"), default=0)
    disturbed = models.PositiveIntegerField(_("terganggu"), default=0)
    down = models.PositiveIntegerField(_("tidak berjalan"), default=0)
    unknown = models.PositiveIntegerField(_("belum ada data"), default=0)

    class Meta:
        verbose_name = _("hari layanan")
        verbose_name_plural = _("hari layanan")
        constraints = [models.UniqueConstraint(name="day_of_component_once", fields=["day", "component"])]

    def __str__(self) -> str:
        return f"{self.day} {self.component}"
