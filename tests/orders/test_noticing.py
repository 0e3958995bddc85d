from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from orders import noticing
from orders.models import Notice, Order
from tests import factories

pytestmark = pytest.mark.django_db
TEMPLATES = ["ordered", "paid", "refund", "link"]


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_letter_carries_code_and_link_and_no_markup(template: str, order: Order, now: datetime) -> None:
    Notice.objects.all().delete()
    noticing.leave(event="e", template=template, order=order, at=now, reason="surplus")
    assert noticing.send_due(at=now) == 1
    letter = mail.outbox[0]
    assert letter.to == ["siti@contoh.example"]
    assert order.code in letter.subject and "\n" not in letter.subject
    assert f"/pesanan/{order.code}/{order.key}/" in letter.body
    assert "&" not in letter.body and "<" not in letter.body


def test_a_letter_goes_out_once(order: Order, now: datetime) -> None:
    assert noticing.send_due(at=now) == 1
    assert noticing.send_due(at=now + timedelta(hours=1)) == 0
    assert len(mail.outbox) == 1


def test_a_letter_that_could_not_be_sent_comes_again_later(order: Order, now: datetime, settings: Any) -> None:
    right = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    assert noticing.send_due(at=now) == 0
    settings.EMAIL_BACKEND = right
    assert noticing.send_due(at=now + timedelta(seconds=1)) == 0
    assert noticing.send_due(at=now + timedelta(minutes=5)) == 1


def test_without_an_address_nothing_is_left(stock: object, now: datetime) -> None:
    factories.order(at=now, email="", phone="+6281234567890")
    assert not Notice.objects.exists()


def test_an_english_order_gets_the_english_page(stock: object, now: datetime) -> None:
    order = factories.order(at=now, language="en")
    assert f"/en/pesanan/{order.code}/" in Notice.objects.get().context["link"]
