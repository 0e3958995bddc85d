"""Found again: a buyer by code and contact, a member of staff by anything that names an order."""

import re
import uuid
from contextlib import suppress
from datetime import datetime
from time import monotonic, sleep

from django.db import transaction
from django.db.models import F, Q, QuerySet

from meterai import codes, states
from meterai.models import Serial
from meterai.models.serial import SERIAL_PATTERN

from . import contacts, noticing
from .contacts import Contact
from .models import Order
from .ordering import CODE_PREFIX

SECONDS = 0.05  # far more than either answer takes, and too short to be noticed


def send_link(*, code: str, contact: Contact, at: datetime) -> bool:
    """Leave a notice with the secret link if `code` and `contact` belong together; once a minute at most.

    True when one was left. Whoever asked is told the same either way, and after the same time: writing the notice
    takes a millisecond or two longer than finding nothing, and both end on SECONDS.
    """
    begun = monotonic()
    reached = {"email": contact.email} if contact.email else {"phone": contact.phone}
    order = Order.objects.filter(code=code, **reached).first()
    found = order is not None and bool(order.email)
    if order is not None and found:
        resend_link(order=order, at=at)
    sleep(max(0.0, SECONDS - (monotonic() - begun)))
    return found


def resend_link(*, order: Order, at: datetime) -> None:
    """Leave a notice with the secret link; a second one within the same minute is dropped."""
    minute = int(at.timestamp()) // 60
    noticing.leave(event=f"{order.code}:link:{minute}", template="link", order=order, at=at)


def revoke_links(*, order: Order, at: datetime, actor: str, reason: str) -> None:
    """Make every link of this order useless, and send the new one to the buyer."""
    with transaction.atomic():
        Order.objects.filter(pk=order.pk).update(link_version=F("link_version") + 1)
        order.refresh_from_db(fields=["link_version"])
        states.note(
            order,
            old=order.state,
            new=order.state,
            at=at,
            actor=actor,
            reason=f"links revoked: {reason}"[:200],
        )
        noticing.leave(event=f"{order.code}:link:v{order.link_version}", template="link", order=order, at=at)


def search(typed: str) -> "QuerySet[Order]":
    """Orders that `typed` names exactly: code, contact, serial, payment id or gateway reference. Each by an index."""
    text = typed.strip()
    if (code := codes.tidy(text, prefix=CODE_PREFIX)) and (found := Order.objects.filter(code=code)):
        return found
    if re.match(SERIAL_PATTERN, text.upper()) and Serial.objects.filter(code=text.upper()).exists():
        return Order.objects.filter(lines__serial_id=text.upper()).distinct()
    return Order.objects.filter(_contact(text) | Q(pk__in=_paid_as(text)))


def _contact(text: str) -> Q:
    try:
        contact = contacts.parse(text)
    except contacts.NotAContact:
        return Q(pk__in=[])
    return Q(email=contact.email) & ~Q(email="") if contact.email else Q(phone=contact.phone)


def _paid_as(text: str) -> list[int]:
    named = Q(payments__gateway_reference=text[:80])
    with suppress(ValueError):
        named |= Q(payments__pk=uuid.UUID(text))
    return list(Order.objects.filter(named).values_list("pk", flat=True)) if text else []
