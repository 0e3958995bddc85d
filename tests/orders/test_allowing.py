"""A limit a person: counted while stamps are held or bought, refused by the database."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from meterai.models import Batch
from orders import allowing, reserving
from orders.models import Allowance, Order
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def limit(settings: Any, stock: Batch) -> None:
    """Three stamps a person and day."""
    settings.MAX_STAMPS_PER_PERSON = 3


def test_a_person_gets_so_many_and_not_one_more(now: datetime) -> None:
    factories.order(at=now)
    with pytest.raises(allowing.LimitReached):
        factories.order(at=now)
    factories.order(at=now, quantity=1)
    assert Order.objects.count() == 2
    assert Allowance.objects.get().taken == 3


def test_a_tag_in_the_address_makes_no_other_person(now: datetime) -> None:
    factories.order(at=now)
    with pytest.raises(allowing.LimitReached):
        factories.order(at=now, email="siti+dua@contoh.example")


def test_another_person_has_an_allowance_of_their_own(now: datetime) -> None:
    factories.order(at=now)
    factories.order(at=now, email="", phone="+6281234567890")
    assert Allowance.objects.count() == 2


def test_an_order_that_lapsed_or_was_cancelled_counts_no_longer(now: datetime) -> None:
    first = factories.order(at=now, quantity=1)
    reserving.lapse(order=first, to="cancelled", at=now, reason="the buyer's wish", actor="buyer")
    factories.order(at=now)
    reserving.release_expired(at=now + timedelta(hours=1))
    assert Allowance.objects.get().taken == 0
    factories.order(at=now, quantity=3)


def test_the_next_period_begins_anew(now: datetime, settings: Any) -> None:
    settings.PERSON_LIMIT_DAYS = 7
    factories.order(at=now, quantity=3)
    factories.order(at=now + timedelta(days=7), quantity=3)
    assert Allowance.objects.count() == 2


def test_periods_are_counted_from_the_first_of_january_2024(now: datetime, settings: Any) -> None:
    settings.PERSON_LIMIT_DAYS = 7
    assert allowing.first_day(datetime.fromisoformat("2024-01-07T23:59:00+07:00")) == date(2024, 1, 1)
    assert allowing.first_day(datetime.fromisoformat("2024-01-08T00:00:00+07:00")) == date(2024, 1, 8)


def test_without_a_limit_nothing_is_counted(now: datetime, settings: Any) -> None:
    settings.MAX_STAMPS_PER_PERSON = 0
    factories.order(at=now, quantity=9)
    assert not Allowance.objects.exists()


def test_the_page_says_it_in_words_and_orders_nothing(client: Any, now: datetime) -> None:
    factories.order(at=now)
    form = {
        "quantity": "2",
        "contact": "siti@contoh.example",
        "method": "sandbox:qris",
        "token": "6f1c3a38-29a4-4b2c-93fb-1f0b8f2b7a10",
    }
    answer = client.post("/beli/", form)
    assert answer.status_code == 409
    assert "paling banyak 3 meterai" in answer.content.decode()
    assert Order.objects.count() == 1


def test_the_database_itself_refuses_one_too_many(now: datetime) -> None:
    factories.order(at=now)
    with pytest.raises(IntegrityError, match="allowance_not_exceeded"), transaction.atomic():
        Allowance.objects.update(taken=4)
    row = Allowance.objects.get()
    with pytest.raises(IntegrityError, match="allowance_one_a_period"), transaction.atomic():
        Allowance.objects.create(person=row.person, first_day=row.first_day, most=1)
