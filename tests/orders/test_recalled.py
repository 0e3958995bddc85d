"""Who bought what was recalled: every sold serial with its buyer, masked; in full only for who may, with a trace."""

import csv
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from meterai import recalling, states, taking
from meterai.models import Batch, Recall, Reseller, Serial, Stamp
from orders import paying, recalled, reserving
from orders.models import Order
from tests import factories

pytestmark = pytest.mark.django_db

Buy = Callable[..., Order]


@pytest.fixture
def buy(now: datetime) -> Buy:
    def bought(quantity: int = 1, **wish: Any) -> Order:
        order = factories.order(at=now, quantity=quantity, **wish)
        payment = factories.asked_for(order, at=now)
        paying.settle(payment=payment, standing=factories.standing(payment, at=now), at=now)
        order.refresh_from_db()
        return order

    return bought


def recall(batch: Batch, now: datetime, first: int = 1, last: int | None = None) -> Recall:
    by = factories.person("penyelia")
    return recalling.recall(batch=batch, first=first, last=last, reason="misprint", by=by, at=now)


def may(name: str, *codenames: str) -> Client:
    """A member of staff with just these rights."""
    person = factories.person(name)
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(person)
    return client


def ordinal(order: Order) -> list[int]:
    return list(Serial.objects.filter(code__in=reserving.held_serials(order)).values_list("ordinal", flat=True))


def page_of(recall: Recall) -> str:
    return reverse("admin:orders_recalledstock_change", args=[recall.pk])


def download_of(recall: Recall) -> str:
    return reverse("admin:orders_recalledstock_download", args=[recall.pk])


def test_every_sold_serial_is_listed_with_its_buyer(stock: Batch, posfin: Reseller, buy: Buy, now: datetime) -> None:
    factories.lease(posfin, 5, at=now)
    mine, theirs = buy(2), buy(1, reseller_code="posfin", email="", phone="+6281234567890")
    factories.order(at=now)  # waits for its money: void, and no buyer
    rows = list(recalled.buyers(recall(stock, now)))
    assert [row.ordinal for row in rows] == sorted([*ordinal(mine), *ordinal(theirs)])
    assert {(row.serial, row.order_code, row.seller, row.contact) for row in rows} == {
        *((serial, mine.code, "Toko resmi", "s***@contoh.example") for serial in reserving.held_serials(mine)),
        *((serial, theirs.code, "Posfin", "+6281…90") for serial in reserving.held_serials(theirs)),
    }
    assert {row.sold_at for row in rows} == {mine.paid_at, theirs.paid_at} and {row.state for row in rows} == {"sold"}


def test_only_the_recalled_range_is_listed(stock: Batch, buy: Buy, now: datetime) -> None:
    factories.stock(10, at=now)
    buy(40)
    rows = list(recalled.buyers(recall(stock, now, 5, 14)))
    assert [row.ordinal for row in rows] == list(range(5, 15))


def test_the_list_is_as_long_as_the_recall_says_whatever_becomes_of_the_stamps(
    stock: Batch, buy: Buy, now: datetime
) -> None:
    held = reserving.held_serials(buy(6))
    taking.refund(serials=held[:1], at=now, reference="r", reason="wish")
    made = recall(stock, now)
    later = now + timedelta(minutes=1)
    taking.affix(serial=held[1], at=later, reference="d")
    taking.refund(serials=held[2:3], at=later, reference="r", reason="recalled")
    states.move(Stamp.objects.get(pk=held[3]), to="void", at=later, void_reason="recalled", changed_at=later)
    rows = list(recalled.buyers(made))
    assert len(rows) == made.sold == 5
    assert {row.serial for row in rows} == set(held[1:])
    assert sorted(row.state for row in rows) == ["affixed", "refunded", "sold", "sold", "void"]


def test_a_sold_serial_without_an_order_is_listed_too(stock: Batch, now: datetime) -> None:
    [serial] = taking.take(quantity=1, reseller=None, until=now, at=now, reference="x")
    taking.sell(serials=[serial], at=now, reference="x")
    [row] = recalled.buyers(recall(stock, now))
    assert (row.serial, row.order_code, row.sold_at, row.contact) == (serial, "", None, "")


def test_a_list_of_any_length_takes_a_statement_a_chunk(now: datetime, buy: Buy) -> None:
    batch = factories.stock(1_280, at=now)  # extents of ten
    orders = [buy(7) for _ in range(6)]
    made = recall(batch, now)
    wanted = sorted(number for order in orders for number in ordinal(order))
    assert [row.ordinal for row in recalled.buyers(made, chunk=4)] == wanted
    assert [row.ordinal for row in recalled.buyers(made, after=wanted[9], chunk=4)] == wanted[10:]
    with CaptureQueriesContext(connection) as queries:
        assert len(list(recalled.buyers(made))) == 42
    assert len(queries) <= 1 + 7  # what was never taken, and then a statement for each of the few gaps


def test_the_page_masks_and_turns(stock: Batch, buy: Buy, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orders.recall_admin.ROWS", 3)
    order = buy(7)
    made = recall(stock, now)
    client = may("petugas", "view_recalledstock")
    seen: list[str] = []
    address = page_of(made)
    while address:
        answer: Any = client.get(address)
        text = answer.content.decode()
        assert answer.status_code == 200 and "siti@contoh.example" not in text
        assert "Unduh dengan kontak lengkap" not in text
        seen += [sale.serial for sale in answer.context["sales"]]
        following = answer.context["following"]
        address = f"{page_of(made)}?sesudah={following}" if following else ""
    assert sorted(seen) == sorted(reserving.held_serials(order)) and len(seen) == 7
    assert client.get(f"{page_of(made)}?sesudah=buruk").status_code == 200


def test_the_page_of_a_recall_asks_no_query_a_row(stock: Batch, buy: Buy, now: datetime) -> None:
    client = may("petugas", "view_recalledstock")
    buy(3)
    few = recall(stock, now)
    batch = factories.stock(30, at=now)
    for _ in range(10):
        buy(3)
    many = recall(batch, now)
    counts = []
    for made in (few, many):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(page_of(made)).status_code == 200
        counts.append(len(queries))
    assert counts[1] <= counts[0] + 1


def read(answer: Any) -> list[list[str]]:
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


def test_contacts_in_full_are_a_file_that_leaves_a_trace(stock: Batch, buy: Buy, now: datetime) -> None:
    order = buy(2)
    made = recall(stock, now)
    boss = may("kepala", "view_recalledstock", "unmask_buyers")
    assert "Unduh dengan kontak lengkap" in boss.get(page_of(made)).content.decode()
    answer = boss.post(download_of(made))
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert "no-store" in answer["Cache-Control"] and "attachment" in answer["Content-Disposition"]
    heading, *rows = read(answer)
    assert heading[0] == "nomor seri" and len(rows) == 2
    assert {row[0] for row in rows} == set(reserving.held_serials(order))
    assert {tuple(row[i] for i in (1, 2, 4, 5, 6)) for row in rows} == {
        ("terjual, belum dipakai", order.code, "Toko resmi", "siti@contoh.example", "")
    }
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_id) == ("kepala", str(made.pk)) and "Kontak" in entry.change_message


@pytest.mark.parametrize("rights", [(), ("unmask_buyers",), ("view_recalledstock",), ("view_recall", "view_order")])
def test_contacts_in_full_need_a_right_of_their_own(
    rights: tuple[str, ...], stock: Batch, buy: Buy, now: datetime
) -> None:
    buy(1)
    made = recall(stock, now)
    client = may("petugas", *rights)
    assert client.post(download_of(made)).status_code == 403
    assert client.get(page_of(made)).status_code == (200 if "view_recalledstock" in rights else 403)
    assert not LogEntry.objects.exists()


def test_looking_is_not_taking(stock: Batch, now: datetime) -> None:
    boss = may("kepala", "view_recalledstock", "unmask_buyers")
    made = recall(stock, now)
    assert boss.get(download_of(made)).status_code == 405
    assert boss.post(reverse("admin:orders_recalledstock_download", args=[made.pk + 1])).status_code == 404
    assert "Tidak ada yang terjual" in boss.get(page_of(made)).content.decode()


def test_no_cell_of_the_file_is_a_formula(stock: Batch, buy: Buy, now: datetime) -> None:
    Reseller.objects.create(code="jahat", name="=HYPERLINK(1)", contact_email="x@jahat.example")
    factories.lease(Reseller.objects.get(), 2, at=now)
    buy(1, reseller_code="jahat", email="", phone="+6281234567890")
    *_, line = recalled.lines(recalled.buyers(recall(stock, now)), unmask=True)
    [cells] = csv.reader([line])
    assert cells[4:] == ["'=HYPERLINK(1)", "", "'+6281234567890"]
    Order.objects.update(email="-1+1@contoh.example")
    *_, line = recalled.lines(recalled.buyers(Recall.objects.get()), unmask=True)
    assert next(csv.reader([line]))[5] == "'-1+1@contoh.example"


def test_the_command_masks_unless_someone_who_may_answers_for_it(stock: Batch, buy: Buy, now: datetime) -> None:
    buy(1)
    number = str(recall(stock, now).pk)

    def run(*more: str) -> str:
        out = io.StringIO()
        call_command("recalled_buyers", number, *more, stdout=out)
        return out.getvalue()

    assert "s***@contoh.example" in run() and "siti@" not in run()
    factories.person("petugas")
    for by in ("", "nobody", "petugas"):
        with pytest.raises(CommandError, match="active user who may see"):
            run("--unmask", "--by", by)
    assert not LogEntry.objects.exists()
    may("kepala", "unmask_buyers")
    assert "siti@contoh.example" in run("--unmask", "--by", "kepala")
    assert LogEntry.objects.get().user.username == "kepala"
    with pytest.raises(CommandError, match="no recall"):
        call_command("recalled_buyers", "0")
