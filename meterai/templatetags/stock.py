"""The stock on the staff room's first page: what the newest check saw, and how long ago."""

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.translation import ngettext

from .. import watching

register = template.Library()

# The watch looks every minute: after this long it is not looking any more.
OLD = timedelta(minutes=5)


@register.simple_tag
def stock_watch() -> dict[str, Any] | None:
    """Sellers with their forecasts, the difference, and both ages in words; None before the first look."""
    check, now = watching.newest(), timezone.now()
    if check is None:
        return None
    counted_ago = watching.counted_ago(check, at=now)
    return {
        "sellers": [{"stock": one, "ends_at": one.ends_at(check.at)} for one in watching.sellers(check)],
        "difference": check.difference,
        "looked": ago(check.at, now=now),
        "is_old": now - check.at > OLD,
        "counted": ago(now - counted_ago, now=now) if counted_ago - (now - check.at) > timedelta(minutes=1) else "",
    }


def ago(moment: datetime, *, now: datetime) -> str:
    """How long ago, in the largest unit of which there are two."""
    seconds = max(0, int((now - moment).total_seconds()))
    if seconds < 120:
        return ngettext("%(n)s detik yang lalu", "%(n)s detik yang lalu", seconds) % {"n": seconds}
    if seconds < 2 * 3600:
        return ngettext("%(n)s menit yang lalu", "%(n)s menit yang lalu", seconds // 60) % {"n": seconds // 60}
    if seconds < 2 * 86400:
        return ngettext("%(n)s jam yang lalu", "%(n)s jam yang lalu", seconds // 3600) % {"n": seconds // 3600}
    return ngettext("%(n)s hari yang lalu", "%(n)s hari yang lalu", seconds // 86400) % {"n": seconds // 86400}
