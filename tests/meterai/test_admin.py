"""The staff room: everything is read, only steps change, and a list shows no full contact."""

import re
from datetime import datetime
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from meterai.models import Batch, Flip, Reseller, Serial, User
from orders import paying
from orders.models import Notice, Order, Payment
from tests import factories
from tests.contracts.conftest import Server

pytestmark = pytest.mark.django_db
OURS = [
    model
    for app in ("meterai", "orders")
    for model in apps.get_app_config(app).get_models()
    if admin.site.is_registered(model)
]
IMPORT = "/admin/meterai/batch/impor/"


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(factories.person("admin", is_superuser=True))
    return client


def at_the_desk_of(name: str) -> Client:
    """Somebody of the demo staff, with the rights of their group."""
    client = Client()
    client.force_login(User.objects.get(username=name))
    return client


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_every_list_and_every_row_opens_without_inline_script(
    model: Any, boss: Client, order: Order, posfin: Reseller
) -> None:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    pages = [boss.get(reverse(f"{name}_changelist"))]
    if row := model.objects.first():
        pages.append(boss.get(reverse(f"{name}_change", args=[row.pk])))
    for page in pages:
        assert page.status_code == 200
        assert not re.search(
            r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>|\son\w+=|\sstyle=\"",
            page.content.decode(),
        )


@pytest.mark.parametrize("model", [Batch, Serial, Flip, Order, Payment, Notice], ids=lambda model: model.__name__)
def test_rows_are_neither_added_nor_changed_nor_deleted_by_hand(model: Any, boss: Client, order: Order) -> None:
    name, row = f"admin:{model._meta.app_label}_{model._meta.model_name}", model.objects.first()
    assert boss.get(reverse(f"{name}_add")).status_code == 403
    assert boss.post(reverse(f"{name}_change", args=[row.pk]), {"state": "x"}).status_code == 403
    assert boss.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403


def upload(codes: list[str], **more: Any) -> dict[str, Any]:
    content = factories.delivery(codes).read()
    return {"file": SimpleUploadedFile("gelombang.csv", content, "text/csv"), "reference": "K-9"} | more


def test_a_delivery_is_imported_and_activated_by_two_people(db: None) -> None:
    call_command("seed_demo")
    gudang, penyelia = at_the_desk_of("gudang"), at_the_desk_of("penyelia")
    answer = gudang.post(IMPORT, upload(factories.serials(3), expected_count="3"))
    batch = Batch.objects.get(reference="K-9")
    page = reverse("admin:meterai_batch_change", args=[batch.pk])
    assert (answer.status_code, answer["Location"]) == (303, page)
    press = reverse("admin:meterai_batch_step", args=[batch.pk, "aktifkan"])
    assert press in gudang.get(page).content.decode()
    assert "tidak boleh mengaktifkan" in text(gudang.post(press, follow=True))
    assert "sekarang dijual" in text(penyelia.post(press, follow=True))
    batch.refresh_from_db()
    assert (batch.state, batch.imported_by.username, batch.activated_by and batch.activated_by.username) == (
        "active",
        "gudang",
        "penyelia",
    )
    assert press not in penyelia.get(page).content.decode()
    assert "tidak menunggu" in text(penyelia.post(press, follow=True))


def test_refused_lines_are_shown_with_number_and_reason(boss: Client) -> None:
    code = factories.serials(1)[0]
    answer = boss.post(IMPORT, upload([code, "kurang", code]))
    assert answer.status_code == 422 and "3 bukan 22 huruf besar atau angka" in text(answer)
    assert "4 sudah ada di baris sebelumnya" in text(answer) and not Batch.objects.exists()


@pytest.mark.parametrize(
    "more",
    [{"expected_count": "2"}, {"expected_sha256": "0" * 64}, {"expected_sha256": "x"}, {"reference": ""}],
)
def test_an_import_that_is_not_as_announced_changes_nothing(more: dict[str, str], boss: Client) -> None:
    assert boss.post(IMPORT, upload(factories.serials(1), **more)).status_code == 422
    assert not Batch.objects.exists()


def test_who_may_not_import_does_not_see_the_page(db: None) -> None:
    call_command("seed_demo")
    petugas = at_the_desk_of("petugas")
    assert petugas.get(IMPORT).status_code == 403
    batch = Batch.objects.get()
    assert petugas.post(reverse("admin:meterai_batch_step", args=[batch.pk, "aktifkan"])).status_code == 403


def test_a_reseller_team_and_a_stranger_are_kept_out(client: Client, posfin: Reseller) -> None:
    client.force_login(factories.person("tim", is_staff=False, reseller=posfin))
    assert client.get("/admin/").status_code == 302
    assert Client().get("/admin/meterai/batch/neraca/").status_code == 302


def test_the_balance_page_says_that_all_is_well(boss: Client, order: Order) -> None:
    page = text(boss.get("/admin/meterai/batch/neraca/"))
    assert "Cocok" in page


@pytest.mark.breaks_conservation
def test_the_balance_page_shouts_when_a_serial_is_lost(boss: Client, stock: Batch) -> None:
    with connection.cursor() as cursor:
        cursor.execute('UPDATE meterai_extent SET "end" = "end" - 1 WHERE next < "end"')
    assert "30 nomor seri hilang atau berlebih" in text(boss.get("/admin/meterai/batch/neraca/"))


def test_lists_mask_the_contact_and_the_orders_own_page_shows_it(boss: Client, order: Order) -> None:
    listed = boss.get("/admin/orders/order/").content.decode()
    assert "siti@contoh.example" not in listed and "s***@contoh.example" in listed
    assert "siti@contoh.example" not in boss.get("/admin/orders/notice/").content.decode()
    assert "siti@contoh.example" in boss.get(f"/admin/orders/order/{order.pk}/change/").content.decode()


def test_no_page_shows_a_secret_link(boss: Client, order: Order) -> None:
    notice = Notice.objects.get()
    for page in ("order/", f"order/{order.pk}/change/", "notice/", f"notice/{notice.pk}/change/"):
        assert order.key not in boss.get(f"/admin/orders/{page}").content.decode()


def test_one_search_box_finds_an_order_by_anything(boss: Client, order: Order, now: datetime) -> None:
    factories.order(at=now, email="", phone="+6281234567890")
    payment = factories.asked_for(order, at=now)
    serial = order.lines.first()
    assert serial
    named = [
        order.code,
        order.code.lower().replace("-", ""),
        " SITI@contoh.example",
        serial.serial_id,
        payment.gateway_reference,
        str(payment.pk),
    ]
    for typed in named:
        assert _found(boss, typed) == [order.pk], typed
    assert _found(boss, "0812-3456-7890") != [order.pk] and len(_found(boss, "0812-3456-7890")) == 1
    for nothing in ("siti", "x", "MT-0000-0000", "' OR 1=1"):
        assert _found(boss, nothing) == []


def test_asking_the_gateway_is_a_button_and_leaves_a_trace(
    gateway: Server, boss: Client, order: Order, now: datetime
) -> None:
    payment = order.payments.get()
    paying.start(payment=payment, at=now)
    gateway.act(payment.gateway_reference, "pay")
    press = reverse("admin:orders_payment_step", args=[payment.pk, "cek"])
    assert boss.get(press).status_code == 404
    assert "Status pesanan: dibayar" in text(boss.post(press, follow=True))
    assert LogEntry.objects.count() == 1


def test_a_link_is_sent_again_and_old_links_are_revoked(boss: Client, order: Order) -> None:
    old = order.key
    boss.post(reverse("admin:orders_order_step", args=[order.pk, "kirim-tautan"]))
    boss.post(reverse("admin:orders_order_step", args=[order.pk, "cabut-tautan"]))
    order.refresh_from_db()
    assert order.key != old and Notice.objects.filter(template="link").count() == 2
    assert boss.post(f"/pesanan/{order.code}/{old}/cek/").status_code == 404


def _found(boss: Client, typed: str) -> list[int]:
    answer: Any = boss.get("/admin/orders/order/", {"q": typed})
    assert answer.status_code == 200
    return [row.pk for row in answer.context["cl"].result_list]
