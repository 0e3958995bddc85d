"""What a person meets, without JavaScript: the original beside the copy, the loss in words, the choice."""

import re
from io import BytesIO
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from PIL import Image

from meterai import links
from stamping import preparing, repairs, turns
from stamping.models import Document, Repair
from stamping.pdf.mendable import Kind
from tests.stamping import repair_files as faulty
from tests.stamping.conftest import DATA, NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    cache.clear()


@pytest.fixture
def damaged() -> Document:
    return preparing.take_up(name="surat.pdf", source=(DATA / "damaged.pdf").read_bytes(), at=NOW)


@pytest.fixture
def heavy(settings: Any) -> Document:
    settings.MAX_DOCUMENT_BYTES = faulty.LIMIT
    return preparing.take_up(name="pindaian.pdf", source=faulty.heavy(), at=NOW)


def place_of(document: Document) -> str:
    return f"/dokumen/{document.pk}/{document.key}/perbaikan/"


def press(client: Client, document: Document, words: str) -> str:
    """Press the button with these words on the page of repairs, as a browser without script would; the page after."""
    page = client.get(place_of(document)).content.decode()
    for form in re.findall(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', page, re.DOTALL):
        if words in form[1]:
            fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[1]))
            return client.post(form[0], fields, follow=True).content.decode()
    raise AssertionError(f"no button {words}")


def test_a_person_sees_both_files_and_chooses_the_mended_one(client: Client, damaged: Document) -> None:
    assert "Perlu sebelum dibubuhi" in client.get(place_of(damaged)).content.decode()
    page = press(client, damaged, "Lihat hasilnya dulu")
    offer = Repair.objects.get()
    for words in (
        offer.before_sha256,
        offer.after_sha256,
        "Berkas asal",
        "Hasilnya",
        "gambarnya sama persis",
    ):
        assert words in page
    page = press(client, damaged, "Pakai berkas yang diperbaiki")
    damaged.refresh_from_db()
    assert damaged.state == Document.State.DRAFT and damaged.source_sha256 == offer.after_sha256
    assert "Berkas yang diperbaiki kini dipakai." in page


def test_a_person_keeps_the_original(client: Client, damaged: Document) -> None:
    press(client, damaged, "Lihat hasilnya dulu")
    assert "Berkas asal tetap dipakai" in press(client, damaged, "Tetap pakai berkas asal")
    damaged.refresh_from_db()
    assert damaged.state == Document.State.UNFIT and Repair.objects.get().state == Repair.State.DROPPED


def test_what_recompressing_costs_is_said_and_shown(client: Client, heavy: Document) -> None:
    page = press(client, heavy, "Lihat hasilnya dulu")
    assert re.search(r"Gambarnya disimpan ulang dengan mutu \d+ dari 100", page)
    assert re.search(r"Selisih terbesar ada di halaman 1: \d+ dari 255 \(\d+,\d dB\)", page)
    pictures = {which: client.get(f"{place_of(heavy)}size/{which}.png") for which in ("sebelum", "sesudah")}
    near = {which: client.get(f"{place_of(heavy)}size/{which}-dekat.png") for which in ("sebelum", "sesudah")}
    for answer in (*pictures.values(), *near.values()):
        assert answer.status_code == 200 and "private" in answer["Cache-Control"]
    assert near["sebelum"].content != near["sesudah"].content
    assert {Image.open(BytesIO(one.content)).size for one in near.values()} == {(352, 272)}
    for address in re.findall(r'<img[^>]*src="([^"?]+)', page):
        assert client.get(address).status_code == 200, address


def test_a_form_that_shows_another_copy_chooses_nothing(client: Client, damaged: Document) -> None:
    press(client, damaged, "Lihat hasilnya dulu")
    answer = client.post(f"{place_of(damaged)}structure/pakai/", {"sha256": "0" * 64}, follow=True)
    assert "tidak ditawarkan lagi" in answer.content.decode()
    damaged.refresh_from_db()
    assert damaged.state == Document.State.UNFIT


def test_a_repair_in_vain_says_what_to_do(client: Client, settings: Any) -> None:
    settings.MAX_DOCUMENT_BYTES = faulty.LIMIT
    document = preparing.take_up(name="x.pdf", source=faulty.noise(), at=NOW)
    assert "Pindai ulang dengan mutu lebih rendah" in press(client, document, "Lihat hasilnya dulu")


def test_a_busy_machine_says_so(client: Client, damaged: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repairs, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(turns, "at_once", lambda: 1)
    with turns.turn(name=repairs.TURN, most=1):
        assert "Sedang banyak berkas yang diperbaiki" in press(client, damaged, "Lihat hasilnya dulu")


def test_a_signed_file_is_told_why_nothing_is_offered(client: Client) -> None:
    signed = (DATA / "signed.pdf").read_bytes()
    document = preparing.take_up(name="x.pdf", source=signed, at=NOW)
    facts = document.facts | {"findings": [{"code": "not_a4", "severity": "warn"}]}
    Document.objects.filter(pk=document.pk).update(facts=facts)
    page = client.get(place_of(document)).content.decode()
    assert "tidak pernah kami tulis ulang" in page and "Lihat hasilnya dulu" not in page


def test_a_fine_document_has_no_page_of_repairs(client: Client, letter: bytes) -> None:
    document = preparing.take_up(name="x.pdf", source=letter, at=NOW)
    answer = client.get(place_of(document))
    assert (answer.status_code, answer["Location"]) == (303, document.get_absolute_url())


@pytest.mark.parametrize(
    "path", ["", "structure/lihat/", "structure/pakai/", "structure/tolak/", "structure/sebelum.png", "x/lihat/"]
)
def test_without_the_key_nobody_sees_or_changes_anything(client: Client, damaged: Document, path: str) -> None:
    repairs.make(document=damaged, kind=Kind.STRUCTURE, at=NOW)
    wrong = links.key(kind="document", code=str(damaged.pk), version=99)
    address = f"/dokumen/{damaged.pk}/{wrong}/perbaikan/{path}"
    answers = (client.get(address), client.post(address))
    assert {one.status_code for one in answers} <= {404, 405} and 404 in {one.status_code for one in answers}
    assert Repair.objects.get().state == Repair.State.OFFERED


@pytest.mark.parametrize("path", ["colour/sebelum.png", "structure/samping.png", "size/sebelum.png"])
def test_a_picture_of_nothing_is_not_there(client: Client, damaged: Document, path: str) -> None:
    repairs.make(document=damaged, kind=Kind.STRUCTURE, at=NOW)
    assert client.get(place_of(damaged) + path).status_code == 404


def test_the_documents_page_offers_what_it_needs_and_what_it_may_have(client: Client, damaged: Document) -> None:
    from django.template import Context, Template  # the include for the document's page

    template = Template("{% load repairing %}{% repair_offer document %}")
    needs = template.render(Context({"document": damaged}))
    assert "Berkas ini perlu diperbaiki dulu" in needs and place_of(damaged) in needs
    odd = preparing.take_up(name="x.pdf", source=faulty.of_size(612, 792), at=NOW)
    assert f"{place_of(odd)}#page_size" in template.render(Context({"document": odd}))
