"""Take in a delivery of the issuer from a file of any size."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from meterai import stocking
from meterai.models import User

SHOWN_LINES = 20


class Command(BaseCommand):
    help = "Import a CSV of serials as a draft batch: all of it or nothing. A second person activates it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--reference", required=True, help="the issuer's number of the delivery")
        parser.add_argument("--by", required=True, metavar="USER", help="who imports")
        parser.add_argument("--count", type=int, help="how many serials the issuer announced")
        parser.add_argument("--sha256", default="", help="the checksum the issuer announced")

    def handle(self, *arguments: Any, **options: Any) -> None:
        by = User.objects.filter(username=options["by"], is_active=True).first()
        if by is None:
            raise CommandError(f"There is no active user {options['by']!r}.")
        try:
            with options["file"].open("rb") as delivery:
                batch = stocking.take_in(
                    delivery=delivery,
                    reference=options["reference"],
                    by=by,
                    at=timezone.now(),
                    expected_count=options["count"],
                    expected_sha256=options["sha256"],
                )
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}") from error
        except stocking.AlreadyImported:
            raise CommandError(f"A batch {options['reference']!r} is here already; nothing was imported.") from None
        except stocking.Mismatch as error:
            raise CommandError(f"Nothing was imported: the file's {error} is not as announced.") from None
        except stocking.DeliveryRefused as error:
            raise CommandError(_report(error.lines)) from None
        self.stdout.write(f"{batch.count} serials imported as {batch.reference}, sha256 {batch.sha256}")
        self.stdout.write(f"Next, by another person: activate_batch {batch.reference} --by USER")


def _report(lines: list[stocking.RefusedLine]) -> str:
    shown = [f"  line {line.number}: {line.reason}" for line in lines[:SHOWN_LINES]]
    more = [f"  … and {len(lines) - SHOWN_LINES} more"] if len(lines) > SHOWN_LINES else []
    return "\n".join(["Nothing was imported; these lines cannot be taken:", *shown, *more])
