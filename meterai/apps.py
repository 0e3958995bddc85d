"""The floor of the house: the stamp itself, and the project."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MeteraiConfig(AppConfig):
    name = "meterai"
    verbose_name = _("Stok meterai")

    def ready(self) -> None:
        from . import celery  # noqa: F401  # shared tasks need the application in every process
