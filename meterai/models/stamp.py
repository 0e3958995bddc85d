"""A serial that somebody holds."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Stamp(models.Model):
    """The life of one serial from its reservation on; the primary key is the serial, so a serial has one stamp."""

    class State(models.TextChoices):
        RESERVED = "reserved", _("dipesan")
        SOLD = "sold", _("terjual, belum dipakai")
        AFFIXED = "affixed", _("terbubuhkan")
        REFUNDED = "refunded", _("dikembalikan")
        VOID = "void", _("batal")

    # reserved -> sold -> affixed; reserved -> (row removed, serial back to the pool); sold -> refunded; any -> void
    ARROWS = {
        State.RESERVED: frozenset({State.SOLD, State.VOID}),
        State.SOLD: frozenset({State.AFFIXED, State.REFUNDED, State.VOID}),
        State.AFFIXED: frozenset({State.VOID}),
        State.REFUNDED: frozenset({State.VOID}),
    }

    serial = models.OneToOneField(
        "meterai.Serial", verbose_name=_("nomor seri"), primary_key=True, on_delete=models.PROTECT, related_name="stamp"
    )
    batch = models.ForeignKey("meterai.Batch", verbose_name=_("gelombang stok"), on_delete=models.PROTECT)
    # Who sold it: empty for the official shop. Kept here so that a serial alone leads to who must answer.
    reseller = models.ForeignKey(
        "meterai.Reseller", verbose_name=_("reseller"), null=True, blank=True, on_delete=models.PROTECT
    )
    state = models.CharField(_("status"), max_length=10, choices=State, default=State.RESERVED)
    reserved_until = models.DateTimeField(_("dipesan sampai"), null=True, blank=True)
    changed_at = models.DateTimeField(_("berubah pada"))
    void_reason = models.CharField(_("alasan batal"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("meterai")
        verbose_name_plural = _("meterai")
        indexes = [
            models.Index(name="stamp_expiring", fields=["reserved_until"], condition=Q(state="reserved")),
            # Few of many: a recall counts them.
            models.Index(name="stamp_gone", fields=["batch"], condition=Q(state__in=["refunded", "void"])),
        ]
        constraints = [
            models.CheckConstraint(
                name="stamp_reserved_has_deadline",
                condition=Q(state="reserved", reserved_until__isnull=False)
                | (~Q(state="reserved") & Q(reserved_until=None)),
            ),
            models.CheckConstraint(
                name="stamp_void_has_reason",
                condition=(Q(state="void") & ~Q(void_reason="")) | (~Q(state="void") & Q(void_reason="")),
            ),
            models.CheckConstraint(
                name="stamp_known_state", condition=Q(state__in=["reserved", "sold", "affixed", "refunded", "void"])
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
