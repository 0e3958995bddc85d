"""Withdraw a batch or a part of it."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from meterai import recalling
from meterai.management import naming
from meterai.models import Batch


class Command(BaseCommand):
    help = (
        "Make void what is unsold of a batch, or of a range of it, and say how much was sold. Prints JSON. "
        "--dry-run only says what it would meet. The buyers: recalled_buyers RECALL."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("batch", nargs="?", default="", help="the issuer's number of the delivery")
        parser.add_argument("--first", type=naming.at_least_one, metavar="ORDINAL", help="from here; needs --last")
        parser.add_argument("--last", type=naming.at_least_one, metavar="ORDINAL", help="to here, this one included")
        parser.add_argument("--serials", nargs=2, metavar=("FIRST", "LAST"), help="a range by two serials of one batch")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--by", required=True, metavar="USER", help="who withdraws")
        parser.add_argument("--dry-run", action="store_true")

    def handle(self, *arguments: Any, **options: Any) -> None:
        by = naming.person(options["by"])
        batch, first, last = _range(options)
        named = {"batch": batch.reference, "first": first, "last": last}
        if options["dry_run"]:
            seen = recalling.foresee(batch=batch, first=first, last=last)
            self.stdout.write(json.dumps(named | {"voided": seen.voided} | asdict(seen)))
            return
        try:
            made = recalling.recall(
                batch=batch, first=first, last=last, reason=options["reason"], by=by, at=timezone.now()
            )
        except recalling.NotWhole:
            raise CommandError("This batch is not on sale yet: it is withdrawn as a whole or not at all.") from None
        except recalling.NothingLeft:
            raise CommandError("This range was recalled before; nothing is left to withdraw.") from None
        except recalling.Busy:
            raise CommandError("The shop is too busy just now; nothing was withdrawn. Try again.") from None
        self.stdout.write(json.dumps({"recall": made.pk} | named | {"voided": made.voided, "sold": made.sold}))


def _range(options: dict[str, Any]) -> tuple[Batch, int, int]:
    """What the command line names, whichever way; never the whole batch by a slip."""
    first, last, serials = options["first"], options["last"], options["serials"]
    if bool(options["batch"]) == bool(serials) or (first is None) != (last is None) or (serials and first):
        raise CommandError("Name a batch, a batch with --first and --last, or --serials FIRST LAST.")
    try:
        if serials:
            batch, first, last = recalling.ordinals(first=serials[0], last=serials[1])
        else:
            batch = naming.batch(options["batch"])
            first, last = first or 1, last or batch.count
    except recalling.UnknownSerial as unknown:
        raise CommandError(f"There is no serial {unknown}.") from None
    except recalling.NotOneBatch:
        raise CommandError("The two serials belong to different batches.") from None
    if not 1 <= first <= last <= batch.count:
        raise CommandError(f"{first} to {last} is no range of {batch.reference}, which has {batch.count} serials.")
    return batch, first, last
