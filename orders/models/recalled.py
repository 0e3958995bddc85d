"""Recalled stock, as the shop sees it: by who bought of it."""

from django.utils.translation import gettext_lazy as _

from meterai.models import Recall


class RecalledStock(Recall):
    """The same row as the floor's Recall. Who may see its buyers is a matter of the shop."""

    class Meta:
        proxy = True
        verbose_name = _("pembeli dari stok yang ditarik")
        verbose_name_plural = _("pembeli dari stok yang ditarik")
        default_permissions = ("view",)
        permissions = [("unmask_buyers", "Can see buyers' contacts in full")]
