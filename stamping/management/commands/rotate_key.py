"""A new signing key, used from a date on. What the earlier keys sealed stays valid."""

from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from stamping import authorities
from stamping.authority import certificates, development, rotation
from stamping.authority.engine import SealingError


class Command(BaseCommand):
    help = "Puts a new signing key (PKCS #12) beside the earlier ones in AUTHORITY_DIR, to be used from a time on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="starts", required=True, metavar="TIME", help="2026-12-01T00:00, local time")
        parser.add_argument("--pkcs12", type=Path, help="the new key; without it the development authority issues one")
        parser.add_argument("--passphrase-file", type=Path, help="the file with its passphrase")
        parser.add_argument("--root", type=Path, help="PEM: further certificates for TRUST_ROOTS; none is taken out")

    def handle(self, *args: Any, **options: Any) -> None:
        at, starts = timezone.now(), _time(options["starts"])
        try:
            roots = certificates.load_roots(options["root"]) if options["root"] else ()
            pkcs12, passphrase = _key(options, at)
            self._refuse_development(roots)
            # Trust first: a key whose root is unknown must never sign, a root without a key harms nobody.
            added = rotation.trust(bundle=settings.TRUST_ROOTS, roots=roots)
            certificate = rotation.add(
                folder=settings.AUTHORITY_DIR,
                pkcs12=pkcs12,
                passphrase=passphrase,
                starts=starts,
                at=at,
                accepts_development=settings.ALLOW_DEVELOPMENT_AUTHORITY,
            )
        except SealingError as error:
            raise CommandError(f"Not taken: {error.reason}") from error
        except (rotation.Unfit, OSError, ValueError) as error:
            raise CommandError(f"Not taken: {error}") from error
        authorities.forget()
        self.stdout.write(f"from {starts.isoformat()}: {certificate.subject.rfc4514_string()}")
        self.stdout.write(f"trusted certificates added: {added}. Restart web and workers before that time.")

    def _refuse_development(self, roots: tuple[x509.Certificate, ...]) -> None:
        if not settings.ALLOW_DEVELOPMENT_AUTHORITY and any(map(certificates.is_development, roots)):
            raise CommandError("Not taken: the root is a development certificate")


def _time(text: str) -> datetime:
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise CommandError("--from must be a time such as 2026-12-01T00:00")
    return found if found.tzinfo else timezone.make_aware(found)


def _key(options: dict[str, Any], at: datetime) -> tuple[bytes, str]:
    """The new key (PKCS #12) and its passphrase."""
    if options["pkcs12"] is not None:
        if options["passphrase_file"] is None:
            raise CommandError("--pkcs12 needs --passphrase-file")
        return options["pkcs12"].read_bytes(), options["passphrase_file"].read_text().strip()
    if not settings.ALLOW_DEVELOPMENT_AUTHORITY:
        raise CommandError("Name the new key with --pkcs12")
    paths = development.Paths(settings.AUTHORITY_DIR)
    try:
        return development.issue(paths=paths, at=at), paths.passphrase.read_text().strip()
    except development.NoRootKey as error:
        raise CommandError("This authority was made by an older release and can issue nothing more") from error
