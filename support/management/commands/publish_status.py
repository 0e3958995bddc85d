"""The status files by hand, or by a process of its own, which tells of a silent database while workers wait for it."""

import logging
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import close_old_connections
from django.utils import timezone

from support import publishing

log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Measure the service and write the status pages to PUBLIC_ROOT; with --every again and again, until stopped."
    requires_system_checks = ()  # nothing may keep it from saying that something is wrong

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=int, default=0, metavar="SECONDS", help="0: once")

    def handle(self, *arguments: Any, every: int, **options: Any) -> None:
        if not every:
            self.stdout.write("measured" if self._publish() else "the database does not answer; the files say so")
            return
        while True:
            try:
                self._publish()
            except CommandError as error:
                log.error("%s", error)
            close_old_connections()
            time.sleep(every)

    def _publish(self) -> bool:
        try:
            return publishing.publish(at=timezone.now())
        except OSError as error:
            raise CommandError(f"PUBLIC_ROOT cannot be written: {error.strerror}") from None
