"""Make the development certificate authority, once. Its seals prove nothing, and production refuses it."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from stamping.authority import development


class Command(BaseCommand):
    help = "Makes the development certificate authority in AUTHORITY_DIR, or finds it there."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.ALLOW_DEVELOPMENT_AUTHORITY:
            raise CommandError("Production has a real authority; this command is for development")
        try:
            paths = development.make(folder=settings.AUTHORITY_DIR, at=timezone.now())
        except development.HalfMade as error:
            raise CommandError(f"{settings.AUTHORITY_DIR} holds something else; remove it and start again") from error
        self.stdout.write(f"authority: {paths.root}")
