"""Write down what a reseller paid ahead."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from meterai import depositing
from meterai.management import naming


class Command(BaseCommand):
    help = "Record a reseller's deposit. It covers nothing until another person confirms it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("reseller", help="the reseller's code")
        parser.add_argument("amount", type=naming.at_least_one, help="in rupiah")
        parser.add_argument("--reference", required=True, help="the bank's number of the transfer")
        parser.add_argument("--by", required=True, metavar="USER", help="who records")

    def handle(self, *arguments: Any, **options: Any) -> None:
        reseller, by = naming.reseller(options["reseller"]), naming.person(options["by"])
        reference, amount = options["reference"], options["amount"]
        try:
            depositing.record(reseller=reseller, reference=reference, amount=amount, by=by, at=timezone.now())
        except depositing.AlreadyRecorded:
            raise CommandError(f"A deposit {reference!r} is here already; nothing was recorded.") from None
        self.stdout.write(f"{reference}: Rp{amount} of {reseller.code} recorded")
        self.stdout.write(f"Next, by another person: confirm_deposit {reference} --by USER")
