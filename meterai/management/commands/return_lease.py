"""Bring a reseller's unsold stock back."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from meterai import leasing
from meterai.conserving import available
from meterai.management import naming


class Command(BaseCommand):
    help = "Bring unsold stock of a reseller back to the official shop, and credit its deposits, the newest first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("reseller", help="the reseller's code")
        parser.add_argument("quantity", type=naming.at_least_one, help="how many stamps")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--by", required=True, metavar="USER", help="who takes them back")

    def handle(self, *arguments: Any, **options: Any) -> None:
        reseller, by = naming.reseller(options["reseller"]), naming.person(options["by"])
        quantity, reason = options["quantity"], options["reason"]
        try:
            credited = leasing.take_back(reseller=reseller, quantity=quantity, reason=reason, by=by, at=timezone.now())
        except leasing.NotEnough:
            left = available(reseller_id=reseller.pk)
            raise CommandError(f"{reseller.code} has {left} unsold stamps; nothing was returned.") from None
        self.stdout.write(f"{quantity} stamps of {reseller.code} are back; Rp{credited} credited")
