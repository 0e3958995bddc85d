"""Exactly one body holds a ticket at any moment, and the history of that is never rewritten."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from meterai.models import Flip, Reseller, User
from orders.models import Notice, Order
from support import complaining, custody
from support.models import Body, Custody, Decision, Reason, Ticket

pytestmark = pytest.mark.django_db
TUESDAY = datetime(2026, 9, 1, 3, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DUE = TUESDAY + timedelta(days=1)

Complain = Callable[..., Ticket]


def held_by(ticket: Ticket) -> list[tuple[str, str]]:
    return [(one.body, one.reason) for one in ticket.custodies.all()]


def test_the_database_refuses_a_second_holder(complain: Complain, toko: Reseller) -> None:
    ticket = complain()
    with pytest.raises(IntegrityError, match="custody_one_holder"), transaction.atomic():
        Custody.objects.create(
            ticket=ticket, body="reseller", reseller=toko, from_at=TUESDAY + HOUR, accept_due_at=DUE, reason="silence"
        )


def test_the_database_refuses_a_holder_in_the_past_of_another(complain: Complain) -> None:
    ticket = complain()
    with pytest.raises(IntegrityError, match="custody_one_holder"), transaction.atomic():
        Custody.objects.create(
            ticket=ticket,
            body="issuer",
            from_at=TUESDAY - HOUR,
            until_at=TUESDAY + HOUR,
            accept_due_at=DUE,
            reason="silence",
        )


def test_the_database_refuses_a_ticket_that_nobody_holds(complain: Complain) -> None:
    ticket = complain()
    with pytest.raises(IntegrityError, match="nobody holds ticket"), transaction.atomic():
        Custody.objects.filter(ticket=ticket).update(until_at=TUESDAY + HOUR)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what COMMIT does


@pytest.mark.parametrize("change", [{"reason": "silence"}, {"from_at": TUESDAY - HOUR}])
def test_the_database_refuses_to_rewrite_a_custody(complain: Complain, change: dict[str, object]) -> None:
    ticket = complain()
    with pytest.raises(IntegrityError, match="added and ended"), transaction.atomic():
        Custody.objects.filter(ticket=ticket).update(**change)


def test_the_database_refuses_to_delete_custodies_and_decisions(complain: Complain) -> None:
    complain()
    with pytest.raises(IntegrityError, match="added and ended"), transaction.atomic():
        Custody.objects.all()._raw_delete("default")
    with pytest.raises(IntegrityError, match="written once"), transaction.atomic():
        Decision.objects.all()._raw_delete("default")


def test_the_database_refuses_a_reseller_without_a_name(complain: Complain) -> None:
    ticket = complain()
    with pytest.raises(IntegrityError, match="custody_holder_paired"), transaction.atomic():
        Custody.objects.create(
            ticket=ticket,
            body="reseller",
            from_at=TUESDAY - HOUR,
            until_at=TUESDAY,
            accept_due_at=DUE,
            reason="silence",
        )


def test_a_hand_over_ends_one_custody_and_begins_the_next_at_the_same_moment(
    complain: Complain, toko: Reseller
) -> None:
    ticket = complain()
    custody.hand_over(
        ticket=ticket, to=Body.RESELLER, reseller=toko, note="Dibeli di sana.", actor="rina", at=TUESDAY + HOUR
    )
    first, second = ticket.custodies.all()
    assert first.until_at == second.from_at == TUESDAY + HOUR
    assert (second.reseller, second.note, second.reason) == (toko, "Dibeli di sana.", Reason.HANDED_OVER)
    flip = Flip.objects.get(noun="support.custody")
    assert (flip.old, flip.new, flip.actor) == ("issuer", "reseller", "rina")
    assert Notice.objects.filter(address=toko.contact_email, template="ticket_routed").count() == 1


def test_a_hand_over_to_the_same_body_is_refused(complain: Complain) -> None:
    with pytest.raises(custody.AlreadyHeld):
        custody.hand_over(ticket=complain(), to=Body.ISSUER, actor="rina", at=TUESDAY + HOUR)


def test_a_closed_ticket_stays_where_it_is(complain: Complain, toko: Reseller) -> None:
    ticket = complain()
    complaining.close(ticket=ticket, at=TUESDAY + HOUR)
    with pytest.raises(custody.TicketClosed):
        custody.hand_over(ticket=ticket, to=Body.RESELLER, reseller=toko, actor="rina", at=TUESDAY + HOUR)


def test_a_silent_reseller_loses_the_ticket_to_the_issuer_once(complain: Complain, budi_order: Order) -> None:
    ticket = complain(order=budi_order)
    assert custody.escalate_silent(at=DUE) == 0
    late = DUE + timedelta(seconds=1)
    assert (custody.escalate_silent(at=late), custody.escalate_silent(at=late)) == (1, 0)
    assert held_by(ticket) == [("reseller", "sold_by_reseller"), ("issuer", "silence")]


def test_a_reseller_that_has_spoken_keeps_the_ticket(complain: Complain, budi_order: Order, team: User) -> None:
    ticket = complain(order=budi_order)
    complaining.answer(ticket=ticket, text="Kami periksa.", by=team, at=TUESDAY + HOUR)
    complaining.reopen(ticket=ticket, text="Belum.", at=TUESDAY + 2 * HOUR)
    assert custody.escalate_silent(at=DUE + HOUR) == 0


def test_the_complainants_own_words_do_not_count_as_the_resellers(complain: Complain, budi_order: Order) -> None:
    ticket = complain(order=budi_order)
    complaining.add_message(ticket=ticket, text="Halo?", at=TUESDAY + HOUR)
    assert custody.escalate_silent(at=DUE + HOUR) == 1


def test_the_issuer_and_closed_tickets_are_not_escalated(complain: Complain, budi_order: Order) -> None:
    complain()
    complaining.close(ticket=complain(order=budi_order), at=TUESDAY + HOUR)
    assert custody.escalate_silent(at=DUE + 100 * HOUR) == 0


@pytest.mark.django_db(transaction=True)
def test_two_workers_escalate_a_ticket_once(complain: Complain, budi_order: Order) -> None:
    tickets = [complain(order=budi_order) for _ in range(5)]
    moved: list[int] = []
    start = threading.Barrier(2)

    def work() -> None:
        try:
            start.wait(timeout=10)
            moved.append(custody.escalate_silent(at=DUE + HOUR))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(moved), sum(moved)) == (2, 5)
    assert all(held_by(ticket) == [("reseller", "sold_by_reseller"), ("issuer", "silence")] for ticket in tickets)
