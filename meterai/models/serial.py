"""The unique code of one stamp."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

SERIAL_PATTERN = r"^[A-Z0-9]{22}$"


class Serial(models.Model):
    """A row that never changes: batch, ordinal within the batch, the 22 characters."""

    code = models.CharField(
        _("nomor seri"), max_length=22, primary_key=True, validators=[RegexValidator(SERIAL_PATTERN)]
    )
    batch = models.ForeignKey(
        "meterai.Batch", verbose_name=_("gelombang stok"), on_delete=models.PROTECT, db_index=False
    )
    ordinal = models.PositiveIntegerField(_("urutan"))

    class Meta:
        verbose_name = _("nomor seri")
        verbose_name_plural = _("nomor seri")
        constraints = [
            models.UniqueConstraint(name="serial_ordinal_once", fields=["batch", "ordinal"]),
            models.CheckConstraint(name="serial_is_22_of_a_z_0_9", condition=models.Q(code__regex=SERIAL_PATTERN)),
        ]

    def __str__(self) -> str:
        return self.code
