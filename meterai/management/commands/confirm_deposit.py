"""Say whether the money of a deposit is there."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from meterai import depositing, leasing, states
from meterai.management import naming


class Command(BaseCommand):
    help = "Confirm a recorded deposit, or reject it. Whoever recorded it cannot."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("reference")
        parser.add_argument("--by", required=True, metavar="USER", help="who decides")
        parser.add_argument("--reject", action="store_true", help="the money is not there")

    def handle(self, *arguments: Any, **options: Any) -> None:
        deposit, by = naming.deposit(options["reference"]), naming.person(options["by"])
        decide = depositing.reject if options["reject"] else depositing.confirm
        try:
            decide(deposit=deposit, by=by, at=timezone.now())
        except depositing.SamePerson:
            raise CommandError(f"{by.username} recorded this deposit; another person must decide.") from None
        except (states.NoSuchArrow, states.MovedMeanwhile):
            raise CommandError(f"{deposit.reference} is decided already.") from None
        self.stdout.write(f"{deposit.reference} is {deposit.state}; it covers {leasing.covered(deposit)} stamps")
