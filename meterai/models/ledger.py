"""Every movement of stock, written once."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Func, Q, TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _


class Movement(models.Model):
    """So many serials of a batch went from one place to another: who, when, why, by what reference.

    Places are those of the conservation sum: outside, draft, extents, pool, reserved, sold, affixed, refunded, void;
    and `leased`, where serials pass from the official shop to a reseller's lease or back, one row for each side.
    """

    at = models.DateTimeField(_("waktu"))
    batch = models.ForeignKey(
        "meterai.Batch", verbose_name=_("gelombang stok"), on_delete=models.PROTECT, db_index=False
    )
    # Whose stock it was: empty for the official shop.
    reseller = models.ForeignKey(
        "meterai.Reseller", verbose_name=_("reseller"), null=True, blank=True, on_delete=models.PROTECT, db_index=False
    )
    source = models.CharField(_("dari"), max_length=10)
    target = models.CharField(_("ke"), max_length=10)
    quantity = models.PositiveIntegerField(_("jumlah"))
    reference = models.CharField(_("rujukan"), max_length=80)
    actor = models.CharField(_("pelaku"), max_length=80)
    reason = models.CharField(_("alasan"), max_length=200, blank=True)
    # The transaction that wrote it: the chain closes over those that have ended, whatever their order (see chaining).
    transaction = models.BigIntegerField(
        db_default=Cast(Cast(Func(function="pg_current_xact_id"), TextField()), models.BigIntegerField()),
        editable=False,
    )

    class Meta:
        verbose_name = _("mutasi stok")
        verbose_name_plural = _("buku besar stok")
        indexes = [
            # Closing reads on from where it ended; a batch's own movements are found through its blocks.
            models.Index(name="movement_transaction", fields=["transaction"]),
            models.Index(name="movement_reference", fields=["reference"]),
            models.Index(
                name="movement_leased", fields=["batch", "reseller"], condition=Q(source="leased") | Q(target="leased")
            ),
            # Written in the order of time: a summary a block range finds the last hours, and costs next to nothing.
            BrinIndex(name="movement_at", fields=["at"], autosummarize=True, pages_per_range=32),
        ]
        constraints = [
            models.CheckConstraint(name="movement_not_empty", condition=Q(quantity__gt=0)),
            models.CheckConstraint(
                name="movement_known_places",
                condition=Q(
                    source__in=[
                        "outside",
                        "draft",
                        "extents",
                        "leased",
                        "pool",
                        "reserved",
                        "sold",
                        "affixed",
                        "refunded",
                        "void",
                    ],
                    target__in=[
                        "draft",
                        "extents",
                        "leased",
                        "pool",
                        "reserved",
                        "sold",
                        "affixed",
                        "refunded",
                        "void",
                    ],
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity}: {self.source} → {self.target}"
