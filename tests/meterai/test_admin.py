"""The staff room: everything is read, only steps change, and a list shows no full contact."""

import hashlib
import io
import json
import re
import zipfile
from datetime import datetime, timedelta
from typing import Any

import pytest
from celery import current_app
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from meterai import importing, receiving
from meterai.delivery_file import Announcement
from meterai.models import Batch, Delivery, Flip, Reseller, Serial, User
from orders.models import Notice, Order, Payment
from tests import factories

pytestmark = pytest.mark.django_db
OURS = [
    model
    for app in ("meterai", "orders")
    for model in apps.get_app_config(app).get_models()
    if admin.site.is_registered(model)
]
IMPORT = "/admin/meterai/delivery/add/"


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
    """What gudang fills in for these serials; None leaves a field empty."""
    content = factories.delivery(codes).read()
    sent = {
        "file": SimpleUploadedFile("gelombang.csv", content, "text/csv"),
        "reference": "K-9",
        "expected_count": str(len(codes)),
        "expected_sha256": hashlib.sha256(content).hexdigest().upper(),
    }
    return {name: value for name, value in (sent | more).items() if value is not None}


def may(name: str, *codenames: str) -> Client:
    """A member of staff with just these rights on stock."""
    person = factories.person(name)
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(person)
    return client


def test_a_delivery_is_uploaded_watched_and_activated_by_two_people(db: None, now: datetime) -> None:
    gudang = may("gudang", "add_delivery", "view_delivery", "view_batch", "change_batch")
    penyelia = may("penyelia", "view_batch", "change_batch")
    answer = gudang.post(IMPORT, upload(factories.serials(3)))
    delivery = Delivery.objects.get()
    page = reverse("admin:meterai_delivery_change", args=[delivery.pk])
    assert (answer.status_code, answer["Location"]) == (303, page)
    waiting = gudang.get(page)
    assert "Menunggu pekerja." in text(waiting) and "0 %" in text(waiting)
    # Without script the page comes again by itself; with it only the part that changes.
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in waiting.content.decode()
    assert f'data-poll="{page}"' in waiting.content.decode()
    assert importing.run_due(at=timezone.now()) == 1
    batch = Batch.objects.get()
    done = gudang.get(page)
    batch_page = reverse("admin:meterai_batch_change", args=[batch.pk])
    assert "Diimpor: 3 nomor seri." in text(done) and f'href="{batch_page}"' in done.content.decode()
    assert "http-equiv" not in done.content.decode() and "data-poll=" not in done.content.decode()
    press = reverse("admin:meterai_batch_step", args=[batch.pk, "aktifkan"])
    assert press in gudang.get(batch_page).content.decode()
    assert "tidak boleh mengaktifkan" in text(gudang.post(press, follow=True))
    assert "sekarang dijual" in text(penyelia.post(press, follow=True))
    batch.refresh_from_db()
    assert (batch.state, batch.imported_by.username, batch.activated_by and batch.activated_by.username) == (
        "active",
        "gudang",
        "penyelia",
    )
    assert press not in penyelia.get(batch_page).content.decode()
    assert "tidak menunggu" in text(penyelia.post(press, follow=True))


def test_the_progress_lives_in_the_row_and_so_through_a_reload(boss: Client) -> None:
    boss.post(IMPORT, upload(factories.serials(3)))
    page, listed = (
        reverse("admin:meterai_delivery_change", args=[Delivery.objects.get().pk]),
        "/admin/meterai/delivery/",
    )
    held = {"claimed_until": timezone.now() + timedelta(minutes=1), "bytes_total": 1000}
    for counters, words, share in [
        ({"bytes_read": 500, "lines_staged": 20}, "Membaca berkas: 20 nomor seri.", 10),
        ({"bytes_read": 1000, "lines_staged": 4000, "serials_kept": 2000}, "Menyimpan: 2.000 dari 4.000", 60),
        ({"bytes_read": 1000, "lines_staged": 4000, "serials_kept": 4000}, "Menyimpan: 4.000 dari 4.000", 99),
    ]:
        Delivery.objects.update(**held, **counters)
        for _ in range(2):
            shown = boss.get(page)
            assert words in text(shown) and f'max="100" value="{share}"' in shown.content.decode()
            assert f"{share} %" in text(boss.get(listed))


def test_an_import_by_command_that_was_interrupted_says_how_to_go_on(boss: Client, gudang: User, now: datetime) -> None:
    announced = Announcement(count=1, sha256="0" * 64, reference="K-9")
    delivery = receiving.begin(announced=announced, size=1, by=gudang, at=now - timedelta(hours=1))
    assert delivery
    page = reverse("admin:meterai_delivery_change", args=[delivery.pk])
    assert "Terhenti. Jalankan lagi perintah import_batch yang sama" in text(boss.get(page))


def test_a_refused_delivery_shows_why_with_the_first_lines_and_a_report_of_all(boss: Client) -> None:
    code = factories.serials(1)[0]
    boss.post(IMPORT, upload([code, "=kurang", code, *["<b>"] * 150]))
    importing.run_due(at=timezone.now())
    delivery = Delivery.objects.get()
    shown = boss.get(reverse("admin:meterai_delivery_change", args=[delivery.pk]))
    assert "Tidak ada yang diimpor. Ada baris yang tidak dapat diterima." in text(shown)
    assert "Baris yang ditolak: 152" in text(shown) and "100 baris pertama" in text(shown)
    assert "3 &#x27;=kurang bukan 22 huruf besar atau angka" in text(shown)
    assert "4 " + code + " sudah ada di baris 2" in text(shown)
    assert "&lt;b&gt;" in shown.content.decode() and shown.content.decode().count("&lt;b&gt;") == 98
    assert "Ada baris yang tidak dapat diterima." in text(boss.get("/admin/meterai/delivery/"))
    report = reverse("admin:meterai_delivery_report", args=[delivery.pk])
    assert f'href="{report}"' in shown.content.decode()
    answer: Any = boss.get(report)
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert len(lines) == 154 and lines[2] == "3,'=kurang,malformed,bukan 22 huruf besar atau angka"
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="laporan-K-9.csv"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    default_storage.delete(delivery.report)
    assert boss.get(report).status_code == 404
    assert boss.get(reverse("admin:meterai_delivery_change", args=[delivery.pk])).status_code == 200


def test_a_report_is_for_those_who_may_see_deliveries(boss: Client) -> None:
    boss.post(IMPORT, upload(["kurang"]))
    report = reverse("admin:meterai_delivery_report", args=[Delivery.objects.get().pk])
    assert boss.get(report).status_code == 404  # there is none yet
    importing.run_due(at=timezone.now())
    assert boss.get(report).status_code == 200
    assert may("lain", "view_batch").get(report).status_code == 403
    assert Client().get(report).status_code == 302


def manifest(**told: Any) -> SimpleUploadedFile:
    return SimpleUploadedFile("manifest.json", json.dumps(told).encode(), "application/json")


def zipped(content: bytes, **told: Any) -> SimpleUploadedFile:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("gelombang.csv", content)
        archive.writestr("manifest.json", json.dumps(told))
    return SimpleUploadedFile("gelombang.zip", made.getvalue(), "application/zip")


@pytest.mark.parametrize("way", ["a manifest beside it", "a manifest inside the zip"])
def test_what_the_issuer_announced_may_come_in(way: str, boss: Client) -> None:
    codes = factories.serials(2)
    content = factories.delivery(codes).read()
    told = {"count": 2, "sha256": hashlib.sha256(content).hexdigest(), "reference": "K-7"}
    silent = {"reference": None, "expected_count": None, "expected_sha256": None}
    sent = {"manifest": manifest(**told)} if "beside" in way else {"file": zipped(content, **told)}
    assert boss.post(IMPORT, upload(codes, **silent, **sent)).status_code == 303
    importing.run_due(at=timezone.now())
    assert (Batch.objects.get().reference, Batch.objects.get().sha256) == ("K-7", told["sha256"])


@pytest.mark.parametrize(
    ("more", "field", "words"),
    [
        ({"file": None}, "file", ""),
        ({"file": SimpleUploadedFile("x.csv", b"")}, "file", ""),
        ({"file": SimpleUploadedFile("x.zip", b"PK\x03\x04")}, "file", "rusak"),
        ({"expected_count": None}, "expected_count", "sertakan manifes"),
        ({"expected_sha256": None}, "expected_sha256", "sertakan manifes"),
        ({"expected_sha256": "x"}, "expected_sha256", ""),
        ({"expected_count": "0"}, "expected_count", ""),
        ({"reference": None}, "reference", "sertakan manifes"),
        ({"manifest": manifest(count=1)}, "manifest", "Manifes tidak terbaca"),
        ({"manifest": manifest(count=7, sha256="0" * 64)}, "__all__", "tidak mengatakan hal yang sama"),
    ],
)
def test_an_upload_that_is_not_announced_is_sent_back(
    more: dict[str, Any], field: str, words: str, boss: Client
) -> None:
    answer: Any = boss.post(IMPORT, upload(factories.serials(1), **more))
    assert answer.status_code == 422
    assert words in str(answer.context["form"].errors[field]) and "Tidak ada yang diimpor." in text(answer)
    assert not Delivery.objects.exists()


def test_a_number_that_is_known_is_sent_back(boss: Client) -> None:
    assert boss.post(IMPORT, upload(factories.serials(1))).status_code == 303
    assert "sedang diimpor" in text(boss.post(IMPORT, upload(factories.serials(1))))
    importing.run_due(at=timezone.now())
    answer = boss.post(IMPORT, upload(factories.serials(1)))
    assert answer.status_code == 422 and "sudah pernah diimpor" in text(answer)


def test_a_file_for_the_command_is_stopped_at_the_door_in_words(boss: Client, settings: Any) -> None:
    settings.MAX_REQUEST_BYTES = 12_000_000
    shown = boss.get(IMPORT)
    assert "Paling besar 11 MB; berkas yang lebih besar diimpor dengan perintah import_batch" in text(shown)
    assert 'data-max-bytes="11900000"' in shown.content.decode()
    settings.MAX_REQUEST_BYTES = 100
    assert boss.post(IMPORT, upload(factories.serials(9))).status_code == 413


def test_a_waiting_delivery_is_cancelled_by_a_button(boss: Client) -> None:
    boss.post(IMPORT, upload(factories.serials(1)))
    delivery = Delivery.objects.get()
    press = reverse("admin:meterai_delivery_step", args=[delivery.pk, "batalkan"])
    assert press in boss.get(reverse("admin:meterai_delivery_change", args=[delivery.pk])).content.decode()
    assert "Kiriman dibatalkan" in text(boss.post(press, follow=True))
    assert "tidak ada yang dibatalkan" in text(boss.post(press, follow=True))
    assert importing.run_due(at=timezone.now()) == 0 and not Batch.objects.exists()
    assert Flip.objects.filter(noun="meterai.delivery", new="refused", actor="admin").count() == 1


def test_an_upload_wakes_a_worker_once_it_is_written(boss: Client, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks() as bells:
        boss.post(IMPORT, upload(factories.serials(1)))
    with current_app.connection_for_read() as broker:
        queue = current_app.amqp.queues[current_app.amqp.router.route({}, "meterai.tasks.import_due")["queue"].name]
        queue(broker.default_channel).purge()
        for ring in bells:
            ring()
        message = queue(broker.default_channel).get(no_ack=True)
    assert message and message.headers["task"] == "meterai.tasks.import_due"


def test_who_may_not_import_does_not_see_the_page(db: None) -> None:
    call_command("seed_demo")
    petugas = at_the_desk_of("petugas")
    assert petugas.get(IMPORT).status_code == 403
    assert petugas.post(IMPORT, upload(factories.serials(1))).status_code == 403
    batch = Batch.objects.get()
    assert petugas.post(reverse("admin:meterai_batch_step", args=[batch.pk, "aktifkan"])).status_code == 403
    assert IMPORT not in petugas.get("/admin/meterai/delivery/").content.decode()


def test_the_import_pages_old_address_leads_to_the_new_one(boss: Client) -> None:
    answer = boss.get("/admin/meterai/batch/impor/")
    assert (answer.status_code, answer["Location"]) == (302, IMPORT)


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


def test_lists_and_pages_mask_the_contact(boss: Client, order: Order) -> None:
    for page in ("order/", f"order/{order.pk}/change/", "notice/", f"notice/{Notice.objects.get().pk}/change/"):
        shown = boss.get(f"/admin/orders/{page}").content.decode()
        assert "siti@contoh.example" not in shown and "s***@contoh.example" in shown, page


def test_no_page_shows_a_secret_link(boss: Client, order: Order) -> None:
    notice = Notice.objects.get()
    for page in ("order/", f"order/{order.pk}/change/", "notice/", f"notice/{notice.pk}/change/"):
        assert order.key not in boss.get(f"/admin/orders/{page}").content.decode()
