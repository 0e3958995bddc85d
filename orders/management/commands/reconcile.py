"""A settlement report from a file, for a nightly job or for one too large to upload."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from meterai.management import naming
from orders import reconciling
from orders.models import Discrepancy, Settlement
from orders.payments.settlement import REASONS, Unreadable


class Command(BaseCommand):
    help = (
        "Take in a settlement report (CSV) of a gateway, ask the gateway about what differs, and print what is still "
        "open. The same file again takes nothing in and goes on where the first run was stopped. Ends with 1 while "
        "something of this report is open. Without a file: only judge again what is open."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="the report as the gateway offers it")
        parser.add_argument("--gateway", default="", help="whose report it is")
        parser.add_argument("--by", default="", metavar="USER", help="who answers for it")
        parser.add_argument("--first-day", type=_day, metavar="YYYY-MM-DD", help="the first day it covers (Jakarta)")
        parser.add_argument("--last-day", type=_day, metavar="YYYY-MM-DD", help="the last day it covers to its end")
        parser.add_argument("--no-ask", action="store_true", help="leave asking to the workers")

    def handle(self, *arguments: Any, **options: Any) -> None:
        if options["file"] is None:
            closed = reconciling.judge_open(at=timezone.now())
            self.stdout.write(f"{closed} differences turned out right and are closed.")
            return
        report = self._taken_in(options)
        if not options["no_ask"]:
            reconciling.ask_all(report=report, at=timezone.now())
        self._print(report)

    def _taken_in(self, options: dict[str, Any]) -> Settlement:
        by = naming.person(options["by"])
        try:
            with options["file"].open("rb") as file:
                return reconciling.take_in(
                    gateway=options["gateway"],
                    file=file,
                    name=options["file"].name,
                    first_day=options["first_day"],
                    last_day=options["last_day"],
                    by=by,
                    at=timezone.now(),
                )
        except reconciling.AlreadyTakenIn as known:
            self.stderr.write(f"This file was taken in before: {known.settlement}.")
            return known.settlement
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from None
        except Unreadable as error:
            raise CommandError(f"Nothing is kept. {error}. {REASONS.get(error.reason, '')}") from None
        except reconciling.NoReports:
            raise CommandError(f"--gateway must be one of: {', '.join(reconciling.gateways())}.") from None
        except (reconciling.WrongDays, reconciling.NothingTold, reconciling.TooManyDifferences) as error:
            raise CommandError(f"Nothing is kept. {type(error).__doc__}") from None

    def _print(self, report: Settlement) -> None:
        for kind, total in reconciling.totals(report).items():
            self.stdout.write(f"{kind}: {total.rows} rows, Rp{total.gross}, fees Rp{total.fee}")
        listed = reconciling.of_report(report).filter(state=Discrepancy.State.OPEN).order_by("pk")
        still = list(listed)
        for one in still:
            self.stdout.write(f"{one.kind}\t{one.subject}\texpected {one.expected}\tfound {one.found}")
        if still:
            raise CommandError(f"{len(still)} differences are open. The target is 0.")
        self.stdout.write("Open differences: 0.")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError("a day as YYYY-MM-DD") from None
