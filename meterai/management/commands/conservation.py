"""Where every serial is, for an operator or a monitor."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from meterai.conserving import balances


class Command(BaseCommand):
    help = "Print the balance of every batch as JSON; exit code 1 when a serial was lost or made from nothing."

    def handle(self, *arguments: Any, **options: Any) -> None:
        rows = balances()
        shown = [asdict(row) | {"difference": row.difference} for row in rows]
        self.stdout.write(json.dumps({"balanced": not any(row.difference for row in rows), "batches": shown}, indent=2))
        if any(row.difference for row in rows):
            raise SystemExit(1)
