"""What the issuer's staff do with tickets."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse

from meterai.models import Flip, Reseller, User
from orders.contacts import Contact
from orders.models import Order
from support import custody
from support.models import Body, Ticket

pytestmark = pytest.mark.django_db
LIST = "/admin/support/ticket/"

Complain = Callable[..., Ticket]


@pytest.fixture
def as_rina(client: Client, rina: User) -> Client:
    client.force_login(rina)
    return client


def door(ticket: Ticket, name: str) -> str:
    return reverse(f"admin:support_ticket_{name}", args=[ticket.pk])


def answer(client: Client, ticket: Ticket, **changes: Any) -> Any:
    return client.post(door(ticket, "answer"), {"text": "Sudah masuk.", "token": str(uuid.uuid4())} | changes)


def test_an_answer_is_logged_with_who_gave_it(as_rina: Client, complain: Complain) -> None:
    ticket = complain()
    assert answer(as_rina, ticket).status_code == 303
    ticket.refresh_from_db()
    assert (ticket.state, ticket.messages.get().actor) == (Ticket.State.ANSWERED, "rina")
    assert Flip.objects.filter(noun="support.ticket", new="answered", actor="rina").exists()
    assert LogEntry.objects.get().user.get_username() == "rina"


def test_an_answer_sent_twice_is_one(as_rina: Client, complain: Complain) -> None:
    ticket, token = complain(), str(uuid.uuid4())
    for _ in range(2):
        answer(as_rina, ticket, token=token)
    assert ticket.messages.count() == 1


@pytest.mark.parametrize("name", ["answer", "hand-over", "contact"])
def test_who_may_only_look_does_nothing(client: Client, complain: Complain, dewi: User, name: str) -> None:
    ticket = complain()
    client.force_login(dewi)
    assert client.post(door(ticket, name), {"text": "x", "token": str(uuid.uuid4()), "note": "x"}).status_code == 403
    page = client.get(f"{LIST}{ticket.pk}/change/").content.decode()
    assert "Kirim jawaban" not in page
    assert ticket.key not in page
    assert ticket.messages.count() == 0


@pytest.mark.parametrize("name", ["answer", "hand-over", "contact"])
def test_a_link_alone_does_nothing(as_rina: Client, complain: Complain, name: str) -> None:
    assert as_rina.get(door(complain(), name)).status_code == 405


def test_a_resellers_team_does_not_get_in(client: Client, complain: Complain, team: User) -> None:
    client.force_login(team)
    assert client.get(LIST).status_code == 302
    assert answer(client, complain()).status_code == 302
    assert Ticket.objects.get().messages.count() == 0


def test_a_ticket_is_handed_over_with_a_reason_and_answered_by_its_holder_only(
    as_rina: Client, complain: Complain, toko: Reseller
) -> None:
    ticket = complain()
    assert as_rina.post(door(ticket, "hand-over"), {"reseller": toko.pk, "note": ""}).status_code == 303
    assert custody.current(ticket).body == Body.ISSUER  # no reason, no hand-over
    as_rina.post(door(ticket, "hand-over"), {"reseller": toko.pk, "note": "Dibeli di sana."})
    assert (custody.current(ticket).reseller, custody.current(ticket).note) == (toko, "Dibeli di sana.")
    answer(as_rina, ticket)
    assert ticket.messages.count() == 0
    as_rina.post(door(ticket, "hand-over"), {"reseller": "", "note": "Kembali."})
    assert custody.current(ticket).body == Body.ISSUER


def test_the_list_masks_contacts_and_the_full_one_leaves_a_trace(as_rina: Client, complain: Complain) -> None:
    ticket = complain()
    for place in (LIST, f"{LIST}{ticket.pk}/change/"):
        page = as_rina.get(place).content.decode()
        assert "b***@contoh.example" in page
        assert "budi@contoh.example" not in page
    shown = as_rina.post(door(ticket, "contact")).content.decode()
    assert "budi@contoh.example" in shown
    assert LogEntry.objects.get().change_message == "contact shown"


def test_nothing_is_deleted_added_or_edited(as_rina: Client, complain: Complain, rina: User) -> None:
    rina.is_superuser = True
    rina.save(update_fields=["is_superuser"])
    ticket = complain()
    assert as_rina.get(f"{LIST}{ticket.pk}/delete/").status_code == 403
    assert as_rina.get(f"{LIST}add/").status_code == 403
    as_rina.post(LIST, {"action": "delete_selected", "_selected_action": [ticket.pk], "post": "yes"})
    as_rina.post(f"{LIST}{ticket.pk}/change/", {"text": "Diubah", "state": "closed"})
    ticket.refresh_from_db()
    assert (ticket.text, ticket.state) == ("Sudah bayar, belum ada.", Ticket.State.OPEN)


def test_a_ticket_is_found_by_its_number_its_order_and_a_serial(
    as_rina: Client, complain: Complain, budi_order: Order
) -> None:
    by_order = complain(order=budi_order)
    by_serial = complain(number=str(budi_order.lines.get().serial_id))
    complain()
    for asked, found in [
        (by_order.code, by_order),
        (budi_order.code, by_order),
        (by_serial.serial_id, by_serial),
    ]:
        assert list(as_rina.get(LIST, {"q": asked}).context["cl"].queryset) == [found]


@pytest.mark.parametrize(
    ("query", "count"), [({"holder": "reseller"}, 1), ({"holder": "issuer"}, 2), ({"late": "1"}, 3)]
)
def test_the_list_is_filtered_by_holder_and_by_broken_promises(
    as_rina: Client, complain: Complain, budi_order: Order, query: dict[str, str], count: int
) -> None:
    complain(order=budi_order)
    complain()
    complain()
    assert as_rina.get(LIST, query).context["cl"].queryset.count() == count


def test_the_list_takes_as_many_queries_for_many_tickets(
    as_rina: Client, complain: Complain, sold: Any, toko: Reseller, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        email = f"b{number}@contoh.example"
        complain(order=sold(reseller=toko, email=email), contact=Contact(email=email))
    with django_assert_max_num_queries(8):
        assert as_rina.get(LIST).status_code == 200


def test_the_admins_shortcut_gives_the_complainants_link_to_nobody(as_rina: Client, complain: Complain) -> None:
    ticket = complain()
    kind = ContentType.objects.get_for_model(Ticket)
    assert as_rina.get(f"/admin/r/{kind.pk}/{ticket.pk}/").status_code == 404
