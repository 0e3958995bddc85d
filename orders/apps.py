"""From wish to money."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    name = "orders"
    verbose_name = _("Pesanan dan pembayaran")

    def ready(self) -> None:
        """Every process that answers requests notes how well it does."""
        from . import pulse

        pulse.connect()
