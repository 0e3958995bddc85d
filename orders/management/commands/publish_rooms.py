"""The waiting pages as files: once, or by a process of its own."""

import logging
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import close_old_connections
from django.utils import timezone

from orders import room_pages

log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Write the waiting rooms' pages to PUBLIC_ROOT; with --every again and again, until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=int, default=0, metavar="SECONDS", help="0: once")

    def handle(self, *arguments: Any, every: int, **options: Any) -> None:
        while True:
            try:
                room_pages.publish(at=timezone.now())
            except OSError as error:
                if not every:
                    raise CommandError(f"PUBLIC_ROOT cannot be written: {error.strerror}") from None
                log.error("PUBLIC_ROOT cannot be written: %s", error.strerror)
            if not every:
                return
            close_old_connections()
            time.sleep(every)
