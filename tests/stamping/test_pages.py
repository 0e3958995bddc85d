"""What a buyer meets on the pages of orders and documents, without JavaScript."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from meterai import links
from orders.models import Order
from stamping import files, preparing, sealing
from stamping.models import Document
from tests.stamping.conftest import DATA, NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    cache.clear()


@pytest.fixture
def draft(letter: bytes) -> Document:
    return preparing.take_up(name="surat.pdf", source=letter, at=NOW)


@pytest.fixture
def sealed(queued: Callable[..., Document]) -> Document:
    document = queued()
    sealing.seal_due(at=NOW)
    document.refresh_from_db()
    return document


def upload(name: str) -> io.BytesIO:
    file = io.BytesIO((DATA / name).read_bytes())
    file.name = name
    return file


def test_a_file_is_prepared_without_an_order(client: Client) -> None:
    answer = client.post("/siapkan/", {"file": upload("letter.pdf")})
    assert answer.status_code == 303
    page = client.get(answer["Location"])
    assert page.status_code == 200
    assert "Pilih tempat meterai" in page.content.decode()


def test_a_refused_file_is_explained_beside_the_field(client: Client) -> None:
    answer = client.post("/siapkan/", {"file": upload("certified-1.pdf")})
    assert answer.status_code == 422
    assert "melarang semua perubahan" in answer.content.decode()
    assert not Document.objects.exists()


def test_english_pages_speak_english_by_address_and_not_by_the_phone_s_language(client: Client) -> None:
    assert '<html lang="id">' in client.get("/siapkan/", headers={"accept-language": "en"}).content.decode()
    answer = client.get("/en/siapkan/")
    assert '<html lang="en">' in answer.content.decode()
    assert "Accept-Language" not in client.get("/siapkan/").get("Vary", "")


def test_a_preset_moves_the_stamp_without_saving(client: Client, draft: Document) -> None:
    values = {"page": 1, "x": "1", "y": "1", "side": "30", "preset": "top-left"}
    page = client.post(draft.get_absolute_url() + "tempat/", values).content.decode()
    assert re.search(r'name="x" value="13"', page)
    draft.refresh_from_db()
    assert draft.state == Document.State.DRAFT


@pytest.mark.parametrize(
    "wrong", [{"page": 7}, {"x": "nan"}, {"x": "inf"}, {"y": "abc"}, {"side": 1}, {"page": ""}, {"page": "1; DROP"}]
)
def test_wrong_numbers_come_back_with_words(client: Client, draft: Document, wrong: dict[str, object]) -> None:
    answer = client.post(draft.get_absolute_url() + "tempat/", {"page": 1, "x": "1", "y": "1", "side": "30"} | wrong)
    assert answer.status_code == 422
    assert "Ada yang perlu diperbaiki" in answer.content.decode()


def test_a_placed_document_is_shown_as_it_will_be(client: Client, draft: Document) -> None:
    client.post(draft.get_absolute_url() + "tempat/", {"page": 1, "x": "100", "y": "100", "side": "30"})
    preview = client.get(draft.get_absolute_url() + "pratinjau.png")
    assert preview["Content-Type"] == "image/png"


def test_the_picture_of_a_page_that_is_not_there_is_not_found(client: Client, draft: Document) -> None:
    assert client.get(draft.get_absolute_url() + "halaman/1.png")["Content-Type"].startswith("image/")
    assert client.get(draft.get_absolute_url() + "halaman/9.png").status_code == 404


@pytest.mark.parametrize("path", ["", "unduh/", "halaman/1.png", "pratinjau.png"])
def test_a_wrong_key_opens_nothing(client: Client, draft: Document, path: str) -> None:
    assert client.get(f"/dokumen/{draft.pk}/{'x' * 22}/{path}").status_code == 404


def test_a_raised_link_version_revokes_the_link(client: Client, draft: Document) -> None:
    old = draft.get_absolute_url()
    Document.objects.filter(pk=draft.pk).update(link_version=2)
    assert client.get(old).status_code == 404


def test_a_document_that_is_not_sealed_cannot_be_downloaded(client: Client, queued: Callable[..., Document]) -> None:
    assert client.get(queued().get_absolute_url() + "unduh/").status_code == 404


def test_a_sealed_document_is_sent_as_a_download_and_never_as_a_page(client: Client, sealed: Document) -> None:
    answer = client.get(sealed.get_absolute_url() + "unduh/")
    assert answer["Content-Disposition"] == 'attachment; filename="surat-bermeterai.pdf"'
    assert answer.content == files.read(sealed.output)
    assert "no-store" in answer["Cache-Control"]


def test_the_verification_page_calls_it_valid(client: Client, sealed: Document) -> None:
    file = io.BytesIO(files.read(sealed.output))
    file.name = "x.pdf"
    assert "verdict-valid" in client.post("/periksa/", {"file": file}).content.decode()


def test_a_typed_serial_is_forgiven_its_spaces_and_case(client: Client, sealed: Document) -> None:
    typed = f" {str(sealed.stamp_id)[:11].lower()} {str(sealed.stamp_id)[11:]} "
    page = client.post("/periksa/", {"serial": typed}).content.decode()
    assert "verdict-cannot_tell" in page
    assert "terbubuhkan" in page


def test_the_check_asks_for_a_file_or_a_serial(client: Client) -> None:
    assert client.post("/periksa/", {}).status_code == 422
    assert client.post("/periksa/", {"serial": "pendek"}).status_code == 422


def test_the_address_in_the_qr_symbol_answers_and_a_guessed_one_does_not(client: Client, sealed: Document) -> None:
    address = sealing.verification_address(str(sealed.stamp_id)).split("/", 3)[3]
    assert str(sealed.stamp_id) in client.get(f"/{address}").content.decode()
    assert client.get(f"/v/{sealed.stamp_id}/{'x' * links.SHORT_LENGTH}/").status_code == 404


def test_an_order_page_does_not_ask_more_for_more_documents(
    client: Client,
    queued: Callable[..., Document],
    order: Callable[..., Order],
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    many = order(quantity=6)
    for _ in range(6):
        queued(of=many)
    sealing.seal_due(at=NOW, limit=6)
    with django_assert_max_num_queries(14):
        assert client.get(many.get_absolute_url()).content.decode().count("Siap diunduh") == 6


def test_a_prepared_document_is_taken_along_through_the_checkout(
    client: Client, draft: Document, order: Callable[..., Order]
) -> None:
    bought = order()
    page = client.get(f"{bought.get_absolute_url()}?dokumen={draft.pk}.{draft.key}").content.decode()
    assert "Pakai dokumen ini" in page
    use = draft.get_absolute_url() + "pakai/"
    assert client.post(use, {"order": bought.code, "order_key": "x" * 22}).status_code == 404
    assert client.post(use, {"order": bought.code, "order_key": bought.key}).status_code == 303
    draft.refresh_from_db()
    assert draft.order == bought


def test_a_prepared_document_is_offered_again_after_the_way_through_the_gateway(
    client: Client, order: Callable[..., Order]
) -> None:
    client.post("/siapkan/", {"file": upload("letter.pdf")})
    assert "Pakai dokumen ini" in client.get(order().get_absolute_url()).content.decode()
    client.cookies["disiapkan"] = "forged"
    assert "Pakai dokumen ini" not in client.get(order().get_absolute_url()).content.decode()


def test_agreeing_twice_by_a_double_click_changes_nothing(
    client: Client, draft: Document, order: Callable[..., Order]
) -> None:
    bought = order()
    client.post(draft.get_absolute_url() + "pakai/", {"order": bought.code, "order_key": bought.key})
    client.post(draft.get_absolute_url() + "tempat/", {"page": 1, "x": "10", "y": "10", "side": "30"})
    agree = draft.get_absolute_url() + "setuju/"
    assert client.post(agree, {}).status_code == 422
    assert [client.post(agree, {"final": "on"}).status_code for _ in range(2)] == [303, 303]
    draft.refresh_from_db()
    assert draft.state == Document.State.QUEUED


def test_a_person_may_erase_a_document(client: Client, sealed: Document) -> None:
    assert client.post(sealed.get_absolute_url() + "hapus/").status_code == 303
    assert client.get(sealed.get_absolute_url()).status_code == 410


def test_uploads_are_limited_with_words_and_a_time(client: Client) -> None:
    answers = [client.post("/siapkan/", {}).status_code for _ in range(61)]
    assert answers[-1] == 429
    answer = client.post("/siapkan/", {})
    assert answer["Retry-After"] == "60"


def test_a_body_beyond_every_limit_is_refused_unread(client: Client) -> None:
    answer = client.post("/siapkan/", b"x", content_type="application/pdf", headers={"content-length": "99999999"})
    assert answer.status_code == 413


def test_no_page_carries_inline_script_or_style(client: Client, sealed: Document, draft: Document) -> None:
    pages = ["/", "/siapkan/", "/periksa/", draft.get_absolute_url(), sealed.get_absolute_url()]
    for address in [*pages, sealed.order.get_absolute_url()]:  # type: ignore[union-attr]
        answer = client.get(address)
        page = answer.content.decode()
        assert "script-src 'self'" in answer["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=", page), address


def test_every_static_file_that_pages_name_is_there() -> None:
    from django.contrib.staticfiles import finders

    templates = Path(__file__).resolve().parents[2] / "templates"
    named = {
        match for path in templates.rglob("*.html") for match in re.findall(r"{% static '([^']+)' %}", path.read_text())
    }
    assert named
    assert [name for name in named if not finders.find(name)] == []


def test_staff_are_never_led_to_a_secret_link(admin_client: Client, draft: Document) -> None:
    from django.contrib.contenttypes.models import ContentType

    kind = ContentType.objects.get_for_model(Document)
    assert admin_client.get(f"/admin/r/{kind.pk}/{draft.pk}/").status_code == 404
    page = admin_client.get(f"/admin/stamping/document/{draft.pk}/change/", follow=True).content.decode()
    assert draft.key not in page
    assert "surat.pdf" not in page
