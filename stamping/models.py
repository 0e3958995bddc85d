"""A document on its way from upload to seal."""

from dataclasses import dataclass

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from meterai import links
from orders.models import Order

from .models_batch import Bundle, BundleFile
from .models_issued import IssuedSerial
from .models_repair import Repair

__all__ = ["Binding", "Bundle", "BundleFile", "Document", "IssuedSerial", "Repair"]


@dataclass(frozen=True)
class Binding:
    """What a queued document is bound to; the database refuses a queued row that lacks a part of it."""

    order: Order
    serial: str
    page: int
    x: float
    y: float
    size: float


class Document(models.Model):
    """A person's PDF. Prepared for free and without an order; bound to one stamp before it is sealed."""

    class State(models.TextChoices):
        UNFIT = "unfit", _("perlu diperbaiki")
        DRAFT = "draft", _("diunggah")
        PLACED = "placed", _("tempat meterai dipilih")
        QUEUED = "queued", _("antre pembubuhan")
        SEALED = "sealed", _("terbubuhkan")
        FAILED = "failed", _("gagal, meterai dikembalikan ke pembeli")
        ERASED = "erased", _("dihapus")

    # draft -> placed -> queued (bound to a stamp) -> sealed; queued -> failed gives the stamp back to the buyer
    # unfit -> draft when its person chose a repair; placed -> draft as well: another file wants another look
    ARROWS = {
        State.UNFIT: frozenset({State.DRAFT, State.ERASED}),
        State.DRAFT: frozenset({State.PLACED, State.ERASED}),
        State.PLACED: frozenset({State.DRAFT, State.QUEUED, State.ERASED}),
        State.QUEUED: frozenset({State.SEALED, State.FAILED}),
        State.FAILED: frozenset({State.ERASED}),
        State.SEALED: frozenset({State.ERASED}),
    }
    EDITABLE = (State.DRAFT, State.PLACED)
    UNBOUND = (State.UNFIT, *EDITABLE)

    id = models.UUIDField(primary_key=True, editable=False)
    state = models.CharField(_("status"), max_length=10, choices=State, default=State.DRAFT)
    order = models.ForeignKey(
        "orders.Order",
        verbose_name=_("pesanan"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="documents",
    )
    stamp = models.ForeignKey(
        "meterai.Stamp",
        verbose_name=_("meterai"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="documents",
    )
    name = models.CharField(_("nama berkas"), max_length=120)
    source = models.CharField(max_length=200, editable=False)
    source_sha256 = models.CharField(_("SHA-256 asal"), max_length=64)
    # What preflight found: pages with displayed width and height in points, and codes of findings.
    facts = models.JSONField(_("hasil pemeriksaan"), default=dict)
    page = models.PositiveIntegerField(_("halaman"), null=True, blank=True)
    # Points on the page as it is shown, origin bottom left; the stamp is a square.
    x = models.FloatField(null=True, blank=True)
    y = models.FloatField(null=True, blank=True)
    size = models.FloatField(_("sisi"), null=True, blank=True)
    created_at = models.DateTimeField(_("diunggah pada"))
    confirmed_at = models.DateTimeField(_("disetujui pada"), null=True, blank=True)
    queued_at = models.DateTimeField(_("antre sejak"), null=True, blank=True)
    sealed_at = models.DateTimeField(_("terbubuhkan pada"), null=True, blank=True)
    output = models.CharField(max_length=200, blank=True, editable=False)
    output_sha256 = models.CharField(_("SHA-256 hasil"), max_length=64, blank=True)
    output_bytes = models.PositiveIntegerField(default=0, editable=False)
    # A worker holds the row until then; a killed worker's row is free again by itself.
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveIntegerField(_("percobaan"), default=0)
    # Of these, tries that the authority left without an answer: no fault of the document's, so no reason to give it up.
    unanswered = models.PositiveIntegerField(_("tanpa jawaban penerbit"), default=0)
    failure = models.CharField(_("sebab gagal"), max_length=40, blank=True)
    link_version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("dokumen")
        verbose_name_plural = _("dokumen")
        ordering = ["-created_at"]
        indexes = [
            models.Index(name="document_to_seal", fields=["claimed_until"], condition=Q(state="queued")),
            models.Index(
                name="document_to_bind",
                fields=["confirmed_at"],
                condition=Q(state="placed", confirmed_at__isnull=False),
            ),
            models.Index(name="document_in_queue", fields=["queued_at"], condition=Q(state="queued")),
            models.Index(name="document_failed", fields=["failure"], condition=Q(state="failed")),
            models.Index(
                name="document_to_sweep",
                fields=["claimed_until"],
                condition=Q(state__in=["sealed", "failed"], claimed_until__isnull=False),
            ),
            models.Index(name="document_by_output", fields=["output_sha256"], condition=~Q(output_sha256="")),
        ]
        constraints = [
            models.UniqueConstraint(
                name="document_one_live_a_stamp",
                fields=["stamp"],
                condition=Q(state__in=["queued", "sealed", "erased"]),
            ),
            models.CheckConstraint(
                name="document_queued_is_bound",
                condition=~Q(state__in=["queued", "sealed"])
                | Q(
                    stamp__isnull=False,
                    order__isnull=False,
                    page__isnull=False,
                    confirmed_at__isnull=False,
                    queued_at__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="document_sealed_has_output",
                condition=~Q(state="sealed") | (~Q(output="") & ~Q(output_sha256="") & Q(sealed_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="document_place_whole",
                condition=Q(page=None, x=None, y=None, size=None)
                | Q(page__gte=1, x__isnull=False, y__isnull=False, size__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)  # not the file's name, which may be a person's

    @property
    def key(self) -> str:
        """The key of this document's secret link."""
        return links.key(kind="document", code=str(self.pk), version=self.link_version)

    def binding(self) -> Binding:
        """Order, serial and place of a document that is queued or sealed; ValueError for one that is not bound."""
        order, serial = self.order, self.stamp_id
        page, x, y, size = self.page, self.x, self.y, self.size
        if order is None or serial is None or page is None or x is None or y is None or size is None:
            raise ValueError("the document is not bound")
        return Binding(order, str(serial), page, x, y, size)

    def get_absolute_url(self) -> str:
        """The secret link of this document."""
        return reverse("stamping:document", args=[self.pk, self.key])
