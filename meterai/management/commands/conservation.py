"""Conservation for machines: exit 1 on any difference."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from meterai.conserving import Balance, balances, one_moment


class Command(BaseCommand):
    help = "Print where every serial of every batch is, and whose, as JSON; exit 1 when any are lost or made."

    def handle(self, *arguments: Any, **options: Any) -> None:
        with one_moment():
            rows = balances()
        balanced = all(row.is_balanced for row in rows)
        told = {"balanced": balanced, "batches": [_told(row) for row in rows]}
        self.stdout.write(json.dumps(told, indent=2, ensure_ascii=False))
        if not balanced:
            raise SystemExit(1)


def _told(row: Balance) -> dict[str, Any]:
    facts = asdict(row) | {"difference": row.difference}
    facts["holders"] = [
        {"reseller": holder.reseller, "due": holder.due, **asdict(holder), "difference": holder.difference}
        for holder in row.holders
    ]
    return {"batch": row.batch, "imported": row.imported} | facts
