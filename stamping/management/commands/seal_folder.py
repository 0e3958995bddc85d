"""Seal every PDF of a folder into another folder, one JSON line a file, whatever is in it."""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext, override

from orders.models import Order
from stamping import bulk
from stamping.authority import development
from stamping.authority.local import LocalEngine
from stamping.bulk_stock import NotPaid, Stocked
from stamping.pdf.geometry import Placement
from stamping.sealing import verification_address

REFUSALS = {
    "no_input": "IN is no folder that can be read.",
    "into_input": "OUT must lie apart from IN: what goes in stays as it is.",
    "in_use": "Another run works on OUT at this moment.",
}


class Command(BaseCommand):
    help = (
        "Seal the PDFs of the folder IN into the folder OUT, which takes the same shape. Writes one JSON line a file: "
        "file, verdict (sealed or refused), code, reason, milliseconds, serial, place. A bad file is a line and never "
        "the end. May be stopped and run again: what is sealed stays. Exit 0 when every file was judged. "
        "With --order the sold stamps of that order are used, one a file, and never two for the same bytes."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", type=Path, metavar="IN")
        parser.add_argument("out", type=Path, metavar="OUT")
        parser.add_argument("--place", type=_place, default=None, metavar="auto|X,Y,PAGE", help=_place.__doc__)
        parser.add_argument("--report", type=Path, default=None, metavar="FILE.jsonl", help="else to standard output")
        parser.add_argument("--jobs", type=int, default=1, metavar="N", help="files at a time")
        parser.add_argument("--order", default="", metavar="CODE", help="use the sold stamps of this paid order")
        parser.add_argument("--no-stock", action="store_true", help="throw-away SPESIMEN serials; needs no database")
        parser.add_argument("--max-bytes", type=int, default=bulk.MOST_BYTES, metavar="N", help="refuse larger files")
        parser.add_argument("--language", choices=["id", "en"], default="id", help="of the reasons")

    def handle(self, *arguments: Any, **options: Any) -> None:
        if bool(options["order"]) == options["no_stock"]:
            raise CommandError("Serials from stock belong to an order: give its code with --order, or --no-stock.")
        if not 1 <= options["jobs"] <= 64:
            raise CommandError("--jobs is between 1 and 64.")
        report: Path | None = options["report"]
        if report is not None and options["source"].resolve() in report.resolve().parents:
            raise CommandError(REFUSALS["into_input"])
        with override(options["language"]):
            try:
                counts = self._seal(_run(options), report)
            except bulk.FolderRefused as refused:
                raise CommandError(REFUSALS[refused.code]) from None
            except OSError as error:
                raise CommandError(f"{error.filename or options['out']}: {error.strerror}") from error
        self._tell(counts)

    def _seal(self, run: bulk.Run, report: Path | None) -> "Counter[str]":
        counts: Counter[str] = Counter()
        lines: AbstractContextManager[IO[str]] = (
            report.open("w", encoding="ascii") if report else nullcontext(sys.stdout)
        )
        with lines as file:
            for judged in bulk.seal_folder(run):
                file.write(json.dumps(asdict(judged)) + "\n")
                file.flush()
                counts[judged.code if judged.code else "sealed"] += 1
        return counts

    def _tell(self, counts: "Counter[str]") -> None:
        refused = sum(counts.values()) - counts["sealed"]
        self.stderr.write(f"sealed {counts['sealed']}, refused {refused}", ending="\n")
        for code, count in counts.most_common():
            if code != "sealed":
                self.stderr.write(f"  {count:>5} {code}", ending="\n")
        if any(counts[code] for code in bulk.OURS):
            raise SystemExit(1)


def _place(text: str) -> Placement | None:
    """auto: a free place beside the signature; else points from the left, from the bottom, and the page from 1"""
    if text == "auto":
        return None
    try:
        x, y, page = text.split(",")
        return Placement(page=int(page), x=float(x), y=float(y))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is neither auto nor X,Y,PAGE") from None


def _run(options: dict[str, Any]) -> bulk.Run:
    names = ("source", "out", "place", "max_bytes", "jobs")
    seals: bulk.Seals = _stocked(options["order"]) if options["order"] else _throwaway(options)
    return bulk.Run(seals=seals, **{name: options[name] for name in names})


def _stocked(code: str) -> Stocked:
    order = Order.objects.filter(code=code).first()
    try:
        if order is not None:
            return Stocked(order, clock=timezone.now)
    except NotPaid as found:
        raise CommandError(f"Order {code} has no stamps to use: it is {found}.") from None
    raise CommandError(f"There is no order {code}.")


def _throwaway(options: dict[str, Any]) -> bulk.Throwaway:
    at = timezone.now()
    return bulk.Throwaway(
        engine=_engine(options["out"], at=at),
        address=verification_address,
        reason=gettext("Pembubuhan meterai elektronik"),
        at=at,
        max_bytes=options["max_bytes"],
    )


def _engine(out: Path, *, at: Any) -> LocalEngine:
    """The development authority's: what is no stock is never sealed with a real key."""
    folder = settings.AUTHORITY_DIR if settings.ALLOW_DEVELOPMENT_AUTHORITY else out / bulk.KEPT / "authority"
    paths = development.make(folder=folder, at=at)
    return LocalEngine.from_pkcs12(path=paths.signer, passphrase=paths.passphrase.read_text().strip())
