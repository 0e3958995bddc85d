"""Who bought what was recalled, as a file."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.core.management.base import BaseCommand, CommandError

from meterai.models import User
from orders import recalled
from orders.models import RecalledStock


class Command(BaseCommand):
    help = (
        "Write every sold serial of a recall with its order, seller and buyer (CSV). Contacts are masked; --unmask "
        "writes them in full, for someone with the right to see them, and leaves a line in the log."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("recall", type=int, help="the recall's number")
        parser.add_argument("--unmask", action="store_true", help="contacts in full; needs --by")
        parser.add_argument("--by", default="", metavar="USER", help="who will see them")

    def handle(self, *arguments: Any, **options: Any) -> None:
        recall = RecalledStock.objects.filter(pk=options["recall"]).first()
        if recall is None:
            raise CommandError(f"There is no recall {options['recall']}.")
        if options["unmask"]:
            _note(recall, options["by"])
        for line in recalled.lines(recalled.buyers(recall), unmask=options["unmask"]):
            self.stdout.write(line, ending="")


def _note(recall: RecalledStock, name: str) -> None:
    by = User.objects.filter(username=name, is_active=True).first()
    if by is None or not by.has_perm("orders.unmask_buyers"):
        raise CommandError(f"--by must name an active user who may see contacts in full; {name!r} is not one.")
    LogEntry.objects.log_actions(by.pk, [recall], CHANGE, change_message="Kontak pembeli diunduh", single_object=True)
