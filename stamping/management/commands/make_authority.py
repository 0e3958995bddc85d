"""Make the development certificate authority, once. Its seals prove nothing, and production refuses it."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from stamping.authority import development
from stamping.authority.development_server import DevelopmentServer


class Command(BaseCommand):
    help = "Makes the development certificate authority in AUTHORITY_DIR, or finds it there."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--serve", type=int, metavar="PORT", help="then serve time-stamps (/tsa) and the revocation list (/crl)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.ALLOW_DEVELOPMENT_AUTHORITY:
            raise CommandError("Production has a real authority; this command is for development")
        try:
            paths = development.make(folder=settings.AUTHORITY_DIR, at=timezone.now())
        except development.HalfMade as error:
            raise CommandError(f"{settings.AUTHORITY_DIR} holds something else; remove it and start again") from error
        self.stdout.write(f"authority: {paths.root}")
        if options["serve"] is not None:
            self._serve(paths, options["serve"])

    def _serve(self, paths: development.Paths, port: int) -> None:
        if not (paths.root_key.is_file() and paths.tsa.is_file()):
            raise CommandError("This authority was made by an older release; remove the folder and make a new one")
        server = DevelopmentServer(paths=paths, port=port)
        self.stdout.write(f"time-stamps: {server.url}/tsa\nrevocation list: {server.url}/crl")
        self.stdout.flush()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            server.server_close()
