"""From PDF to proof."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StampingConfig(AppConfig):
    name = "stamping"
    verbose_name = _("Dokumen dan pembubuhan")

    def ready(self) -> None:
        from . import authorities

        authorities.refuse_development()
