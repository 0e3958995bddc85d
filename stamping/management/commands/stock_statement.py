"""The dated, sealed statement of stock: exit 1 when what it says is not as it should be."""

import getpass
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date

from meterai.models import User
from stamping import stating
from stamping.authority.engine import SealingError


class Command(BaseCommand):
    help = (
        "Write a statement of stock for the auditor, as of now: stock-YYYY-MM-DD.pdf, sealed, and the same as CSV. "
        "Checks conservation and the whole chain over the book, about a minute for ten million movements, and says in "
        "the statement what was found; exit 1 when that is not as it should be."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
        parser.add_argument("--language", choices=["id", "en"], default="id")
        parser.add_argument("--by", default="", metavar="USER", help="who asks for it; else the account it runs under")
        parser.add_argument("--at", default="", metavar="DATE", help="today's date: another day cannot be stated")

    def handle(self, *arguments: Any, **options: Any) -> None:
        at = timezone.now()
        if options["at"] and _date(options["at"]) != timezone.localdate(at):
            raise CommandError("Only today's stock can be stated; that of another day is in that day's statement.")
        if options["by"] and not User.objects.filter(username=options["by"], is_active=True).exists():
            raise CommandError(f"There is no active user {options['by']!r}.")
        by, folder = options["by"] or getpass.getuser(), options["out"]
        try:
            stated = stating.state(folder=folder, by=by, language=options["language"], at=at)
        except stating.AlreadyStated as known:
            raise CommandError(f"{known} is in {folder} already; a statement is not replaced.") from None
        except SealingError as error:
            raise CommandError(f"The statement could not be sealed ({error.code}); nothing was written.") from error
        except OSError as error:
            raise CommandError(f"Nothing was written: {error.filename or folder}: {error.strerror}") from error
        for path in (stated.pdf, stated.csv):
            self.stdout.write(str(path))
        if not stated.is_sound:
            self.stderr.write("The stock or its book is not as it should be; the statement says what was found.")
            raise SystemExit(1)


def _date(text: str) -> Any:
    try:
        found = parse_date(text)
    except ValueError:
        found = None
    if found is None:
        raise CommandError(f"{text!r} is no date: YYYY-MM-DD")
    return found
