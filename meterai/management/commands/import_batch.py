"""Take in a delivery of the issuer from a file of any size, or go on with one that was interrupted."""

import re
import shutil
import time
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import override

from meterai import importing, receiving, refusing, stocking
from meterai.delivery_file import Announcement, DeliveryFile, Unreadable, agree, read_manifest
from meterai.holding import ClaimLost
from meterai.management import naming
from meterai.models import Batch, Delivery, User

SHOWN_LINES = 20


def _digest(text: str) -> str:
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise ArgumentTypeError("64 hexadecimal digits")
    return text.lower()


class Command(BaseCommand):
    help = (
        "Import a file of serials (CSV, also gzipped or zipped) as a draft batch: all of it or nothing. What the "
        "issuer announced (count and SHA-256) must be given: in FILE.manifest.json beside the file, in a manifest.json "
        "inside the zip, by --manifest, or by --count and --sha256. Killed, the same command goes on. A second person "
        "activates the batch."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--by", required=True, metavar="USER", help="who imports")
        parser.add_argument("--reference", default="", help="the issuer's number of the delivery")
        parser.add_argument("--count", type=naming.at_least_one, help="how many serials the issuer announced")
        parser.add_argument("--sha256", type=_digest, help="the checksum the issuer announced")
        parser.add_argument("--manifest", type=Path, help='JSON: {"count": 1000, "sha256": "…", "reference": "…"}')
        parser.add_argument("--report", type=Path, help="where to write every refused line (CSV)")
        parser.add_argument(
            "--chunk", type=naming.at_least_one, default=stocking.CHUNK, help="serials by one statement"
        )
        parser.add_argument(
            "--lease",
            type=float,
            default=receiving.LEASE.total_seconds(),
            metavar="SECONDS",
            help="how long after a kill the import may be taken up again",
        )

    def handle(self, *arguments: Any, **options: Any) -> None:
        by = naming.person(options["by"])
        try:
            with options["file"].open("rb") as stream:
                file = DeliveryFile(stream)
                announced = _announced(file, options)
                delivery = self._begin(announced, size=file.size, by=by, lease=options["lease"])
                if delivery is None:
                    self.stdout.write(f"{announced.reference} is here already: {announced.count} serials.")
                    return
                self._run(delivery, stream, options)
            self._tell_end(delivery, options["report"])
        except OSError as error:
            raise CommandError(f"{error.filename or options['file']} cannot be opened: {error.strerror}") from error
        except Unreadable as trouble:
            with override("en"):
                why = str(refusing.SENTENCES[trouble.code])
            raise CommandError(f"Nothing was imported ({trouble.code}): {why}") from None

    def _begin(self, announced: Announcement, *, size: int, by: User, lease: float) -> Delivery | None:
        """Claim the delivery; where another process holds it, wait as long as a killed one would hold it.

        None when this very delivery is here: the same command again, after a kill at the last moment.
        """
        name, patience, told = announced.reference, time.monotonic() + lease * 1.5, False
        while True:
            try:
                delivery = receiving.begin(
                    announced=announced, size=size, by=by, at=timezone.now(), lease=timedelta(seconds=lease)
                )
            except stocking.AlreadyImported:
                if Batch.objects.filter(reference=name, count=announced.count or 0, sha256=announced.sha256).exists():
                    return None
                raise CommandError(f"A batch {name!r} is here already; nothing was imported.") from None
            except receiving.OnItsWay:
                raise CommandError(f"{name!r} was uploaded and is being imported by a worker.") from None
            if delivery:
                return delivery
            if time.monotonic() > patience:
                raise CommandError(f"{name!r} is being imported by another process.")
            if not told:
                self.stderr.write(f"{name} is held by another process; waiting in case that one was killed")
            told = True
            time.sleep(0.2)

    def _run(self, delivery: Delivery, stream: BinaryIO, options: dict[str, Any]) -> None:
        if delivery.lines_staged:
            self.stderr.write(f"{delivery.reference}: going on after {delivery.lines_staged} serials")
        try:
            importing.run(
                delivery=delivery,
                stream=stream,
                at=timezone.now(),
                lease=timedelta(seconds=options["lease"]),
                chunk=options["chunk"],
                tell=self._tell,
            )
        except ClaimLost:
            raise CommandError("Nothing was imported: cancelled, or taken over by another process.") from None

    def _tell(self, progress: importing.Progress) -> None:
        unit = "bytes" if progress.step == "reading" else "serials"
        self.stderr.write(f"{progress.step} {progress.done} of {progress.total} {unit}")

    def _tell_end(self, delivery: Delivery, report: Path | None) -> None:
        name, batch = delivery.reference, delivery.batch
        if batch:
            self.stdout.write(f"{batch.count} serials imported as {name}, sha256 {batch.sha256}")
            self.stdout.write(f"Next, by another person: activate_batch {name} --by USER")
            return
        with default_storage.open(delivery.report) as stored:
            rows = refusing.read(stored, most=SHOWN_LINES)
        lines = [f"  line {row.number}: {row.code} {row.found!r}" for row in rows]
        if report:
            with default_storage.open(delivery.report) as stored, report.open("wb") as file:
                shutil.copyfileobj(stored, file)
        if delivery.refused_lines > len(lines):
            lines.append(f"  … {delivery.refused_lines} in all; --report FILE writes them, the staff room has them")
        with override("en"):
            why = f"Nothing was imported ({delivery.failure}): {refusing.why(delivery)}"
        raise CommandError("\n".join([why, *lines]))


def _announced(file: DeliveryFile, options: dict[str, Any]) -> Announcement:
    """What was typed, what lies beside the file and what lies in it, which must agree."""
    typed = Announcement(count=options["count"], sha256=options["sha256"] or "", reference=options["reference"])
    beside: Path = options["file"].with_name(options["file"].name + ".manifest.json")
    given = options["manifest"] or (beside if beside.exists() else None)
    written = read_manifest(given.read_bytes()) if given else Announcement()
    announced = agree(typed, written, file.manifest)
    if not announced.is_complete:
        raise CommandError("The issuer's count and SHA-256 are needed: --count and --sha256, or a manifest.")
    if not announced.reference:
        raise CommandError("The issuer's number of the delivery is needed: --reference, or in the manifest.")
    return announced
