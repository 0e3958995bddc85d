"""One order with everything around it, for support."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from meterai import codes
from meterai.desk import act
from meterai.models import User
from orders.dossier import Dossier, as_json
from orders.models import Order
from orders.ordering import CODE_PREFIX

UNMASK = "orders.unmask_buyers"
SHORTEST_REASON = 5


class Command(BaseCommand):
    help = (
        "Write one order as JSON: payments, refunds, receipts, stamps, letters, notifications, settlement rows and "
        "every change of state. Contacts and bank accounts are masked; --unmask writes them in full, for someone with "
        "the right to see them who says why, and leaves a row of it. Secret links are never written."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code", help="the order's code")
        parser.add_argument("--unmask", action="store_true", help="personal data in full; needs --by and --reason")
        parser.add_argument("--by", default="", metavar="USER", help="who will see it")
        parser.add_argument("--reason", default="", help="why")

    def handle(self, *arguments: Any, **options: Any) -> None:
        order = Order.objects.filter(code=codes.tidy(options["code"], prefix=CODE_PREFIX)).first()
        if order is None:
            raise CommandError(f"There is no order {options['code']!r}.")
        if options["unmask"]:
            _note(order, options["by"], options["reason"].strip())
        told = as_json(Dossier(order), unmask=options["unmask"])
        self.stdout.write(json.dumps(told, indent=2, ensure_ascii=False, default=str))


def _note(order: Order, name: str, reason: str) -> None:
    by = User.objects.filter(username=name, is_active=True).first()
    if by is None or not by.has_perm(UNMASK):
        raise CommandError(f"--by must name an active user who may see contacts in full; {name!r} is not one.")
    if len(reason) < SHORTEST_REASON:
        raise CommandError("--reason must say why, in words.")
    act(order, who=by.username, what="ekspor lengkap", why=reason, at=timezone.now())
