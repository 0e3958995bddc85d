"""The proof of attempt: by the ticket alone, sealed, true, and seldom."""

from datetime import datetime, timedelta

import pypdfium2
import pytest
from django.test import Client

from orders import arranging, gatekeeping, queueing
from orders.models import Mark, Room
from stamping import attempt_pages, attempting, verifying
from tests.orders.rooms import call, public, room

__all__ = ["public"]

pytestmark = pytest.mark.usefixtures("stock", "public", "authority")


@pytest.fixture
def waiting(now: datetime) -> Room:
    return room(state=Room.State.QUEUEING, at=now)


@pytest.fixture
def ticket(waiting: Room, now: datetime) -> str:
    return queueing.join(slug="toko", at=now).ticket


def mark(waiting: Room, at: datetime) -> Mark:
    return Mark.objects.create(
        room=waiting, at=at, state=waiting.state, serving=0, called=0, given=1, waiting=4321, in_shop=9, ceiling=10,
        show_rate=0.5, why="steady",
    )  # fmt: skip


def written(pdf: bytes) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


def test_the_proof_says_when_the_number_was_taken_and_how_the_shop_was(
    waiting: Room, ticket: str, now: datetime
) -> None:
    mark(waiting, now - timedelta(seconds=3))
    arranging.close(room=waiting, by="penyelia", reason="a test", at=now + timedelta(minutes=1))
    told = attempting.attempt(slug="toko", ticket=ticket, at=now + timedelta(hours=1))
    assert (told.number, told.rank, told.state) == (1, 1, "closed")
    assert told.joined_at == now.replace(microsecond=0)
    assert [state for _at, state in told.changes] == ["queueing", "closed"]
    text = written(attempt_pages.draw(told))
    assert "4.321" in text and "ditutup" in text and "tidak ada" in text


def test_a_called_number_is_proved_with_the_time_of_its_call(waiting: Room, ticket: str, now: datetime) -> None:
    call(waiting, up_to=1)
    Mark.objects.create(
        room=waiting, at=now + timedelta(minutes=2), state=waiting.state, serving=1, called=1, given=1, waiting=0,
        in_shop=0, ceiling=10, show_rate=0.5, why="steady",
    )  # fmt: skip
    told = attempting.attempt(slug="toko", ticket=ticket, at=now + timedelta(minutes=5))
    assert told.called_at == now + timedelta(minutes=2)
    assert told.entered_at is None and not told.has_ordered


def test_the_proof_is_sealed_and_one_changed_letter_shows(waiting: Room, ticket: str, now: datetime) -> None:
    sealed = attempting.proof(slug="toko", ticket=ticket, at=now)
    (seal,) = verifying.verify_file(source=sealed, at=now).others
    assert seal.intact
    forged = sealed.replace(b"/Title", b"/Titel", 1)
    assert forged != sealed
    assert not all(one.intact for one in verifying.verify_file(source=forged, at=now).others)


def test_only_a_good_ticket_opens_the_door_and_only_once_a_minute(waiting: Room, ticket: str, client: Client) -> None:
    client.cookies[gatekeeping.ticket_cookie("toko")] = "a" * 39
    assert client.get("/antre/toko/bukti.pdf").status_code == 404
    client.cookies[gatekeeping.ticket_cookie("toko")] = ticket
    sent = client.get("/en/antre/toko/bukti.pdf")
    assert (sent.status_code, sent["Content-Type"]) == (200, "application/pdf")
    assert "no-store" in sent["Cache-Control"]
    assert client.get("/antre/toko/bukti.pdf").status_code == 429
