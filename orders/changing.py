"""Changed: the e-mail address of an order, once the new address has proved that it can be read.

A letter with a signed link goes to the new address; until it is opened and agreed to nothing changes. The link holds
for a day and works once: its key is made over the number of changes so far, so that any change ends all older links.
The letter's own row remembers the address, so that no address of anybody stands in a web address.
"""

import hashlib
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import override

from meterai import links, states
from meterai.models import Flip

from . import allowing, contacts, noticing
from .models import Notice, Order

VALID = timedelta(hours=24)
_KIND = "email-change"
_REASON = "e-mail changed by proof"


class SameAddress(Exception):
    """The order has this address already."""


class Unproven(Exception):
    """No such letter, or its link is wrong, was used, or is older than a day."""


def ask(*, order: Order, email: str, at: datetime) -> None:
    """Send the link to the new address; a repeat within the same minute sends no second one. Raises SameAddress."""
    if email == order.email:
        raise SameAddress(order.code)
    letter = f"{hashlib.sha256(email.encode()).hexdigest()[:16]}-{int(at.timestamp()) // 60}"
    event = _event(order.code, letter)
    key = links.key(kind=_KIND, code=event, version=_changes(order))
    with override(order.language):
        link = settings.SITE_URL + reverse("orders:confirm_email", args=[order.code, letter, key])
    noticing.leave_to(
        email=email,
        language=order.language,
        event=event,
        template="email_change",
        context={"code": order.code, "link": link},
        at=at,
    )


def proved(*, code: str, letter: str, key: str, at: datetime) -> tuple[Order, str]:
    """The order and the new address that a link of such a letter stands for. Raises Unproven."""
    return _proved(Order.objects.filter(code=code).first(), code, letter, key, at)


def confirm(*, code: str, letter: str, key: str, at: datetime) -> Order:
    """The new address is agreed to: the order has it from now on, and the old one is told. Links to the order hold.

    Raises Unproven, allowing.LimitReached (the new address has bought as many stamps as one may).
    """
    with transaction.atomic():
        locked = Order.objects.select_for_update().filter(code=code).first()
        order, email = _proved(locked, code, letter, key, at)
        old, number = order.email, _changes(order) + 1
        _rename(order, email)
        states.note(order, old=order.state, new=order.state, at=at, reason=_REASON, actor="buyer")
        _tell(order, old, number, at)
    return order


def _proved(order: Order | None, code: str, letter: str, key: str, at: datetime) -> tuple[Order, str]:
    event = _event(code, letter)
    version = _changes(order) if order else 0
    if not links.opens(given=key, kind=_KIND, code=event, version=version) or order is None:
        raise Unproven(code)
    notice = Notice.objects.filter(event=event, created_at__gt=at - VALID).first()
    if notice is None:
        raise Unproven(code)
    return order, notice.address


def _rename(order: Order, email: str) -> None:
    """Its stamps count for the person of the new address now."""
    counted = order.state not in (Order.State.EXPIRED, Order.State.CANCELLED)
    if counted:
        allowing.give_back(orders=[order])
    order.email = email
    if counted:
        allowing.take(order=order)
    order.save(update_fields=["email"])


def _tell(order: Order, old: str, number: int, at: datetime) -> None:
    noticing.leave(event=f"{order.code}:link:e{number}", template="link", order=order, at=at)
    with override(order.language):
        complain = settings.SITE_URL + reverse("support:complain")
    context = {"code": order.code, "address": contacts.mask(order.email), "complain": complain}
    event = f"{order.code}:email_changed:{number}"
    noticing.leave_to(email=old, language=order.language, event=event, template="email_changed", context=context, at=at)


def _event(code: str, letter: str) -> str:
    return f"{code}:email:{letter}"[:120]


def _changes(order: Order) -> int:
    return Flip.objects.filter(noun=order._meta.label_lower, row=str(order.pk), reason=_REASON).count()
