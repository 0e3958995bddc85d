"""Money in the staff room: amounts in rupiah, and on its first page what waits for a person."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from meterai.models import User
from meterai.templatetags.stock import ago

from .. import figures, showing
from ..figures import Pile

register = template.Library()


@register.filter(name="rupiah")
def rupiah(amount: int | None) -> str:
    """Rp20.000; a dash where there is no amount."""
    return "–" if amount is None else showing.rupiah(amount)


@register.simple_tag
def money_watch(user: User) -> list[dict[str, Any]]:
    """What waits for a person, as far as this one may see it: label, count, how long ago, where."""
    now = timezone.now()
    shown: list[tuple[str, str, Callable[[], Pile], str]] = [
        ("discrepancy", _("Selisih terbuka"), figures.discrepancies, "state=open"),
        ("payment", _("Pembayaran diperiksa"), figures.held, "state__exact=held"),
        ("refund", _("Harus ditransfer"), figures.payouts, "way__exact=transfer"),
        ("bankentry", _("Uang masuk belum cocok"), figures.strangers, "state__exact=unmatched"),
    ]
    rows = []
    for model, label, count, query in shown:
        if user.has_perm(f"orders.view_{model}"):
            pile = count()
            link = f"{reverse(f'admin:orders_{model}_changelist')}?{query}"
            rows.append({"label": label, "count": pile.count, "url": link, "oldest": _age(pile, now)})
    return rows


def _age(pile: Pile, now: datetime) -> str:
    return ago(pile.oldest, now=now) if pile.oldest else ""
