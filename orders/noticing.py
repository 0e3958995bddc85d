"""Notices: left as rows in the transaction they tell of, sent by a worker, in the buyer's language, once an event.

The promise is "at least once, and as a rule once". One row an event makes the rule. A worker that is killed after
sending and before marking its row makes the exception: the row comes due again and the message is sent again, since a
link that never came is worse than one that came twice. The repeat carries the same mark (see `Channel.send`).
"""

import logging
from collections import Counter
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from django.conf import settings
from django.db.models import F, QuerySet
from django.template.loader import render_to_string
from django.utils.translation import override

from meterai.claiming import backoff, claim

from .channels.channel import EMAIL, ChannelError
from .channels.registry import Configuration, channel
from .models import Notice, Order

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
# A round ends well before its lease does, so that no second worker takes what this one still holds.
ROUND_SECONDS = 20.0
# So many failures in a row, and the channel is left alone until the next round.
SILENT_AFTER = 3
# A refusal may be a mistake of the server's; an outage may last a day (backoff grows to an hour).
MOST_REFUSALS, MOST_TRIES = 3, 36


def leave(*, event: str, template: str, order: Order, at: datetime, **context: Any) -> None:
    """Leave a notice to the order's buyer, if a channel reaches them; a second one for the same event is dropped."""
    with override(order.language):
        link = settings.SITE_URL + order.get_absolute_url()
    values = {"code": order.code, "quantity": order.quantity, "total": order.total, "link": link}
    name, address = _reach(order)
    _leave(name, address, order.language, event=event, template=template, context=values | context, at=at)


def leave_to(*, email: str, language: str, event: str, template: str, context: dict[str, Any], at: datetime) -> None:
    """Leave a notice to an e-mail address; nothing happens without one, or when the event was told already."""
    _leave("email", email, language, event=event, template=template, context=context, at=at)


def send_due(*, at: datetime, limit: int = 50) -> int:
    """Send what is due; a failed try comes again later, until it is given up. Returns how many went out.

    One that always fails holds up no other: it waits longer each time, and a channel that is down is left alone.
    """
    sent, begun = 0, monotonic()
    failures: Counter[str] = Counter()
    waiting = Notice.objects.filter(sent_at=None)
    for notice in claim(waiting, due="next_try_at", at=at, lease=LEASE, limit=limit):
        if failures[notice.channel] >= SILENT_AFTER or monotonic() - begun > ROUND_SECONDS:
            _put_back(notice, at)
            continue
        try:
            _send(notice)
        except ChannelError as error:
            failures[notice.channel] += not error.permanent
            _failed(notice, error, at)
        else:
            failures[notice.channel] = 0
            sent += Notice.objects.filter(pk=notice.pk, sent_at=None).update(sent_at=at, next_try_at=None)
    return sent


def given_up() -> "QuerySet[Notice]":
    """What reached nobody and is not tried any more: for people to look at."""
    return Notice.objects.filter(sent_at=None, next_try_at=None)


def try_again(*, notice: Notice, at: datetime) -> bool:
    """Send it once more from the beginning, as a member of staff wishes; False when it went out already."""
    return bool(Notice.objects.filter(pk=notice.pk, sent_at=None).update(next_try_at=at, attempts=0))


def _channels() -> Configuration:
    configured: Configuration = settings.NOTICE_CHANNELS
    return configured


def _leave(
    name: str, address: str, language: str, *, event: str, template: str, context: dict[str, Any], at: datetime
) -> None:
    if not address:
        return
    notice = Notice(
        event=event,
        template=template,
        channel=name,
        address=address,
        language=language,
        context=context,
        created_at=at,
        next_try_at=at,
    )
    Notice.objects.bulk_create([notice], ignore_conflicts=True)


def _reach(order: Order) -> tuple[str, str]:
    """The first channel that has an address of this buyer, with the address; both empty when none has."""
    for name in _channels():
        carries = channel(name, configuration=_channels()).carries
        if address := order.email if carries == EMAIL else order.phone:
            return name, address
    return "", ""


def _send(notice: Notice) -> None:
    try:
        with override(notice.language):
            subject = render_to_string(f"emails/{notice.template}.subject.txt", notice.context).strip()
            body = render_to_string(f"emails/{notice.template}.txt", notice.context)
        way = channel(notice.channel, configuration=_channels())
    except Exception as error:  # a template that is broken must not hold up the letters behind it
        raise ChannelError(f"not written: {type(error).__name__}", permanent=True) from error
    way.send(address=notice.address, subject=subject, body=body, event=notice.event)


def _failed(notice: Notice, error: ChannelError, at: datetime) -> None:
    over = notice.attempts >= (MOST_REFUSALS if error.permanent else MOST_TRIES)
    later = None if over else at + backoff(notice.attempts)
    Notice.objects.filter(pk=notice.pk, sent_at=None).update(next_try_at=later, failure=str(error)[:60])
    log.warning("Notice %s %s: %s", notice.pk, "is given up" if over else "comes again", error)


def _put_back(notice: Notice, at: datetime) -> None:
    """It was not tried: the claim's attempt is taken off again."""
    soon = at + timedelta(seconds=5)
    Notice.objects.filter(pk=notice.pk, sent_at=None).update(next_try_at=soon, attempts=F("attempts") - 1)
