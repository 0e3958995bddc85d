"""Lease stock to a reseller on its deposit."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from meterai import leasing
from meterai.management import naming
from meterai.taking import SoldOut


class Command(BaseCommand):
    help = "Give a reseller stock of the official shop, and draw its duty from the reseller's confirmed deposit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("deposit", help="the deposit's reference")
        parser.add_argument("quantity", type=naming.at_least_one, help="how many stamps")
        parser.add_argument("--by", required=True, metavar="USER", help="who grants")

    def handle(self, *arguments: Any, **options: Any) -> None:
        deposit, by, quantity = naming.deposit(options["deposit"]), naming.person(options["by"]), options["quantity"]
        reseller = deposit.reseller
        try:
            leasing.grant(reseller=reseller, quantity=quantity, deposit=deposit, by=by, at=timezone.now())
        except leasing.NotActive:
            raise CommandError(f"{reseller.code} is switched off; nothing was leased.") from None
        except leasing.NotCovered:
            covered = leasing.covered(deposit)
            raise CommandError(f"{deposit.reference} covers {covered} stamps; nothing was leased.") from None
        except SoldOut:
            raise CommandError("The official shop has less than that; nothing was leased.") from None
        self.stdout.write(f"{quantity} stamps leased to {reseller.code} on {deposit.reference}")
