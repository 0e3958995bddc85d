"""The steps of a ticket, on a real database."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from meterai import states
from meterai.models import Flip, Reseller, User
from orders.contacts import Contact
from orders.models import Notice, Order
from support import complaining, custody
from support.models import Body, Custody, Message, Reason, Ticket

pytestmark = pytest.mark.django_db
TUESDAY = datetime(2026, 9, 1, 3, 0, tzinfo=UTC)
WEDNESDAY = TUESDAY + timedelta(days=1)

Complain = Callable[..., Ticket]


def events(ticket: Ticket) -> list[str]:
    return list(Notice.objects.filter(event__startswith=ticket.code).order_by("id").values_list("template", flat=True))


def test_a_purchase_at_a_reseller_goes_to_that_reseller_with_the_proof_kept(
    complain: Complain, budi_order: Order, toko: Reseller
) -> None:
    ticket = complain(order=budi_order)
    held, decision = custody.current(ticket), ticket.decisions.get()
    assert (held.body, held.reseller, held.reason) == (Body.RESELLER, toko, Reason.SOLD_BY_RESELLER)
    assert (decision.reseller, decision.reason) == (toko, Reason.SOLD_BY_RESELLER)
    assert decision.evidence == [{"kind": "order_link", "reference": budi_order.code, "seller": "toko-contoh"}]
    assert ticket.order == budi_order


def test_a_failed_affixing_goes_to_the_issuer_though_a_reseller_sold(complain: Complain, budi_order: Order) -> None:
    assert custody.current(complain(order=budi_order, category="affixing_failed")).reason == Reason.SERVICE


def test_a_reseller_that_was_only_named_is_told_nothing(complain: Complain, toko: Reseller) -> None:
    ticket = complain(reseller=toko, category="reseller_purchase")
    assert (custody.current(ticket).body, custody.current(ticket).reason) == (Body.ISSUER, Reason.ONLY_SAID)
    assert not Notice.objects.filter(address=toko.contact_email).exists()


def test_the_reseller_is_told_of_its_ticket_and_nothing_of_the_person(
    complain: Complain, budi_order: Order, toko: Reseller
) -> None:
    ticket = complain(order=budi_order, text="Rahasia Budi")
    notice = Notice.objects.get(address=toko.contact_email)
    assert notice.context["code"] == ticket.code
    assert set(notice.context) == {"code", "category", "due"}


def test_the_complainant_gets_number_link_and_promise(complain: Complain) -> None:
    ticket = complain()
    notice = Notice.objects.get(address="budi@contoh.example")
    assert ticket.tracking_url() in notice.context["link"]
    assert notice.context["due"] == "Kamis, 3 September 2026, 10.00 WIB"


def test_a_complaint_sent_twice_is_one_ticket(complain: Complain) -> None:
    assert complain(key="k" * 20) == complain(key="k" * 20)
    assert (Ticket.objects.count(), Custody.objects.count(), Notice.objects.count()) == (1, 1, 1)


def test_a_key_used_for_another_complaint_is_refused(complain: Complain) -> None:
    first = complain(key="k" * 20)
    with pytest.raises(complaining.KeyReused) as refused:
        complain(key="k" * 20, text="Lain")
    assert refused.value.ticket == first


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_the_same_moment_are_one_ticket(complain: Complain) -> None:
    codes: list[str] = []

    def click() -> None:
        try:
            codes.append(complain(key="d" * 20).code)
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(codes) == 4
    assert len(set(codes)) == Ticket.objects.count() == 1


def test_an_answer_is_told_once_and_says_who_wrote_it(complain: Complain, rina: User) -> None:
    ticket = complain()
    for _ in range(2):
        complaining.answer(ticket=ticket, text="Sudah masuk.", by=rina, token="t-1", at=WEDNESDAY)
    ticket.refresh_from_db()
    message = ticket.messages.get()
    assert (ticket.state, message.author, message.actor) == (Ticket.State.ANSWERED, Message.Author.ISSUER, "rina")
    assert events(ticket) == ["ticket_received", "ticket_answered"]
    flip = Flip.objects.filter(noun="support.ticket", row=str(ticket.pk)).latest("id")
    assert (flip.old, flip.new, flip.actor) == ("open", "answered", "rina")


def test_only_the_holder_answers(complain: Complain, budi_order: Order, rina: User, team: User) -> None:
    ticket = complain(order=budi_order)
    with pytest.raises(complaining.NotTheHolder):
        complaining.answer(ticket=ticket, text="x", by=rina, at=WEDNESDAY)
    message = complaining.answer(ticket=ticket, text="Sudah kami kirim.", by=team, at=WEDNESDAY)
    assert (message.author, message.reseller) == (Message.Author.RESELLER, team.reseller)


def test_another_resellers_team_cannot_answer(complain: Complain, budi_order: Order, kios: Reseller) -> None:
    stranger = User.objects.create_user("kris", reseller=kios)
    with pytest.raises(complaining.NotTheHolder):
        complaining.answer(ticket=complain(order=budi_order), text="x", by=stranger, at=WEDNESDAY)


def test_a_message_of_the_complainant_is_written_once_and_leaves_the_state(complain: Complain) -> None:
    ticket = complain()
    for _ in range(2):
        complaining.add_message(ticket=ticket, text="Tambahan.", token="t-2", at=WEDNESDAY)
    ticket.refresh_from_db()
    assert (ticket.messages.count(), ticket.state) == (1, Ticket.State.OPEN)


def test_an_answered_ticket_that_is_not_done_is_open_again_with_a_new_promise(complain: Complain, rina: User) -> None:
    ticket = complain()
    complaining.answer(ticket=ticket, text="Beres.", by=rina, at=WEDNESDAY)
    complaining.reopen(ticket=ticket, text="Belum.", at=WEDNESDAY)
    ticket.refresh_from_db()
    assert ticket.state == Ticket.State.OPEN
    assert ticket.answer_due_at == WEDNESDAY + timedelta(days=2)


def test_the_complainant_closes_and_may_reopen(complain: Complain) -> None:
    ticket = complain()
    complaining.close(ticket=ticket, at=WEDNESDAY)
    ticket.refresh_from_db()
    assert ticket.closed_at == WEDNESDAY
    with pytest.raises(complaining.TicketClosed):
        complaining.add_message(ticket=ticket, text="x", at=WEDNESDAY)
    complaining.reopen(ticket=ticket, text="Ternyata belum.", at=WEDNESDAY)
    ticket.refresh_from_db()
    assert (ticket.state, ticket.closed_at) == (Ticket.State.OPEN, None)


def test_staff_cannot_answer_what_the_complainant_closed(complain: Complain, rina: User) -> None:
    ticket = complain()
    complaining.close(ticket=ticket, at=WEDNESDAY)
    with pytest.raises(complaining.TicketClosed):
        complaining.answer(ticket=ticket, text="x", by=rina, at=WEDNESDAY)


def test_an_open_ticket_cannot_be_reopened(complain: Complain) -> None:
    with pytest.raises(states.NoSuchArrow):
        complaining.reopen(ticket=complain(), text="x", at=WEDNESDAY)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (Contact(email="budi@contoh.example"), True),
        (Contact(email="maling@contoh.example"), False),
        (Contact(phone="+6281234567890"), False),
    ],
)
def test_the_link_goes_to_the_tickets_own_address_only(complain: Complain, typed: Contact, told: bool) -> None:
    ticket = complain()
    complaining.send_link(code=ticket.code, contact=typed, at=WEDNESDAY)
    assert ("ticket_link" in events(ticket)) is told


def test_the_database_refuses_an_arrow_that_does_not_exist(complain: Complain) -> None:
    ticket = complain()
    complaining.close(ticket=ticket, at=WEDNESDAY)
    with pytest.raises(IntegrityError, match="no arrow from closed to answered"), transaction.atomic():
        Ticket.objects.filter(pk=ticket.pk).update(state="answered", closed_at=None)


def test_the_database_refuses_a_ticket_that_reaches_nobody(complain: Complain) -> None:
    with pytest.raises(IntegrityError, match="ticket_can_be_reached"), transaction.atomic():
        complain(contact=Contact())
