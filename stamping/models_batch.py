"""Many documents at once: a ZIP that a buyer sent, and a row for each file in it."""

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

WITH_DOCUMENT = ("ready", "taken", "left")
"""States of a file for which a document was prepared."""


class Bundle(models.Model):
    """A ZIP under an order. A worker unpacks and examines it; the buyer reads the report, and agrees once."""

    class State(models.TextChoices):
        SENT = "sent", _("sedang diperiksa")
        CHECKED = "checked", _("menunggu persetujuan")
        REFUSED = "refused", _("ditolak")
        CONFIRMED = "confirmed", _("disetujui")
        ERASED = "erased", _("dihapus")

    # sent -> checked (the report is whole) -> confirmed; sent -> refused (no ZIP, or nothing in it can be read)
    ARROWS = {
        State.SENT: frozenset({State.CHECKED, State.REFUSED}),
        State.CHECKED: frozenset({State.CONFIRMED, State.ERASED}),
        State.REFUSED: frozenset({State.ERASED}),
        State.CONFIRMED: frozenset({State.ERASED}),
    }

    id = models.UUIDField(primary_key=True, editable=False)
    order = models.ForeignKey(
        "orders.Order", verbose_name=_("pesanan"), on_delete=models.PROTECT, related_name="bundles"
    )
    state = models.CharField(_("status"), max_length=10, choices=State, default=State.SENT)
    # Where the ZIP lies while it is needed, and the list that was sent beside it.
    source = models.CharField(max_length=200, blank=True, editable=False)
    list_beside = models.TextField(blank=True, editable=False)
    length = models.PositiveBigIntegerField(_("besar berkas"), default=0)
    # Wrong lines of the list that name no file: number, code and what was typed.
    mistakes = models.JSONField(_("baris yang salah"), default=list, editable=False)
    has_list = models.BooleanField(_("dengan daftar tempat"), default=False)
    failure = models.CharField(_("sebab ditolak"), max_length=40, blank=True)
    created_at = models.DateTimeField(_("diunggah pada"))
    listed_at = models.DateTimeField(_("dibongkar pada"), null=True, blank=True)
    checked_at = models.DateTimeField(_("selesai diperiksa pada"), null=True, blank=True)
    confirmed_at = models.DateTimeField(_("disetujui pada"), null=True, blank=True)
    # A worker holds the row until then; a killed worker's row is free again by itself.
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveIntegerField(_("giliran pekerja"), default=0)
    # The token of the form, or the Idempotency-Key of the API, and the digest of what was sent with it.
    idempotency_key = models.CharField(max_length=80, unique=True, editable=False)
    idempotency_digest = models.CharField(max_length=64, editable=False)

    class Meta:
        verbose_name = _("kumpulan dokumen")
        verbose_name_plural = _("kumpulan dokumen")
        ordering = ["-created_at"]
        indexes = [
            models.Index(name="bundle_to_check", fields=["claimed_until"], condition=Q(state="sent")),
            models.Index(name="bundle_to_erase", fields=["created_at"], condition=~Q(state="erased")),
        ]
        constraints = [
            models.CheckConstraint(
                name="bundle_known_state",
                condition=Q(state__in=["sent", "checked", "refused", "confirmed", "erased"]),
            ),
            models.CheckConstraint(
                name="bundle_sent_has_source",
                condition=~Q(state="sent") | (~Q(source="") & Q(claimed_until__isnull=False)),
            ),
            models.CheckConstraint(name="bundle_refused_says_why", condition=~Q(state="refused") | ~Q(failure="")),
            models.CheckConstraint(
                name="bundle_checked_is_dated",
                condition=~Q(state__in=["checked", "confirmed"]) | Q(listed_at__isnull=False, checked_at__isnull=False),
            ),
            models.CheckConstraint(
                name="bundle_confirmed_is_dated",
                condition=~Q(state="confirmed") | Q(confirmed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    def get_absolute_url(self) -> str:
        """Its page, under the secret link of its order."""
        return reverse("stamping:one_bundle", args=[self.order.code, self.order.key, self.pk])


class BundleFile(models.Model):
    """One file of a bundle. From `ready` on it has a document, which is as any other."""

    class State(models.TextChoices):
        WAITING = "waiting", _("belum diperiksa")
        READY = "ready", _("siap")
        REFUSED = "refused", _("ditolak")
        TAKEN = "taken", _("disetujui")
        LEFT = "left", _("meterainya kurang")

    # waiting -> ready -> taken (its document is the order's), left (the order had no stamp for it)
    ARROWS = {
        State.WAITING: frozenset({State.READY, State.REFUSED}),
        State.READY: frozenset({State.TAKEN, State.LEFT, State.REFUSED}),
    }

    bundle = models.ForeignKey(Bundle, on_delete=models.CASCADE, related_name="files")
    state = models.CharField(_("status"), max_length=10, choices=State, default=State.WAITING)
    # In the order of the list, or of the names without one; and where it lies in the ZIP.
    ordinal = models.PositiveIntegerField(_("urutan"))
    position = models.PositiveIntegerField(editable=False)
    name = models.CharField(_("nama berkas"), max_length=220)
    code = models.CharField(_("sebab ditolak"), max_length=40, blank=True)
    # The line of the list, 0 without one, and what it asks for: page, and x and y in points; empty for a free place.
    line = models.PositiveIntegerField(_("baris daftar"), default=0)
    asked = models.JSONField(default=dict, editable=False)
    # Of the file as it was in the ZIP; a repair may have given its document other bytes.
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)
    document = models.ForeignKey(
        "stamping.Document", null=True, blank=True, on_delete=models.PROTECT, related_name="bundle_files"
    )
    # How its place was found: `asked`, `beside_signature`, `free_space` or `corner`; and whether the stamp covers ink.
    how = models.CharField(max_length=20, blank=True)
    covers = models.BooleanField(default=False)
    attempts = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = _("berkas dalam kumpulan")
        verbose_name_plural = _("berkas dalam kumpulan")
        ordering = ["bundle", "ordinal"]
        constraints = [
            models.UniqueConstraint(name="bundlefile_one_a_name", fields=["bundle", "name"]),
            models.UniqueConstraint(name="bundlefile_one_an_ordinal", fields=["bundle", "ordinal"]),
            models.UniqueConstraint(name="bundlefile_one_a_document", fields=["document"]),
            models.UniqueConstraint(
                name="bundlefile_same_bytes_once",
                fields=["bundle", "sha256"],
                condition=Q(state__in=WITH_DOCUMENT),
            ),
            models.CheckConstraint(
                name="bundlefile_known_state",
                condition=Q(state__in=["waiting", "ready", "refused", "taken", "left"]),
            ),
            models.CheckConstraint(
                name="bundlefile_ready_has_document",
                condition=~Q(state__in=WITH_DOCUMENT) | (Q(document__isnull=False) & ~Q(sha256="")),
            ),
            models.CheckConstraint(
                name="bundlefile_refused_says_why",
                condition=Q(state="refused") & ~Q(code="") | ~Q(state="refused") & Q(code=""),
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)  # not its name, which may be a person's
