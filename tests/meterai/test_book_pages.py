"""The pages of the book of stock: quick at any length, and each row where one looks for it."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client, RequestFactory
from django.utils import timezone

from meterai import chaining, conserving
from meterai.admin import balance
from meterai.admin.book import FirstPages, MovementAdmin
from meterai.models import Batch, Block, Extent, Movement, Reseller
from tests import factories

pytestmark = pytest.mark.django_db
MOVEMENTS, BLOCKS = "/admin/meterai/movement/", "/admin/meterai/block/"


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(factories.person("admin", is_superuser=True))
    return client


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def found(boss: Client, address: str, **query: str) -> list[int]:
    answer: Any = boss.get(address, query)
    assert answer.status_code == 200
    return [row.pk for row in answer.context["cl"].result_list]


def balance_page(query: str = "") -> Any:
    """The view alone, as whoever may see batches gets it."""
    request = RequestFactory().get(f"/{query}")
    request.user = factories.person("admin", is_superuser=True)
    return balance.balance(request)


def write(batch: Batch, at: datetime, **changes: Any) -> int:
    row = {"batch": batch, "at": at, "source": "extents", "target": "reserved", "quantity": 1, "actor": "shop"}
    return int(Movement.objects.create(**(row | {"reference": "MT-1"} | changes)).pk)


# --- movements --------------------------------------------------------------------------------------------------------


def test_a_movement_is_found_by_its_whole_reference(boss: Client, stock: Batch, now: datetime) -> None:
    wanted = write(stock, now, reference="MT-7")
    write(stock, now, reference="MT-77")
    assert found(boss, MOVEMENTS, q="MT-7") == [wanted]
    assert found(boss, MOVEMENTS, q="MT") == []


def test_movements_of_a_day_are_found_by_its_date_in_jakarta(boss: Client, stock: Batch) -> None:
    first = write(stock, datetime.fromisoformat("2020-01-30T17:00:00+00:00"))
    last = write(stock, datetime.fromisoformat("2020-01-31T16:59:59+00:00"))
    write(stock, datetime.fromisoformat("2020-01-31T17:00:00+00:00"))
    assert found(boss, MOVEMENTS, q=" 2020-01-31 ") == [last, first]
    assert found(boss, MOVEMENTS, q="2020-13-31") == []


def test_the_last_days_are_a_filter(boss: Client, stock: Batch) -> None:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    today = write(stock, midnight)
    yesterday = write(stock, midnight - timedelta(seconds=1))
    old = write(stock, midnight - timedelta(days=30))
    shown = {period: set(found(boss, MOVEMENTS, waktu=period)) for period in ("hari", "minggu", "bulan")}
    assert {one: shown[one] & {today, yesterday, old} for one in shown} == {
        "hari": {today},
        "minggu": {today, yesterday},
        "bulan": {today, yesterday},
    }


@pytest.mark.django_db(transaction=True)
def test_each_movement_says_whether_the_chain_has_it(boss: Client, stock: Batch, now: datetime) -> None:
    chaining.close(at=now)
    write(stock, now)
    page = boss.get(MOVEMENTS).content.decode()
    assert (page.count("icon-yes"), page.count("icon-no")) == (2, 1)


def test_a_long_list_is_counted_only_as_far_as_one_would_leaf(
    boss: Client, stock: Batch, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FirstPages, "MOST", 3)
    for _ in range(4):
        write(stock, now)
    answer: Any = boss.get(MOVEMENTS)
    assert (answer.context["cl"].result_count, Movement.objects.count()) == (3, 6)


def test_no_address_has_the_book_sorted_another_way(boss: Client, stock: Batch, now: datetime) -> None:
    newest = write(stock, now + timedelta(days=1))
    for query in ({"o": "0"}, {"o": "-4"}, {"_facets": "True"}):
        page: Any = boss.get(MOVEMENTS, query)
        assert page.context["cl"].result_list[0].pk == newest
        assert not page.context["cl"].add_facets


def test_nothing_is_counted_or_sorted_whole(boss: Client, stock: Batch, now: datetime) -> None:
    for _ in range(MovementAdmin.list_per_page):
        write(stock, now)
    asked: list[str] = []

    def listen(do: Any, sql: str, *rest: Any) -> Any:
        asked.append(sql)
        return do(sql, *rest)

    with connection.execute_wrapper(listen):
        boss.get(MOVEMENTS)
    lists = [sql for sql in asked if 'FROM "meterai_movement"' in sql]
    assert lists and all("LIMIT" in sql for sql in lists)


# --- blocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_batch_is_read_block_by_block(boss: Client, now: datetime) -> None:
    stock, other = factories.stock(2, at=now), factories.draft(2, at=now)
    chaining.close(at=now)
    write(stock, now)
    chaining.close(at=now)
    assert found(boss, BLOCKS, q=stock.reference) == list(
        Block.objects.filter(batch=stock).order_by("-number").values_list("pk", flat=True)
    )
    block = Block.objects.get(batch=stock, number=1)
    page = boss.get(f"{BLOCKS}{block.pk}/change/").content.decode()
    assert block.digest in page and f"{MOVEMENTS}?blok={block.pk}" in page
    assert found(boss, MOVEMENTS, blok=str(block.pk)) == sorted(block.movements, reverse=True)
    assert found(boss, MOVEMENTS) != found(boss, MOVEMENTS, blok=str(block.pk))
    assert other.reference not in text(boss.get(MOVEMENTS, {"blok": str(block.pk)}))


def test_a_block_that_is_not_there_shows_all(boss: Client, stock: Batch) -> None:
    for nonsense in ("0", "x"):
        assert boss.get(MOVEMENTS, {"blok": nonsense}).status_code in (200, 302)


@pytest.mark.django_db(transaction=True)
def test_blocks_are_neither_added_nor_changed_nor_deleted_by_hand(boss: Client, stock: Batch, now: datetime) -> None:
    chaining.close(at=now)
    block = Block.objects.get()
    assert boss.get(f"{BLOCKS}add/").status_code == 403
    assert boss.post(f"{BLOCKS}{block.pk}/change/", {"number": 9}).status_code == 403
    assert boss.post(f"{BLOCKS}{block.pk}/delete/", {"post": "yes"}).status_code == 403


# --- the balance ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_balance_shows_holders_and_how_far_the_book_is_closed(
    stock: Batch, posfin: Reseller, now: datetime
) -> None:
    factories.lease(posfin, 12, at=now)
    chaining.close(at=now)
    write(stock, now)
    page = text(balance_page())
    assert "Cocok" in page
    assert re.search(rf"{stock.reference} 30 0 0 30 0 0 0 0 0 0 1 · [^·]+\b1 ", page), page
    assert "Toko resmi 18 0 0 18 0" in page and "Posfin 12 0 0 12 0" in page


def test_a_batch_of_the_official_shop_alone_is_one_row(stock: Batch) -> None:
    page = text(balance_page())
    assert f"{stock.reference} 30" in page and "Toko resmi" not in page


@pytest.mark.breaks_conservation
def test_what_is_lost_stands_first(now: datetime) -> None:
    first, second = factories.stock(2, at=now), factories.stock(2, at=now)
    Extent.objects.filter(batch=second, end=3).delete()
    page = text(balance_page())
    assert "1 nomor seri hilang atau berlebih" in page
    assert page.index(second.reference) < page.index(first.reference)


def test_many_batches_are_shown_page_by_page(gudang: Any, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balance, "BATCHES_A_PAGE", 2)
    names = [factories.draft(1, at=now, reference=f"G-{number}").reference for number in range(3)]
    assert [name in text(balance_page()) for name in names] == [True, True, False]
    assert [name in text(balance_page("?p=2")) for name in names] == [False, False, True]
    assert "Halaman 2 dari 2" in text(balance_page("?p=9"))


def test_a_count_that_takes_too_long_is_no_error_page(stock: Batch) -> None:
    with pytest.MonkeyPatch.context() as patch, transaction.atomic(), connection.cursor() as cursor:
        patch.setattr(conserving, "_HELD", "SELECT pg_sleep(9)")
        sid = transaction.savepoint()
        cursor.execute("SET LOCAL statement_timeout = '50ms'")
        page = text(balance_page())
        transaction.savepoint_rollback(sid)
    assert "Jalankan perintah conservation di server." in page
