"""A document that failed through no fault of its own opens its ticket by itself, once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from orders import paying
from orders.models import Notice, Order
from stamping import placing, preparing, sealing
from stamping.models import Document
from support import opening, tasks
from support.models import Body, Ticket
from tests import factories

LETTER = (Path(__file__).resolve().parents[1] / "data" / "letter.pdf").read_bytes()


@pytest.fixture
def failed(order: Order, now: datetime) -> Callable[..., Document]:
    """Makes a document of Siti's order that failed: `failed("engine")`."""
    payment = order.payments.get()
    paying.settle(payment=payment, standing=factories.standing(payment, at=now), at=now)

    def make(failure: str) -> Document:
        document = preparing.take_up(name="surat siti.pdf", source=LETTER, at=now)
        placing.attach(document=document, order=order)
        placing.place(document=document, page=1, x=400, y=100, size=86, at=now)
        placing.confirm(document=document, at=now)
        sealing.give_back(document=document, failure=failure, at=now)
        return document

    return make


@pytest.mark.parametrize("failure", sorted(opening.REASONS))
def test_a_failure_of_ours_opens_a_ticket_with_the_reason_and_what_comes_next(
    failed: Callable[..., Document], failure: str, now: datetime
) -> None:
    document = failed(failure)
    assert opening.open_due(at=now) == 1
    ticket = Ticket.objects.get()
    assert ticket.category == Ticket.Category.AFFIXING_FAILED
    assert (ticket.order, ticket.serial_id, ticket.email) == (document.order, document.stamp_id, "siti@contoh.example")
    assert "surat siti.pdf" in ticket.text and str(document.stamp_id) in ticket.text
    assert "tetap milik Anda" in ticket.text and "Berkas ini tidak dapat diproses" not in ticket.text


def test_it_is_routed_with_clocks_and_told_like_any_other_complaint(
    failed: Callable[..., Document], now: datetime
) -> None:
    failed("engine")
    opening.open_due(at=now)
    ticket = Ticket.objects.get()
    held = ticket.custodies.get()
    assert (held.body, held.until_at) == (Body.ISSUER, None)
    assert ticket.answer_due_at > now
    assert ticket.decisions.get().body == Body.ISSUER
    assert Notice.objects.filter(event=f"{ticket.code}:received", address="siti@contoh.example").exists()


def test_a_document_opens_one_ticket_however_often_it_is_asked(failed: Callable[..., Document], now: datetime) -> None:
    documents = [failed("engine"), failed("missing")]
    assert opening.open_due(at=now) == 2
    assert opening.open_due(at=now) == 0 and tasks.open_failed() == 0
    assert [opening.ticket_of(one) is not None for one in documents] == [True, True]
    assert Ticket.objects.count() == 2


@pytest.mark.parametrize(
    "failure", ["no_such_page", "certified_no_changes", "unreadable", "fields_locked", "document_changed"]
)
def test_a_file_that_was_refused_for_what_it_is_gets_words_and_no_ticket(
    failed: Callable[..., Document], failure: str, now: datetime
) -> None:
    document = failed(failure)
    assert opening.open_due(at=now) == 0
    assert opening.ticket_of(document) is None


def test_it_is_written_in_the_buyers_language(failed: Callable[..., Document], now: datetime) -> None:
    document = failed("engine")
    Order.objects.filter(pk=document.order_id).update(language="en")
    opening.open_due(at=now)
    assert Ticket.objects.get().language == "en"


def test_what_the_buyer_erased_meanwhile_opens_nothing(failed: Callable[..., Document], now: datetime) -> None:
    document = failed("engine")
    Document.objects.filter(pk=document.pk).update(state=Document.State.ERASED)
    assert opening.open_due(at=now) == 0


def test_the_documents_page_leads_to_the_ticket_and_asks_for_no_second_one(
    client: Client, failed: Callable[..., Document], now: datetime
) -> None:
    document = failed("engine")
    before = client.get(document.get_absolute_url()).content.decode()
    assert "Ada masalah?" in before and "Ikuti aduan" not in before
    opening.open_due(at=now)
    ticket = Ticket.objects.get()
    after = client.get(document.get_absolute_url()).content.decode()
    assert ticket.code in after and ticket.tracking_url() in after and "Ada masalah?" not in after
    assert client.get(ticket.tracking_url()).status_code == 200


def test_the_scheduler_looks_every_ten_seconds() -> None:
    beats = {one["task"]: one["schedule"] for one in settings.CELERY_BEAT_SCHEDULE.values()}
    assert beats["support.tasks.open_failed"] == 10


@pytest.mark.django_db(transaction=True)
def test_two_workers_in_one_moment_open_one_ticket(
    transactional_db: None, failed: Callable[..., Document], now: datetime
) -> None:
    failed("engine")

    def open_due(_worker: int) -> int:
        try:
            return opening.open_due(at=now)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(open_due, range(4)))
    assert Ticket.objects.count() == 1
