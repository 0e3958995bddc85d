"""The stock on the staff room's first page."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from meterai import watching
from meterai.models import Batch, LowStock, Reseller, StockCheck
from meterai.templatetags.stock import ago, stock_watch
from tests import factories
from tests.meterai.test_forecasting import reserved, sold

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(factories.person("admin", is_superuser=True))
    return client


@pytest.fixture
def watched(stock: Batch, posfin: Reseller, now: datetime) -> Batch:
    """The shop holds 20, 3 of them reserved; Posfin is low with 6, and sold 4 in the last hour."""
    Reseller.objects.update(low_stock_threshold=8)
    factories.lease(posfin, 10, at=now)
    sold(4, at=now, of=posfin)
    reserved(3, at=now)
    watching.look(at=now)
    return stock


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_each_seller_is_shown_with_what_is_left_and_for_how_long(boss: Client, watched: Batch) -> None:
    page = text(boss.get("/admin/"))
    assert re.search(r"Toko resmi 17 3 0 tidak ada penjualan", page)
    assert re.search(r"Posfin menipis, ambang 8 6 0 4 kira-kira 90 menit sampai \d", page)
    assert "Cocok:" in page and re.search(r"Diperiksa \d+ detik yang lalu", page)


def test_a_difference_is_shouted(boss: Client, watched: Batch) -> None:
    StockCheck.objects.update(difference=3)
    page = text(boss.get("/admin/"))
    assert "Neraca tidak cocok: 3 nomor seri" in page and "Cocok:" not in page


def test_a_check_that_is_old_is_called_old(boss: Client, stock: Batch, now: datetime) -> None:
    watching.look(at=now - 4 * MINUTE)
    assert "Angka di bawah ini lama" not in text(boss.get("/admin/"))
    StockCheck.objects.update(at=now - 6 * MINUTE)
    assert "Angka di bawah ini lama: terakhir diperiksa 6 menit yang lalu" in text(boss.get("/admin/"))


def test_a_count_that_is_repeated_has_its_own_age(boss: Client, stock: Batch, now: datetime) -> None:
    watching.look(at=now - 10 * MINUTE)
    StockCheck.objects.update(seconds=300)
    watching.look(at=now)
    assert "Semua nomor seri dihitung 10 menit yang lalu." in text(boss.get("/admin/"))


def test_before_the_first_look_it_says_so(boss: Client, db: None) -> None:
    assert "belum pernah diperiksa" in text(boss.get("/admin/"))


def test_the_page_reads_one_row_for_it(watched: Batch) -> None:
    with CaptureQueriesContext(connection) as asked:
        shown = stock_watch()
    assert shown and len(shown["sellers"]) == 2 and len(asked) == 1


def test_staff_who_may_not_see_batches_see_no_stock(client: Client, watched: Batch) -> None:
    clerk = factories.person("petugas")
    client.force_login(clerk)
    assert "Posfin" not in text(client.get("/admin/"))
    clerk.user_permissions.add(Permission.objects.get(codename="view_batch"))
    assert "Posfin" in text(client.get("/admin/"))


@pytest.mark.parametrize(("model", "words"), [(StockCheck, "Posfin: 6 (kira-kira 90 menit)"), (LowStock, "Posfin")])
def test_what_was_seen_can_be_looked_up(model: Any, words: str, boss: Client, watched: Batch) -> None:
    name = f"admin:meterai_{model._meta.model_name}"
    assert boss.get(reverse(f"{name}_changelist")).status_code == 200
    row = model.objects.get()
    assert words in text(boss.get(reverse(f"{name}_change", args=[row.pk])))
    assert boss.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 detik yang lalu"),
        (119, "119 detik yang lalu"),
        (120, "2 menit yang lalu"),
        (7199, "119 menit yang lalu"),
        (7200, "2 jam yang lalu"),
        (172_800, "2 hari yang lalu"),
    ],
)
def test_an_age_is_said_in_the_largest_unit_of_which_there_are_two(seconds: int, words: str, now: datetime) -> None:
    assert ago(now - timedelta(seconds=seconds), now=now) == words
