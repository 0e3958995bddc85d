"""Put a draft batch on sale."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from meterai import states, stocking
from meterai.models import Batch, User


class Command(BaseCommand):
    help = "Put a draft batch on sale. Whoever imported it cannot activate it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("reference")
        parser.add_argument("--by", required=True, metavar="USER", help="who activates")

    def handle(self, *arguments: Any, **options: Any) -> None:
        batch = Batch.objects.filter(reference=options["reference"]).first()
        by = User.objects.filter(username=options["by"], is_active=True).first()
        if batch is None or by is None:
            raise CommandError(
                "There is no such batch." if batch is None else f"There is no active user {options['by']!r}."
            )
        try:
            stocking.activate(batch=batch, by=by, at=timezone.now())
        except stocking.SamePerson:
            raise CommandError(f"{by.username} imported this batch; another person must activate it.") from None
        except (states.NoSuchArrow, states.MovedMeanwhile):
            raise CommandError(f"{batch.reference} is {batch.state}, not a draft.") from None
        self.stdout.write(f"{batch.reference}: {batch.count} serials are on sale")
