"""Another e-mail address for an order: only once the new one has proved that it can be read."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from meterai.models import Flip
from orders import changing, finding, noticing, ordering
from orders.models import Allowance, Notice, Order
from tests import factories

pytestmark = pytest.mark.django_db
NEW = "siti.baru@contoh.example"


def asked(order: Order, email: str, at: datetime) -> dict[str, Any]:
    """Ask, and read the letter: what its link says."""
    changing.ask(order=order, email=email, at=at)
    notice = Notice.objects.filter(template="email_change").latest("id")
    found = re.search(r"/surel/([^/]+)/([^/]+)/([^/]+)/", notice.context["link"])
    assert found and notice.address == email
    return dict(zip(("code", "letter", "key"), found.groups(), strict=True))


def letters(at: datetime) -> list[tuple[str, str]]:
    mail.outbox.clear()
    noticing.send_due(at=at + timedelta(seconds=1))
    return [(letter.to[0], letter.body) for letter in mail.outbox]


def test_nothing_changes_before_the_new_address_agrees(order: Order, now: datetime) -> None:
    link = asked(order, NEW, now)
    assert changing.proved(**link, at=now)[1] == NEW
    order.refresh_from_db()
    assert order.email == "siti@contoh.example"


def test_agreeing_changes_it_tells_the_old_one_and_leaves_a_row_and_the_links_as_they_were(
    order: Order, now: datetime
) -> None:
    key = order.key
    letters(now)
    link = asked(order, NEW, now)
    changing.confirm(**link, at=now)
    order.refresh_from_db()
    assert (order.email, order.key) == (NEW, key)
    flip = Flip.objects.filter(noun="orders.order", row=str(order.pk)).latest("id")
    assert flip.reason == "e-mail changed by proof" and NEW not in flip.reason
    sent = dict(letters(now))
    assert "s***@contoh.example" in sent["siti@contoh.example"] and NEW not in sent["siti@contoh.example"]
    assert key in sent[NEW]


def test_a_link_works_once_even_after_the_address_was_changed_back(order: Order, now: datetime) -> None:
    there = asked(order, NEW, now)
    changing.confirm(**there, at=now)
    with pytest.raises(changing.Unproven):
        changing.confirm(**there, at=now)
    order.refresh_from_db()
    back = asked(order, "siti@contoh.example", now + timedelta(minutes=1))
    changing.confirm(**back, at=now + timedelta(minutes=2))
    with pytest.raises(changing.Unproven):
        changing.confirm(**there, at=now + timedelta(minutes=3))


def test_of_two_letters_the_first_agreed_to_ends_the_other(order: Order, now: datetime) -> None:
    one, two = asked(order, NEW, now), asked(order, "lain@contoh.example", now)
    changing.confirm(**two, at=now)
    with pytest.raises(changing.Unproven):
        changing.confirm(**one, at=now)


def test_a_link_ends_after_a_day(order: Order, now: datetime) -> None:
    link = asked(order, NEW, now)
    changing.proved(**link, at=now + timedelta(hours=23, minutes=59))
    with pytest.raises(changing.Unproven):
        changing.confirm(**link, at=now + timedelta(hours=24))


@pytest.mark.parametrize("part", ["code", "letter", "key"])
def test_a_link_that_was_tampered_with_proves_nothing(part: str, order: Order, now: datetime) -> None:
    other = factories.order(at=now, email="lain@contoh.example")
    link = asked(order, NEW, now)
    theirs = asked(other, NEW, now) | {"letter": "0123456789abcdef-1"}
    with pytest.raises(changing.Unproven):
        changing.confirm(**(link | {part: theirs[part]}), at=now)


def test_an_order_with_a_number_only_gains_an_address(stock: object, now: datetime) -> None:
    order = factories.order(at=now, email="", phone="+6281234567890")
    changing.confirm(**asked(order, NEW, now), at=now)
    order.refresh_from_db()
    assert (order.email, order.phone) == (NEW, "+6281234567890")
    assert [to for to, _body in letters(now)] == [NEW, NEW]  # the proof and the order's link; nobody else to tell
    assert finding.send_link(code=order.code, contact=finding.Contact(phone="+6281234567890"), at=now)


def test_the_same_address_again_is_no_change(order: Order, now: datetime) -> None:
    with pytest.raises(changing.SameAddress):
        changing.ask(order=order, email=order.email, at=now)


def test_pressing_twice_sends_one_letter(order: Order, now: datetime) -> None:
    at = now.replace(second=10)
    for second in (0, 1):
        changing.ask(order=order, email=NEW, at=at + timedelta(seconds=second))
    assert Notice.objects.filter(template="email_change").count() == 1


def test_the_stamps_count_for_the_person_of_the_new_address(stock: object, now: datetime, settings: Any) -> None:
    settings.MAX_STAMPS_PER_PERSON = 3
    factories.order(at=now, email=NEW)
    order = factories.order(at=now)
    link = asked(order, NEW, now)
    with pytest.raises(changing.allowing.LimitReached):
        changing.confirm(**link, at=now)
    order.refresh_from_db()
    assert order.email == "siti@contoh.example"
    assert sorted(Allowance.objects.values_list("taken", flat=True)) == [2, 2]
    changing.confirm(**asked(order, "lain@contoh.example", now), at=now)
    assert sorted(Allowance.objects.values_list("taken", flat=True)) == [0, 2, 2]
    with pytest.raises(ordering.allowing.LimitReached):
        factories.order(at=now, email="lain@contoh.example")


# --- its pages


def page(order: Order) -> str:
    return f"/pesanan/{order.code}/{order.key}/surel/"


def test_the_pages_lead_from_asking_to_the_changed_order(client: Client, order: Order) -> None:
    now = timezone.now()
    assert client.post(page(order), {"email": " Siti.Baru@Contoh.Example "}).status_code == 303
    [(to, body)] = [one for one in letters(now) if one[0] == NEW]
    link = re.search(r"http[^\s]+(/surel/\S+)", body)
    assert link and to == NEW and NEW not in link[1]
    assert NEW in client.get(link[1]).content.decode()
    order.refresh_from_db()
    assert order.email != NEW, "a mail scanner that opens the link has changed it"
    answer = client.post(link[1])
    assert (answer.status_code, answer["Location"]) == (303, order.get_absolute_url())
    assert client.post(link[1]).status_code == client.get(link[1]).status_code == 410


@pytest.mark.parametrize("typed", ["", "siti", "0812 3456 7890", "a@b@c", "x" * 300 + "@contoh.example", "a\x00@b.id"])
def test_what_is_no_address_is_said_beside_the_field(typed: str, client: Client, order: Order) -> None:
    answer = client.post(page(order), {"email": typed})
    assert answer.status_code == 422 and "Ada yang perlu diperbaiki" in answer.content.decode()
    assert not Notice.objects.filter(template="email_change").exists()


def test_the_page_wants_the_order_s_key_and_shows_the_address_masked(client: Client, order: Order) -> None:
    assert client.get(f"/pesanan/{order.code}/{'x' * 22}/surel/").status_code == 404
    shown = client.get(page(order)).content.decode()
    assert "s***@contoh.example" in shown and order.email not in shown


def test_five_letters_an_hour_leave_an_order_and_reach_a_mailbox(client: Client, stock: object, now: datetime) -> None:
    orders = [factories.order(at=now, email=f"siti{n}@contoh.example") for n in range(3)]
    for number in range(5):
        assert client.post(page(orders[0]), {"email": f"a{number}@contoh.example"}).status_code == 303
    assert client.post(page(orders[0]), {"email": "a9@contoh.example"}).status_code == 429
    for number in range(5):
        sent = client.post(page(orders[1 + number % 2]), {"email": NEW}, REMOTE_ADDR=f"10.0.0.{number}")
        assert sent.status_code == 303
    assert client.post(page(orders[2]), {"email": NEW.upper()}, REMOTE_ADDR="10.0.0.9").status_code == 429


def test_the_link_is_sent_again_from_the_order_s_page_a_few_times_an_hour(client: Client, order: Order) -> None:
    Notice.objects.all().delete()
    again = f"/pesanan/{order.code}/{order.key}/kirim-tautan/"
    assert [client.post(again).status_code for _ in range(6)] == [303] * 5 + [429]
    assert Notice.objects.filter(template="link", address=order.email).count() in (1, 2)  # one a minute
    assert client.get(again).status_code == 405
