"""Notices: left as rows in the transaction they tell of, sent by a worker, in the buyer's language, once an event."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils.translation import override

from meterai.claiming import backoff, claim

from .models import Notice, Order


def leave(*, event: str, template: str, order: Order, at: datetime, **context: Any) -> None:
    """Leave a notice to the order's buyer, if there is an address; a second one for the same event is dropped."""
    with override(order.language):
        link = settings.SITE_URL + order.get_absolute_url()
    values = {"code": order.code, "quantity": order.quantity, "total": order.total, "link": link}
    leave_to(
        email=order.email, language=order.language, event=event, template=template, context=values | context, at=at
    )


def leave_to(*, email: str, language: str, event: str, template: str, context: dict[str, Any], at: datetime) -> None:
    """Leave a notice to an address; nothing happens without one, or when the event was told already."""
    if email:
        Notice.objects.bulk_create(
            [
                Notice(
                    event=event,
                    template=template,
                    address=email,
                    language=language,
                    context=context,
                    created_at=at,
                    next_try_at=at,
                )
            ],
            ignore_conflicts=True,
        )


def send_due(*, at: datetime, limit: int = 50) -> int:
    """Send what is due; a failed try comes again later. Returns how many went out."""
    sent = 0
    waiting = Notice.objects.filter(sent_at=None)
    for notice in claim(waiting, due="next_try_at", at=at, lease=timedelta(minutes=2), limit=limit):
        try:
            _send(notice)
        except OSError:
            later = at + backoff(notice.attempts)
            Notice.objects.filter(pk=notice.pk, sent_at=None).update(next_try_at=later)
            continue
        sent += Notice.objects.filter(pk=notice.pk, sent_at=None).update(sent_at=at, next_try_at=None)
    return sent


def _send(notice: Notice) -> None:
    with override(notice.language):
        subject = render_to_string(f"emails/{notice.template}.subject.txt", notice.context).strip()
        body = render_to_string(f"emails/{notice.template}.txt", notice.context)
    send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [notice.address])
