"""The public check for a terminal: a PDF's seals as JSON, and the conclusion as the exit code."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from stamping import verifying
from stamping.verdict import Conclusion

EXIT = {Conclusion.VALID: 0, Conclusion.INVALID: 1, Conclusion.CANCELLED: 2, Conclusion.CANNOT_TELL: 3}
# Beyond the answers, as in sysexits.h: a script must not take a slip for a verdict.
USAGE, NO_INPUT, NO_ANSWER, TRY_AGAIN = 64, 66, 70, 75
PATIENCE = 60.0


class Command(BaseCommand):
    help = (
        "Check the stamps in a PDF. Prints the facts as JSON; exit 0 valid, 1 invalid, 2 cancelled, 3 cannot tell "
        "(no seal, or too little is known). 64, 66, 70 and 75: not checked at all (wrong use, no such file, our own "
        "books or certificates out of reach, too busy). Nothing is kept."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="the PDF; - reads it from standard input")

    def run_from_argv(self, argv: list[str]) -> None:
        try:
            super().run_from_argv(argv)
        except Answered:
            raise
        except SystemExit as end:
            # argparse ends with 2, which here says "cancelled".
            raise SystemExit(USAGE if end.code == EXIT[Conclusion.CANCELLED] else end.code) from None

    def handle(self, *arguments: Any, **options: Any) -> None:
        try:
            report = verifying.verify_file(source=_read(options["file"]), at=timezone.now(), wait=PATIENCE)
        except verifying.Busy:
            raise CommandError(
                "This machine checks as many files as it can; try again.", returncode=TRY_AGAIN
            ) from None
        except (DatabaseError, OSError, ValueError) as trouble:
            detail = f"Not checked: our books or trusted certificates are out of reach ({type(trouble).__name__})."
            raise CommandError(detail, returncode=NO_ANSWER) from trouble
        self.stdout.write(json.dumps(report.as_json(), indent=2))
        self.stdout.flush()
        raise Answered(EXIT[report.conclusion])


class Answered(SystemExit):
    """The end of a check; its code is the conclusion."""


def _read(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as trouble:
        raise CommandError(f"{path}: {trouble.strerror}", returncode=NO_INPUT) from trouble
