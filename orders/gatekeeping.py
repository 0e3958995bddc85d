"""The shop's door: while its room has a queue, only who was called comes in. Without one nobody is asked.

Only making an order is behind the door. Order pages, paying, affixing, downloading and verifying are not.
"""

import base64
import hmac
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from meterai.answers import SeeOther

from . import queueing, room_files
from .models import Order, Room, ShopPass
from .pulse import pulse, timed
from .rooms import tickets

GUEST_COOKIE = "antre-tamu"
PASS_HEADER = "X-Queue-Pass"  # noqa: S105  # a name, no secret
# A guest who was in the shop when the queue began may finish within this time.
GUEST_MINUTES = timedelta(minutes=10)


class Shut(Exception):
    """The shop has a queue, and this person was not called; `room` is where to wait."""

    def __init__(self, room: str) -> None:
        super().__init__(room)
        self.room = room


@dataclass(frozen=True, kw_only=True)
class Gate:
    """How somebody came in: freely, with a pass, or as a guest from before the queue."""

    room: str = ""
    pass_pk: int | None = None
    guest: uuid.UUID | None = None
    guest_since: datetime | None = None
    new_guest: str = ""  # a cookie to set
    repeats: bool = False  # the order is there already: it is only shown again


def ticket_cookie(slug: str) -> str:
    """The cookie that keeps a ticket of this room."""
    return f"antre-{slug}"


def pass_cookie(slug: str) -> str:
    """The cookie that keeps a pass of this room."""
    return f"antre-masuk-{slug}"


def keep(response: HttpResponseBase, name: str, value: str, *, seconds: int) -> None:
    """Set one of our cookies: for this site alone, and for no script."""
    response.set_cookie(
        name, value, max_age=seconds, httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
    )


def keep_ticket(response: HttpResponseBase, *, slug: str, ticket: str) -> None:
    """Let the browser hold this place."""
    keep(response, ticket_cookie(slug), ticket, seconds=int(tickets.LIFETIME.total_seconds()))


def keep_pass(response: HttpResponseBase, *, slug: str, entered: ShopPass, at: datetime) -> None:
    """Let the browser hold this pass."""
    seconds = int((entered.expires_at + queueing.LENIENCY - at).total_seconds())
    keep(response, pass_cookie(slug), pass_token(entered, slug=slug), seconds=max(1, seconds))


def pass_token(entered: ShopPass, *, slug: str) -> str:
    """What opens the door, for a cookie or the X-Queue-Pass header."""
    return _signed(f"{entered.pk}.{int(entered.expires_at.timestamp())}", kind=f"pass:{slug}")


def shop_address(seller: str) -> str:
    """The shop behind a door."""
    return reverse("orders:buy") + (f"?reseller={seller}" if seller else "")


def at_the_door(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Lead who was not called to the waiting room (303). Puts `gate` on the request for `using`."""

    @wraps(view)
    def guarded(request: HttpRequest, *arguments: object, **named: object) -> HttpResponse:
        at = timezone.now()
        seller = (request.POST if request.method == "POST" else request.GET).get("reseller", "")
        key = f"form:{request.POST.get('token', '')}" if request.method == "POST" else ""
        try:
            gate = look(cookies=request.COOKIES, seller=seller, key=key, at=at)
        except Shut as shut:
            return _to_the_room(shut)
        request.gate = gate  # type: ignore[attr-defined]
        try:
            response = view(request, *arguments, **named)
        except Shut as shut:
            return _to_the_room(shut)
        if gate.new_guest:
            keep(response, GUEST_COOKIE, gate.new_guest, seconds=int(GUEST_MINUTES.total_seconds()))
        return response

    return guarded


def look(*, cookies: Any, seller: str, key: str, at: datetime, token: str = "") -> Gate:
    """How this person comes in. Raises Shut. No statement while there is no queue.

    `key`: idempotency key of the order that is asked for; one that is there already is shown again.
    """
    slug = room_files.door_of(seller)
    facts = room_files.facts(slug) if slug else None
    if slug is None or facts is None:
        return Gate()
    guest = _guest(cookies.get(GUEST_COOKIE, ""), at)
    if facts.state == Room.State.OPEN:
        if guest:
            return Gate(room=slug)
        pulse.arrived(slug)
        return Gate(room=slug, new_guest=_signed(f"{uuid.uuid4().hex}.{int(at.timestamp())}", kind="guest"))
    if found := _pass(token or cookies.get(pass_cookie(slug), ""), slug, at):
        return Gate(room=slug, pass_pk=found)
    if guest:
        return Gate(room=slug, guest=guest[0], guest_since=guest[1])
    if key and Order.objects.filter(idempotency_key=key).exists():
        return Gate(room=slug, repeats=True)
    raise Shut(slug)


@contextmanager
def using(gate: Gate, *, key: str, at: datetime) -> Iterator[None]:
    """Make the order in this block: the pass is used up exactly when it is made. Raises Shut for one used before."""
    with timed("reserve"):
        if gate.pass_pk is None and gate.guest is None:
            yield
            return
        with transaction.atomic():
            try:
                queueing.use(pk=_pk(gate, at), key=key, at=at)
            except queueing.PassUsed:
                raise Shut(gate.room) from None
            yield


def _to_the_room(shut: Shut) -> HttpResponse:
    return SeeOther(reverse("orders:room", args=[shut.room]))


def _pk(gate: Gate, at: datetime) -> int:
    if gate.pass_pk is not None:
        return gate.pass_pk
    assert gate.guest is not None and gate.guest_since is not None  # noqa: S101  # one of the two is there, see Gate
    return queueing.turn_of_guest(slug=gate.room, guest=gate.guest, since=gate.guest_since, at=at).pk


def _pass(token: str, slug: str, at: datetime) -> int | None:
    said = _said(token, kind=f"pass:{slug}")
    if said is None:
        return None
    pk, _dot, until = said.partition(".")
    return int(pk) if at.timestamp() < int(until) + queueing.LENIENCY.total_seconds() else None


def _guest(token: str, at: datetime) -> tuple[uuid.UUID, datetime] | None:
    said = _said(token, kind="guest")
    if said is None:
        return None
    name, _dot, seconds = said.partition(".")
    since = datetime.fromtimestamp(int(seconds), UTC)
    return (uuid.UUID(name), since) if at - since < GUEST_MINUTES else None


def _signed(said: str, *, kind: str) -> str:
    return f"{said}.{_mac(said, kind)}"


def _said(token: str, *, kind: str) -> str | None:
    said, _dot, mac = token.rpartition(".")
    return said if hmac.compare_digest(mac.encode(), _mac(said, kind).encode()) else None


def _mac(said: str, kind: str) -> str:
    digest = salted_hmac(f"orders.gatekeeping.{kind}", said, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")
