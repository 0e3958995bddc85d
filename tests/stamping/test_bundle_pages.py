"""What a buyer meets who sends many documents at once: pages without script, and the same for programs."""

import csv
import io
import json
import re
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from orders.models import Order
from stamping import bundle_checking, bundle_wording, files, placelist, placing, sealing, unpacking
from stamping.models import Bundle, Document
from tests.stamping import zips

pytestmark = pytest.mark.django_db
Orders = Callable[..., Order]


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    cache.clear()


def many(order: Order) -> str:
    return f"/pesanan/{order.code}/{order.key}/banyak/"


def sent(client: Client, order: Order, given: dict[str, bytes], **more: Any) -> str:
    """The address of a bundle that was sent and checked."""
    answer = client.post(many(order), {"archive": zips.upload(given), "token": str(uuid.uuid4()), **more})
    assert answer.status_code == 303, answer.content.decode()
    bundle_checking.check_due(at=timezone.now())
    return str(answer["Location"])


def seal_all() -> None:
    placing.bind_due(at=timezone.now())
    while sealing.seal_due(at=timezone.now()):
        pass


def agree(client: Client, address: str, **more: str) -> Any:
    return client.post(address + "setuju/", {"final": "on", **more})


# --- sending


def test_a_zip_goes_from_upload_to_the_result(client: Client, order: Orders) -> None:
    bought = order(quantity=2)
    assert "Banyak dokumen sekaligus" in client.get(bought.get_absolute_url()).content.decode()
    address = sent(client, bought, zips.letters(2) | {"foto.jpg": b"\xff\xd8"})
    page = client.get(address).content.decode()
    assert "2 berkas siap, 1 ditolak" in page and "bukan berkas PDF" in page
    assert agree(client, address).status_code == 303
    seal_all()
    page = client.get(address).content.decode()
    assert "2 dari 2 berkas sudah dibubuhi" in page
    answer: Any = client.get(address + "hasil.zip")
    result = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert result.namelist()[:4] == ["surat-1-bermeterai.pdf", "surat-2-bermeterai.pdf", "laporan.csv", "laporan.jsonl"]
    lines = [json.loads(line) for line in result.read("laporan.jsonl").splitlines()]
    assert [line["verdict"] for line in lines] == ["refused", "sealed", "sealed"]
    for line in lines[1:]:
        document = Document.objects.get(stamp=line["serial"])
        assert result.read(line["result"]) == files.read(document.output)


def test_the_report_is_a_table_without_formulas(client: Client, order: Orders) -> None:
    address = sent(client, order(), {"=HYPERLINK(1).txt": b"x", "surat.pdf": zips.pdf()})
    answer = client.get(address + "laporan.csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert {row["file"]: row["verdict"] for row in rows} == {"'=HYPERLINK(1).txt": "refused", "surat.pdf": "ready"}
    assert len(client.get(address + "laporan.jsonl").content.decode().splitlines()) == 2


def test_the_list_to_fill_in_is_one_that_is_read(client: Client, order: Orders) -> None:
    answer = client.get(many(order()) + "contoh.csv")
    assert placelist.read(answer.content).wrong == ()
    assert "attachment" in answer["Content-Disposition"]


def test_wrong_lines_are_shown_with_their_numbers(client: Client, order: Orders) -> None:
    listed = SimpleUploadedFile("daftar.csv", b"file,page,x_mm,y_mm\nsurat-1.pdf,1,,\nsurat-9.pdf,1,,\n")
    page = client.get(sent(client, order(), zips.letters(1), list_beside=listed)).content.decode()
    assert "Baris 3: tidak ada berkas “surat-9.pdf” dalam ZIP." in page


def test_what_cannot_be_a_list_is_refused_beside_the_field(client: Client, order: Orders) -> None:
    listed = SimpleUploadedFile("daftar.csv", b"nama,halaman\n")
    values = {"archive": zips.upload(zips.letters(1)), "list_beside": listed, "token": str(uuid.uuid4())}
    answer = client.post(many(order()), values)
    assert answer.status_code == 422 and "file,page,x_mm,y_mm" in answer.content.decode()
    assert not Bundle.objects.exists()


def test_a_zip_that_is_too_large_is_refused_and_not_kept(client: Client, order: Orders, settings: Any) -> None:
    settings.MAX_REQUEST_BYTES = 700_000
    values = {"archive": SimpleUploadedFile("a.zip", bytes(150_000)), "token": str(uuid.uuid4())}
    answer = client.post(many(order()), values)
    assert answer.status_code == 422 and "terlalu besar" in answer.content.decode()


def test_the_same_form_sent_twice_leads_to_the_same_page(client: Client, order: Orders) -> None:
    bought, token = order(), str(uuid.uuid4())
    values = [{"archive": zips.upload(zips.letters(1)), "token": token} for _ in range(2)]
    first, second = (client.post(many(bought), value)["Location"] for value in values)
    assert first == second
    other = client.post(many(bought), {"archive": zips.upload(zips.letters(2)), "token": token})
    assert other.status_code == 409


# --- the page of one


def test_without_script_the_page_follows_by_itself_while_it_is_checked(client: Client, order: Orders) -> None:
    answer = client.post(many(order()), {"archive": zips.upload(zips.letters(1)), "token": str(uuid.uuid4())})
    refresh = '<noscript><meta http-equiv="refresh"'
    assert refresh in client.get(answer["Location"]).content.decode()
    bundle_checking.check_due(at=timezone.now())
    assert refresh not in client.get(answer["Location"]).content.decode(), "a reload would lose what was ticked"


def test_a_poll_is_answered_304_until_something_changes(client: Client, order: Orders) -> None:
    answer = client.post(many(order()), {"archive": zips.upload(zips.letters(2)), "token": str(uuid.uuid4())})
    address = answer["Location"] + "kabar/"
    first = client.get(address)
    assert "<html" not in first.content.decode()
    again = client.get(address, headers={"if-none-match": first["ETag"]})
    assert (again.status_code, again["ETag"], "no-store" in again["Cache-Control"]) == (304, first["ETag"], True)
    bundle_checking.check_due(at=timezone.now())
    changed = client.get(address, headers={"if-none-match": first["ETag"]})
    assert changed.status_code == 200 and "2 berkas siap" in changed.content.decode()


def test_a_page_does_not_ask_more_for_more_files(
    client: Client, order: Orders, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    address = sent(client, order(quantity=6), {f"{number}.txt": b"x" for number in range(60)} | zips.letters(3))
    with django_assert_max_num_queries(9):
        assert client.get(address).content.decode().count("bukan berkas PDF") == 60


def test_fewer_stamps_are_said_with_what_to_do_and_the_first_ones_on_request(client: Client, order: Orders) -> None:
    bought = order(quantity=2)
    address = sent(client, bought, zips.letters(3))
    page = client.get(address).content.decode()
    assert "tinggal punya 2 meterai untuk 3 berkas; kurang 1" in page and "/beli/" in page
    answer = agree(client, address)
    assert answer.status_code == 409 and bought.documents.count() == 0
    assert agree(client, address, first_only="on").status_code == 303
    assert bought.documents.count() == 2


def test_no_more_and_no_fewer_files_are_stamped_than_the_page_said(client: Client, order: Orders) -> None:
    bought = order(quantity=3)
    address = sent(client, bought, zips.letters(3))
    assert '<input type="hidden" name="count" value="3">' in client.get(address).content.decode()
    assert agree(client, address, count="2").status_code == 409
    assert bought.documents.count() == 0
    assert agree(client, address, count="3").status_code == 303


def test_nothing_is_sealed_without_the_word(client: Client, order: Orders) -> None:
    bought = order()
    address = sent(client, bought, zips.letters(1))
    answer = client.post(address + "setuju/", {})
    assert answer.status_code == 422 and "Centang dulu" in answer.content.decode()
    assert bought.documents.count() == 0


def test_agreeing_twice_changes_nothing(client: Client, order: Orders) -> None:
    bought = order()
    address = sent(client, bought, zips.letters(1))
    assert [agree(client, address).status_code for _ in range(2)] == [303, 409]
    assert bought.documents.count() == 1


def test_a_report_can_be_thrown_away(client: Client, order: Orders) -> None:
    address = sent(client, order(), zips.letters(1))
    assert client.post(address + "buang/").status_code == 303
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("path", ["", "kabar/", "laporan.csv", "laporan.jsonl", "hasil.zip"])
def test_one_order_s_key_opens_no_other_order_s_bundle(client: Client, order: Orders, path: str) -> None:
    mine, theirs = order(), order()
    address = sent(client, theirs, zips.letters(1))
    pk = address.rstrip("/").rsplit("/", 1)[1]
    assert client.get(f"{many(mine)}{pk}/{path}").status_code == 404
    assert client.get(f"/pesanan/{theirs.code}/{'x' * 22}/banyak/{pk}/{path}").status_code == 404


def test_there_is_no_result_before_anything_is_sealed(client: Client, order: Orders) -> None:
    assert client.get(sent(client, order(), zips.letters(1)) + "hasil.zip").status_code == 404


def test_names_from_a_zip_are_text_on_the_page(client: Client, order: Orders) -> None:
    page = client.get(sent(client, order(), {"<script>alert(1)<.pdf": zips.pdf()})).content.decode()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_no_page_carries_inline_script_or_style(client: Client, order: Orders) -> None:
    bought = order(quantity=2)
    for address in (many(bought), sent(client, bought, zips.letters(1))):
        page = client.get(address).content.decode()
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=", page)


def test_english_is_spoken_under_en(client: Client, order: Orders) -> None:
    assert client.get("/en" + many(order())).status_code == 200


def test_every_code_of_a_zip_has_a_sentence() -> None:
    named = set(re.findall(r"`(\w+)`", f"{unpacking.Unfit.__doc__}{placelist.ListUnusable.__doc__}"))
    named |= set(re.findall(r"`(\w+)`", str(unpacking.Unusable.__doc__)))
    assert len(named) > 10
    unknown = str(bundle_wording.wording.UNKNOWN)
    silent = [one for one in named if unknown in (bundle_wording.file(one), bundle_wording.archive(one))]
    assert [one for one in silent if bundle_wording.file(one) == bundle_wording.archive(one)] == []


# --- for programs


def api(order: Order) -> str:
    return f"/api/v1/orders/{order.code}/bundles"


def headers(order: Order, key: str = "") -> dict[str, str]:
    return {"x-order-key": order.key, "idempotency-key": key or uuid.uuid4().hex}


def test_a_program_sends_confirms_and_follows(client: Client, order: Orders) -> None:
    bought = order(quantity=2)
    key = headers(bought)
    answers = [client.post(api(bought), {"archive": zips.upload(zips.letters(2))}, headers=key) for _ in range(2)]
    assert [one.status_code for one in answers] == [202, 202]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    address = f"{api(bought)}/{answers[0].json()['id']}"
    early = client.post(f"{address}/confirmation", {"final": True}, content_type="application/json", headers=key)
    assert (early.status_code, early.json()["code"]) == (409, "not_now")
    bundle_checking.check_due(at=timezone.now())
    first = client.get(address, headers=key)
    assert [one["verdict"] for one in first.json()["files"]] == ["ready", "ready"]
    assert client.get(address, headers={**key, "if-none-match": first["ETag"]}).status_code == 304
    for _ in range(2):  # the repeat is a safe one
        word = client.post(f"{address}/confirmation", {"final": True}, content_type="application/json", headers=key)
        assert word.status_code == 202, word.content
    seal_all()
    shown = client.get(address, headers={**key, "if-none-match": first["ETag"]}).json()
    assert [one["verdict"] for one in shown["files"]] == ["sealed", "sealed"]
    one = shown["files"][0]
    file = client.get(f"/api/v1/documents/{one['document']}/file", headers={"x-document-key": one["document_key"]})
    assert file.content.startswith(b"%PDF")


def test_refusals_are_problems_with_stable_codes(client: Client, order: Orders) -> None:
    bought = order()
    key = headers(bought, "k" * 20)
    assert client.post(api(bought), {"archive": zips.upload(zips.letters(2))}, headers=key).status_code == 202
    other = client.post(api(bought), {"archive": zips.upload(zips.letters(1))}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    no_key = client.post(api(bought), {"archive": zips.upload({})}, headers={"x-order-key": bought.key})
    assert (no_key.status_code, no_key.json()["code"]) == (400, "idempotency_key_missing")
    listed = SimpleUploadedFile("l.csv", b"x\n")
    wrong = client.post(api(bought), {"archive": zips.upload(zips.letters(1)), "list": listed}, headers=headers(bought))
    assert (wrong.status_code, wrong.json()["code"]) == (422, "list_no_header")
    bundle_checking.check_due(at=timezone.now())
    address = f"{api(bought)}/{Bundle.objects.get().pk}"
    few = client.post(f"{address}/confirmation", {"final": True}, content_type="application/json", headers=key)
    assert (few.status_code, few.json()["code"]) == (409, "fewer_stamps")
    unsaid = client.post(f"{address}/confirmation", {"final": False}, content_type="application/json", headers=key)
    assert unsaid.status_code == 400
    assert client.get(address, headers={"x-order-key": "x" * 22}).status_code == 404


def test_staff_see_how_far_it_is_and_no_name(admin_client: Client, client: Client, order: Orders) -> None:
    address = sent(client, order(), zips.letters(1))
    pk = address.rstrip("/").rsplit("/", 1)[1]
    assert admin_client.get("/admin/stamping/bundle/").status_code == 200
    page = admin_client.get(f"/admin/stamping/bundle/{pk}/change/").content.decode()
    assert "surat-1" not in page and "siap" in page
