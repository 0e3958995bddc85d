"""Serials from the issuer: ask for some, compare with its list, write what is to be imported."""

from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from stamping import issuing
from stamping.authority.engine import SealingError


class Command(BaseCommand):
    help = (
        "Compares our books with the issuer's list of unused serials and saves what was lost on the way. "
        "Ends with 1 when something is left for a person to look at."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--ask", type=int, default=0, metavar="N", help="first ask the issuer for N new serials")
        parser.add_argument(
            "--deliver", type=Path, metavar="FILE", help="last write the serials that are not in stock yet, to import"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            reconciled = self._reconciled(options["ask"])
        except (SealingError, ImproperlyConfigured) as error:
            raise CommandError(getattr(error, "reason", str(error)), returncode=2) from error
        if options["deliver"] is not None:
            self._deliver(options["deliver"])
        if not reconciled.is_clean:
            raise CommandError("Some serials differ; see docs/authority.md, “When the books differ”", returncode=1)

    def _reconciled(self, count: int) -> issuing.Reconciled:
        if count > 0:
            saved = issuing.ask(count=count, at=timezone.now())
            self.stdout.write(f"asked: {count}, saved: {len(saved)}")
        reconciled = issuing.reconcile(at=timezone.now())
        for name in ("found", "lost", "strangers", "sealed_here", "used_there", "no_picture"):
            for one in getattr(reconciled, name):
                self.stdout.write(f"{name}: {one}")
        return reconciled

    def _deliver(self, path: Path) -> None:
        serials = issuing.undelivered()
        try:
            with path.open("x", encoding="ascii") as file:
                file.writelines(f"{serial}\n" for serial in serials)
        except OSError as error:
            raise CommandError(f"{path} cannot be made: {error.strerror}", returncode=2) from error
        self.stdout.write(f"delivery: {len(serials)} serials in {path}")
