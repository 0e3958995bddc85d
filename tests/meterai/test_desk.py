"""The desk: a button that asks why does nothing without a written reason, and leaves a row with it."""

import re
from datetime import datetime
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from meterai import desk, urls
from meterai.desk import Button, Refused, Steps
from meterai.models import Batch, Flip, Serial
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
pressed: list[str] = []


def _done(request: HttpRequest, batch: Batch, reason: str) -> str:
    pressed.append(reason)
    return "Sudah."


def _plain(request: HttpRequest, batch: Batch) -> str:
    pressed.append("plain")
    return "Sudah."


def _refused(request: HttpRequest, batch: Batch, reason: str) -> str:
    raise Refused("Tidak bisa.")


def _page(request: HttpRequest, batch: Batch, reason: str) -> HttpResponse:
    return HttpResponse("halaman")


class Desk(Steps):
    buttons = (
        Button("catat", "Catat", "meterai.change_batch", _done, asks_reason=True, hint="Ini yang terjadi."),
        Button("biasa", "Biasa", "meterai.change_batch", _plain),
        Button("tolak", "Tolak", "meterai.change_batch", _refused, asks_reason=True),
        Button("halaman", "Halaman", "meterai.change_batch", _page, asks_reason=True),
        Button("pindah", "Pindah", "meterai.change_batch", _done, asks_reason=True, leaves_row=True),
        Button("usang", "Usang", "meterai.change_batch", _done, asks_reason=True, is_shown=lambda row: False),
    )


class Site(admin.AdminSite):
    """A staff room with one list, beside the real one."""


site = Site()
site.register(Batch, Desk)
urlpatterns = [path("admin/", site.urls), *urls.urlpatterns]


@pytest.fixture(autouse=True)
def nothing_pressed() -> None:
    pressed.clear()


@pytest.fixture
def batch(db: None, now: datetime) -> Batch:
    return factories.stock(1, at=now)


def at_desk(*rights: str) -> Client:
    someone = factories.person("rani")
    someone.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(someone)
    return client


@pytest.fixture
def rani(batch: Batch) -> Client:
    return at_desk("view_batch", "change_batch")


def step(batch: Batch, name: str) -> str:
    return f"/admin/meterai/batch/{batch.pk}/langkah/{name}/"


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def acts() -> list[tuple[str, str, str, str]]:
    return [(one.actor, one.old, one.new, one.reason) for one in Flip.objects.filter(actor="rani")]


def test_the_button_leads_to_a_page_that_asks_why(rani: Client, batch: Batch) -> None:
    page = rani.get(f"/admin/meterai/batch/{batch.pk}/change/").content.decode()
    assert f'<a class="button" href="{step(batch, "catat")}">Catat</a>' in page
    assert f'<form method="post" action="{step(batch, "biasa")}">' in page
    assert step(batch, "usang") not in page
    asked = rani.get(step(batch, "catat"))
    assert asked.status_code == 200
    assert "Ini yang terjadi." in text(asked) and 'name="reason"' in asked.content.decode()
    assert "required" in asked.content.decode()
    assert not pressed and not acts()


@pytest.mark.parametrize("reason", ["", "   ", "ok", "x" * 161])
def test_nothing_is_done_without_a_reason_in_words(reason: str, rani: Client, batch: Batch) -> None:
    answer = rani.post(step(batch, "catat"), {"reason": reason})
    assert answer.status_code == 422 and "Belum dilakukan." in text(answer)
    assert not pressed and not acts() and not LogEntry.objects.exists()


def test_what_was_done_and_why_is_a_row_with_who_did_it(rani: Client, batch: Batch) -> None:
    answer = rani.post(step(batch, "catat"), {"reason": "  pembeli menelepon "}, follow=True)
    assert answer.redirect_chain == [(f"/admin/meterai/batch/{batch.pk}/change/", 303)] and "Sudah." in text(answer)
    assert pressed == ["pembeli menelepon"]
    assert acts() == [("rani", "active", "active", "catat: pembeli menelepon")]
    assert LogEntry.objects.get().change_message == "Catat: pembeli menelepon"


def test_an_attempt_that_is_refused_is_a_row_as_well(rani: Client, batch: Batch) -> None:
    assert "Tidak bisa." in text(rani.post(step(batch, "tolak"), {"reason": "dicoba saja"}, follow=True))
    assert acts() == [("rani", "active", "active", "tolak: dicoba saja")]
    assert not LogEntry.objects.exists()


def test_a_step_that_moves_the_row_leaves_its_own(rani: Client, batch: Batch) -> None:
    rani.post(step(batch, "pindah"), {"reason": "pembeli menelepon"})
    assert pressed == ["pembeli menelepon"] and not acts()


def test_a_step_may_answer_with_a_page(rani: Client, batch: Batch) -> None:
    answer = rani.post(step(batch, "halaman"), {"reason": "pembeli menelepon"})
    assert (answer.status_code, answer.content) == (200, b"halaman") and len(acts()) == 1


def test_a_button_without_a_question_is_pressed_as_before(rani: Client, batch: Batch) -> None:
    assert rani.get(step(batch, "biasa")).status_code == 404
    assert rani.post(step(batch, "biasa")).status_code == 303
    assert pressed == ["plain"] and not acts() and LogEntry.objects.get().change_message == "Biasa"


def test_the_page_says_when_the_step_no_longer_fits(rani: Client, batch: Batch) -> None:
    assert "tidak cocok dengan statusnya" in text(rani.get(step(batch, "usang")))


def test_who_lacks_the_right_is_neither_asked_nor_served(batch: Batch) -> None:
    reader = at_desk("view_batch")
    assert step(batch, "catat") not in reader.get(f"/admin/meterai/batch/{batch.pk}/change/").content.decode()
    assert reader.get(step(batch, "catat")).status_code == 403
    assert reader.post(step(batch, "catat"), {"reason": "pembeli menelepon"}).status_code == 403
    assert Client().post(step(batch, "catat"), {"reason": "pembeli menelepon"}).status_code == 302
    assert not pressed and not acts()


@pytest.mark.parametrize("row", ["0", "x", "999999999999999999999"])
def test_a_row_that_is_none_and_a_step_that_is_none_are_not_found(row: str, rani: Client, batch: Batch) -> None:
    assert rani.get(f"/admin/meterai/batch/{row}/langkah/catat/").status_code == 404
    assert rani.post(step(batch, "apa"), {"reason": "pembeli menelepon"}).status_code == 404


def test_an_act_on_a_row_without_states_is_noted_too(batch: Batch, now: datetime) -> None:
    serial = Serial.objects.get()
    desk.act(serial, who="rani", what="baca", why="x" * 300, at=now)
    flip = Flip.objects.get(noun="meterai.serial")
    assert (flip.old, flip.new, flip.reason) == ("", "", ("baca: " + "x" * 300)[:200])
