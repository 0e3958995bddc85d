"""Complained about: the steps of a ticket, from the form to the last word.

Answering is the holder's alone; closing and reopening are the complainant's alone: a body cannot end a complaint.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from meterai import codes, states
from meterai.models import Reseller, User
from orders.contacts import Contact
from orders.models import Order

from . import clocks, custody, evidence, routing, telling
from .custody import TicketClosed
from .models import Body, Decision, Message, Ticket
from .models.ticket import CODE_PREFIX


@dataclass(frozen=True)
class Complaint:
    """What a person sends, and how to reach that person; `order` only when opened by its signed link.

    `number` is an order code, a serial or a payment reference. `pdf` is read for the serial in its seal and forgotten.
    """

    category: str
    text: str
    contact: Contact
    language: str = "id"
    order: Order | None = None
    number: str = ""
    reseller: Reseller | None = None
    pdf: bytes = b""

    @property
    def digest(self) -> str:
        """Tells a repeat of the same complaint from another one under the same key."""
        pdf = hashlib.sha256(self.pdf).hexdigest()
        order, reseller = self.order and self.order.code, self.reseller and self.reseller.code
        said = (self.category, self.text, self.contact, self.language, order, self.number, reseller, pdf)
        return hashlib.sha256(repr(said).encode()).hexdigest()


class KeyReused(Exception):
    """This idempotency key was used before, for another complaint (answer 422)."""

    def __init__(self, ticket: Ticket) -> None:
        super().__init__(ticket.code)
        self.ticket = ticket


class NotTheHolder(Exception):
    """Only the body that holds the ticket answers it; hand it over first."""


def complain(*, complaint: Complaint, idempotency_key: str, at: datetime) -> Ticket:
    """Write the ticket, decide who must answer, and tell both; the same key and complaint give the same ticket again.

    Raises KeyReused.
    """
    pieces = evidence.gather(claim=_claim(complaint), at=at)
    route = routing.route(category=complaint.category, evidence=pieces)
    with transaction.atomic():
        if known := _known(complaint, idempotency_key):
            return known
        ticket = _new_ticket(complaint, pieces, idempotency_key, at)
        states.note(ticket, old="", new=ticket.state, at=at, actor="complainant")
        Decision.objects.create(
            ticket=ticket,
            at=at,
            body=route.body,
            reseller=route.reseller,
            reason=route.reason,
            evidence=[piece.as_json() for piece in pieces],
        )
        custody.begin(ticket=ticket, body=route.body, reseller=route.reseller, reason=route.reason, at=at)
        telling.received(ticket=ticket, at=at)
    return ticket


def answer(*, ticket: Ticket, text: str, by: User, at: datetime, token: str | None = None) -> Message:
    """The holder's answer; the complainant is told. The same token gives the same message, told once.

    Raises NotTheHolder, TicketClosed.
    """
    with transaction.atomic():
        locked = Ticket.objects.select_for_update().get(pk=ticket.pk)
        if said := _said(locked, token):
            return said
        if locked.state == Ticket.State.CLOSED:
            raise TicketClosed(ticket.code)
        body = Body.RESELLER if by.reseller else Body.ISSUER
        held = custody.current(locked)
        if (held.body, held.reseller_id) != (body, by.reseller_id):
            raise NotTheHolder(ticket.code)
        message = _say(locked, Message.Author(body), text, at, token, reseller=by.reseller, actor=by.username)
        if locked.state == Ticket.State.OPEN:
            states.move(locked, to=Ticket.State.ANSWERED, at=at, actor=by.username)
        telling.answered(message=message, at=at)
    return message


def add_message(*, ticket: Ticket, text: str, at: datetime, token: str | None = None) -> Message:
    """The complainant adds something; the state stays. Raises TicketClosed."""
    with transaction.atomic():
        locked = Ticket.objects.select_for_update().get(pk=ticket.pk)
        if said := _said(locked, token):
            return said
        if locked.state == Ticket.State.CLOSED:
            raise TicketClosed(ticket.code)
        return _say(locked, Message.Author.COMPLAINANT, text, at, token)


def close(*, ticket: Ticket, at: datetime) -> None:
    """The complainant says that it is done. Raises states.NoSuchArrow when it is closed already."""
    with transaction.atomic():
        locked = Ticket.objects.select_for_update().get(pk=ticket.pk)
        states.move(locked, to=Ticket.State.CLOSED, at=at, actor="complainant", closed_at=at)


def reopen(*, ticket: Ticket, text: str, at: datetime, token: str | None = None) -> Message:
    """The complainant says that it is not done, and why; the clocks of answer and resolution start anew.

    Raises states.NoSuchArrow when the ticket is open.
    """
    with transaction.atomic():
        locked = Ticket.objects.select_for_update().get(pk=ticket.pk)
        if said := _said(locked, token):
            return said
        states.move(
            locked,
            to=Ticket.State.OPEN,
            at=at,
            actor="complainant",
            closed_at=None,
            answer_due_at=clocks.answer_due(since=at),
            resolve_due_at=clocks.resolve_due(since=at),
        )
        return _say(locked, Message.Author.COMPLAINANT, text, at, token)


def send_link(*, code: str, contact: Contact, at: datetime) -> None:
    """Send the ticket's link to its own e-mail address, if code and contact belong together; else do nothing.

    Whoever asked is told the same either way.
    """
    reached = {"email": contact.email} if contact.email else {"phone": contact.phone}
    if ticket := Ticket.objects.filter(code=code, **reached).first():
        telling.link_again(ticket=ticket, at=at)


def _claim(complaint: Complaint) -> evidence.Claim:
    return evidence.Claim(
        pdf=complaint.pdf,
        order=complaint.order,
        number=complaint.number,
        contact=complaint.contact,
        reseller=complaint.reseller,
    )


def _known(complaint: Complaint, key: str) -> Ticket | None:
    """A double click waits here until the first click's ticket is written, and then finds it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"ticket:{key}"])
    ticket = Ticket.objects.filter(idempotency_key=key).first()
    if ticket and ticket.idempotency_digest != complaint.digest:
        raise KeyReused(ticket)
    return ticket


def _new_ticket(complaint: Complaint, pieces: list[evidence.Evidence], key: str, at: datetime) -> Ticket:
    serials = (piece.reference for piece in pieces if piece.kind in (evidence.Kind.SEALED_FILE, evidence.Kind.SERIAL))
    values: dict[str, Any] = {
        "category": complaint.category,
        "text": complaint.text,
        "email": complaint.contact.email,
        "phone": complaint.contact.phone,
        "language": complaint.language,
        "order": next((piece.order for piece in pieces if piece.order), None),
        "serial_id": next(serials, None),
        "created_at": at,
        "answer_due_at": clocks.answer_due(since=at),
        "resolve_due_at": clocks.resolve_due(since=at),
        "idempotency_key": key,
        "idempotency_digest": complaint.digest,
    }
    return codes.with_new_code(
        prefix=CODE_PREFIX,
        constraint="support_ticket_code",
        make=lambda code: Ticket.objects.create(code=code, **values),
    )


def _said(ticket: Ticket, token: str | None) -> Message | None:
    return ticket.messages.filter(idempotency_key=token).first() if token else None


def _say(
    ticket: Ticket,
    author: Message.Author,
    text: str,
    at: datetime,
    token: str | None,
    *,
    reseller: Reseller | None = None,
    actor: str = "",
) -> Message:
    return Message.objects.create(
        ticket=ticket, author=author, text=text, at=at, idempotency_key=token, reseller=reseller, actor=actor
    )
