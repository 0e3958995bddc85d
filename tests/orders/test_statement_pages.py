"""Our bank account in the staff room: who may, what an upload answers, and what a person decides."""

import re
from datetime import datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from meterai.models import Batch
from orders import (
    matching,
    matching_admin,  # noqa: F401  # registers the pages
    paying,
)
from orders.models import BankEntry, BankStatement, Order
from tests import factories

pytestmark = pytest.mark.django_db

UPLOAD = "/admin/orders/bankstatement/add/"
LIST = "/admin/orders/bankentry/"
HEADING = "Tanggal;Keterangan;Jumlah;D/K"
ALL = ("view_bankstatement", "add_bankstatement", "view_bankentry", "match_bankentry")


@pytest.fixture(autouse=True)
def by_transfer(settings: Any) -> None:
    settings.GATEWAY_SETTINGS = {"transfer": {"bank": "BCA", "number": "1234567890", "holder": "PT Contoh"}}


@pytest.fixture
def order(stock: Batch, now: datetime) -> Order:
    order = factories.order(at=now, gateway="transfer", method="transfer")
    paying.start(payment=order.payments.get(), at=now)
    return order


def may(*codenames: str) -> Client:
    """A member of staff with just these rights."""
    person = factories.person("petugas")
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames, content_type__app_label="orders"))
    client = Client()
    client.force_login(person)
    return client


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def send(client: Client, *rows: str, heading: str = HEADING) -> Any:
    content = "\n".join([heading, *rows, ""]).encode()
    return client.post(UPLOAD, {"file": SimpleUploadedFile("mutasi.csv", content, "text/csv")})


def row(words: str, amount: str = "20.000,00") -> str:
    return f"{timezone.localdate():%d/%m/%Y};{words};{amount};K"


def entry(words: str = "SITI AMINAH") -> BankEntry:
    """A transfer that no rule could place."""
    send(may(*ALL), row(words))
    matching.match_due(at=timezone.now())
    return BankEntry.objects.get()


def page(entry: BankEntry, step: str = "change") -> str:
    return reverse(f"admin:orders_bankentry_{step}", args=[entry.pk])


def test_an_upload_is_read_and_its_page_tells_what_came_of_it(order: Order, now: datetime) -> None:
    client = may(*ALL)
    assert "BCA 1234567890" in text(client.get(UPLOAD))
    answer = send(client, row(order.code), row("SITI AMINAH", "35.000"), "kemarin;x;20.000;K")
    statement = BankStatement.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/admin/orders/bankstatement/{statement.pk}/change/")
    assert (statement.name, statement.uploaded_by.username) == ("mutasi.csv", "petugas")
    assert "masih dicocokkan" in text(client.get(answer["Location"]))
    matching.match_due(at=timezone.now())
    told = text(client.get(answer["Location"]))
    assert "cocok 1 Rp20.000" in told and "belum cocok 1 Rp35.000" in told
    assert "Baris yang tidak dimengerti: 1" in told and "4 Tanggalnya tidak terbaca." in told
    assert "masih dicocokkan" not in told
    listed = text(client.get("/admin/orders/bankstatement/"))
    assert "BCA 1234567890" in listed


def test_the_same_file_again_says_so_and_shows_what_it_was(order: Order) -> None:
    client = may(*ALL)
    send(client, row(order.code))
    answer = send(client, row(order.code))
    assert answer.status_code == 303
    assert "sudah pernah dibaca" in text(client.get(answer["Location"]))
    assert BankStatement.objects.count() == 1


@pytest.mark.parametrize(
    ("rows", "heading", "said"),
    [
        ([], "Nama,Alamat", "Judul kolomnya tidak dikenal"),
        ([], HEADING, "tidak berisi mutasi"),
        (["x;y;z;K"] * 501, HEADING, "Terlalu banyak baris"),
        (["x" * 5000], HEADING, "lebih panjang"),
        (['24/11/2026;"x;1;K'], HEADING, "Tanda kutip"),
    ],
)
def test_what_is_no_statement_is_refused_in_words(rows: list[str], heading: str, said: str) -> None:
    answer = send(may(*ALL), *rows, heading=heading)
    assert answer.status_code == 422
    assert said in text(answer) and "Tidak ada yang dibaca" in text(answer)
    assert not BankStatement.objects.exists()


def test_another_layout_for_the_same_days_is_refused_in_words(order: Order) -> None:
    client = may(*ALL)
    send(client, row(order.code))
    english = f"{timezone.localdate():%Y-%m-%d},x,20000.00,0,1"
    answer = send(client, english, heading="TGL_TRAN,DESK_TRAN,MUTASI_KREDIT,MUTASI_DEBET,SALDO")
    assert answer.status_code == 422 and "bentuk lain" in text(answer)


def test_an_upload_without_a_file_asks_for_one() -> None:
    assert may(*ALL).post(UPLOAD, {}).status_code == 422


def test_nobody_uploads_where_no_transfer_is_taken(settings: Any) -> None:
    settings.GATEWAY_SETTINGS = {}
    client = may(*ALL)
    assert client.get(UPLOAD).status_code == 403
    assert "Unggah mutasi" not in text(client.get("/admin/orders/bankstatement/"))


def test_a_transfer_is_matched_by_hand_with_a_reason(order: Order) -> None:
    waiting = entry()
    client = may(*ALL)
    shown = client.get(page(waiting))
    assert "SITI AMINAH" in text(shown) and order.code in text(shown), "an order that waits for this amount is offered"
    assert f"?kode={order.code}" in shown.content.decode()
    form = client.get(page(waiting, "match"), {"kode": order.code})
    assert f'value="{order.code}"' in form.content.decode()
    sent = {"code": order.code.lower().replace("-", " "), "reason": "nama dan jumlah cocok"}
    answer = client.post(page(waiting, "match"), sent)
    assert (answer.status_code, answer["Location"]) == (303, page(waiting))
    order.refresh_from_db()
    waiting.refresh_from_db()
    assert (order.state, waiting.state, waiting.reason) == ("paid", "matched", "nama dan jumlah cocok")
    told = text(client.get(page(waiting)))
    assert f"Dicocokkan dengan {order.code}" in told and "nama dan jumlah cocok" in told
    assert LogEntry.objects.filter(change_message__contains="matched to").exists()
    assert client.post(page(waiting, "match"), sent).status_code == 422, "what is decided is decided once"


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"code": "MT-0000-0000", "reason": "cocok sekali"}, "Tidak ada pesanan"),
        ({"code": "", "reason": "cocok sekali"}, "harus diisi"),
        ({"code": "{code}", "reason": ""}, "harus diisi"),
        ({"code": "{code}", "reason": "x"}, "paling sedikit 5 karakter"),
    ],
)
def test_a_match_without_an_order_or_a_reason_is_refused(order: Order, sent: dict[str, str], said: str) -> None:
    waiting = entry()
    filled = {name: value.format(code=order.code) for name, value in sent.items()}
    answer = may(*ALL).post(page(waiting, "match"), filled)
    waiting.refresh_from_db()
    assert (answer.status_code, waiting.state) == (422, "unmatched")
    assert said.lower() in text(answer).lower()


def test_an_order_that_was_not_to_be_transferred_is_refused_in_words(
    stock: Batch, settings: Any, now: datetime
) -> None:
    waiting = entry()
    sandbox = {"url": "http://127.0.0.1:9", "server_key": "key", "notify_secret": "whsec_bm90IGEgcmVhbCBzZWNyZXQ="}
    settings.GATEWAY_SETTINGS = settings.GATEWAY_SETTINGS | {"sandbox": sandbox}
    other = factories.order(at=now)
    answer = may(*ALL).post(page(waiting, "match"), {"code": other.code, "reason": "cocok sekali"})
    assert answer.status_code == 422 and "tidak memilih transfer" in text(answer)


def test_money_for_no_order_is_set_aside_with_a_reason(order: Order) -> None:
    waiting = entry("BUNGA TABUNGAN")
    client = may(*ALL)
    assert client.get(page(waiting, "aside")).status_code == 200
    assert client.post(page(waiting, "aside"), {"reason": ""}).status_code == 422
    assert client.post(page(waiting, "aside"), {"reason": "bunga bank"}).status_code == 303
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason, waiting.decided_by and waiting.decided_by.username) == (
        "aside",
        "bunga bank",
        "petugas",
    )
    assert client.post(page(waiting, "aside"), {"reason": "bunga bank"}).status_code == 422
    shown = text(client.get(page(waiting)))
    assert "Cocokkan dengan pesanan" in shown and "bukan untuk pesanan" in shown


def test_each_right_opens_just_its_own_door(order: Order) -> None:
    waiting = entry()
    looks = may("view_bankentry", "view_bankstatement")
    assert looks.get(LIST).status_code == 200 and looks.get(page(waiting)).status_code == 200
    assert "Cocokkan dengan pesanan" not in text(looks.get(page(waiting)))
    for step in ("match", "aside"):
        assert looks.get(page(waiting, step)).status_code == 403
        assert looks.post(page(waiting, step), {"code": order.code, "reason": "cocok sekali"}).status_code == 403
    assert looks.get(UPLOAD).status_code == 403
    decides = may("match_bankentry")
    assert decides.get(page(waiting)).status_code == 403 and decides.get(page(waiting, "match")).status_code == 403
    stranger = Client()
    assert stranger.get(page(waiting, "match")).status_code == 302
    assert may("view_bankentry", "add_bankstatement").get("/admin/orders/bankstatement/").status_code == 403
    waiting.refresh_from_db()
    assert waiting.state == "unmatched"


def test_a_list_names_no_stranger(order: Order) -> None:
    waiting = entry("TRANSFER DARI SITI AMINAH")
    client = may(*ALL)
    listed = text(client.get(LIST))
    assert "Rp20.000" in listed and "AMINAH" not in listed
    assert "Rp20.000" in text(client.get(LIST, {"q": "aminah"})), "but who has the words finds the transfer"
    assert "AMINAH" in text(client.get(page(waiting)))


def test_a_list_is_not_slower_with_more_rows(order: Order, django_assert_max_num_queries: Any) -> None:
    client = may(*ALL)
    send(client, *[row(f"lain {number}") for number in range(40)], row(order.code))
    matching.match_due(at=timezone.now())
    with django_assert_max_num_queries(12):
        client.get(LIST)
