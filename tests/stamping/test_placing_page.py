"""Where a person puts the stamp, as the server alone does it: suggestion, warnings, numbers, pages, without script."""

import html
import io
import json
import re
from collections.abc import Callable

import pytest
from django.test import Client
from pikepdf import Array
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from orders.models import Order
from stamping import erasing, looking, place_showing, placing, preparing
from stamping.forms import PRESETS, PlaceForm
from stamping.models import Document
from stamping.pdf import looking as kernel
from stamping.pdf import place_child
from stamping.pdf.geometry import DEFAULT_SIZE, Placement
from stamping.pdf.page_look import MM, PageLook
from stamping.pdf.pictures import render
from tests.corpus import signature_cases
from tests.corpus.cases import letter, paged
from tests.corpus.page_cases import SIZES
from tests.stamping.conftest import DATA, NOW

pytestmark = pytest.mark.django_db
PLACE = {"page": "1", "x": "20", "y": "20", "side": "30,3"}


def contract(count: int = 3) -> bytes:
    """Pages of text, a signature block and a QR symbol on the last."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1)
    for page in range(1, count + 1):
        for line in range(30 if page < count else 10):
            canvas.drawString(70, 780 - line * 18, f"Pasal {page}.{line} Para pihak sepakat atas hal ini.")
        if page == count:
            canvas.drawString(70, 400, "Hormat saya,")
            picture = io.BytesIO()
            render(letter((200, 200)), page=1, width=200).save(picture, "PNG")
            canvas.drawImage(ImageReader(picture), 400, 100, 100, 100)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def taken_up(source: bytes) -> Document:
    return preparing.take_up(name="surat.pdf", source=source, at=NOW)


@pytest.fixture
def draft() -> Document:
    return taken_up(contract())


def post(client: Client, document: Document, **values: str) -> str:
    answer = client.post(document.get_absolute_url() + "tempat/", PLACE | values)
    return html.unescape(answer.content.decode())


def shown(page: str, name: str) -> str:
    """The value of a number field on the page."""
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"|value="([^"]*)"[^>]*name="{name}"', page)
    assert found, name
    return found.group(1) or found.group(2)


def is_warned(page: str) -> bool:
    return not re.search(r"<div[^>]*data-covering hidden", page)


# --- the suggestion


def test_the_first_place_is_beside_the_signature_block_and_the_page_says_why(client: Client, draft: Document) -> None:
    page = html.unescape(client.get(draft.get_absolute_url()).content.decode())
    assert "Saran kami: halaman 3, di samping tempat tanda tangan." in page
    seen = looking.look(document=draft).page(3)
    assert seen is not None and seen.how == "beside_signature"
    assert float(shown(page, "x")) * MM == pytest.approx(seen.place.x, abs=0.01)
    assert not is_warned(page)


def test_opening_the_page_again_parses_nothing(
    client: Client, draft: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []
    look = place_child.look

    def counted(source: bytes, page: int | None = None) -> object:
        asked.append(page)
        return look(source, page=page)

    monkeypatch.setattr(place_child, "look", counted)
    for _ in range(3):
        assert client.get(draft.get_absolute_url()).status_code == 200
    post(client, draft, turn="1")
    assert asked == [None]
    draft.refresh_from_db()
    assert draft.facts["look"]["best"] == 3
    assert preparing.facts_of(draft).pages[0].is_a4  # what preflight found is still there


def test_pages_beyond_the_first_dozen_are_looked_at_when_they_are_turned_to(client: Client) -> None:
    long = taken_up(letter(count=30))
    client.get(long.get_absolute_url())
    long.refresh_from_db()
    assert len(long.facts["look"]["pages"]) == kernel.MOST_LOOKED
    page = post(client, long, turn="2")
    assert "Saran kami untuk halaman 2" in page
    long.refresh_from_db()
    assert len(long.facts["look"]["pages"]) == kernel.MOST_LOOKED + 1


def test_a_document_whose_file_was_replaced_is_looked_at_anew(draft: Document) -> None:
    assert looking.look(document=draft).best == 3
    Document.objects.filter(pk=draft.pk).update(source_sha256="f" * 64)
    draft.refresh_from_db()
    draft.facts["look"]["best"] = 99
    assert looking.look(document=draft).best == 3


def test_what_was_seen_of_a_document_is_erased_with_it(draft: Document) -> None:
    stale = Document.objects.get(pk=draft.pk)
    looking.look(document=draft)
    erasing.erase(document=draft, at=NOW, actor="buyer")
    looking.look(document=stale)  # a page that was opened at the same moment
    draft.refresh_from_db()
    assert draft.facts == {}


def test_a_file_that_cannot_be_looked_at_can_still_be_placed(client: Client, draft: Document) -> None:
    draft.facts["look"] = {"of": draft.source_sha256[:16], "best": None, "pages": {}}
    draft.save(update_fields=["facts"])
    page = client.get(draft.get_absolute_url()).content.decode()
    assert "Kami tidak dapat memeriksa" in page
    assert not is_warned(page)
    post(client, draft, save="1")
    draft.refresh_from_db()
    assert draft.state == Document.State.PLACED


def test_the_look_survives_being_kept(draft: Document) -> None:
    for _number, one, little in kernel.look(contract()):
        assert PageLook.from_json(json.loads(json.dumps(one.as_json()))) == one
        assert little.startswith(b"\x89PNG") and len(little) < 4_000
        assert len(json.dumps(one.as_json())) < 2_000


# --- warnings


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ("25", "250", "menutupi tulisan"),
        ("150", "45", "menutupi gambar"),
        ("150", "140", ""),
    ],
)
def test_a_place_on_something_is_warned_of_without_script(
    client: Client, draft: Document, x: str, y: str, words: str
) -> None:
    page = post(client, draft, page="3", x=x, y=y, look="1")
    assert is_warned(page) == bool(words)
    assert words in page


def test_a_field_that_waits_for_a_signature_is_warned_of(client: Client) -> None:
    waiting = taken_up(signature_cases.empty_field(letter()))
    assert "menutupi tanda tangan digital" in post(client, waiting, x="130", y="50", look="1")


def test_a_warning_is_no_refusal(client: Client, draft: Document) -> None:
    assert "Tetap di sini" in post(client, draft, page="3", x="25", y="250", look="1")
    post(client, draft, page="3", x="25", y="250", save="1")
    draft.refresh_from_db()
    assert draft.state == Document.State.PLACED
    page = client.get(draft.get_absolute_url()).content.decode()
    assert "Pindahkan, atau tetap di sini" in page


@pytest.mark.parametrize("name", ["10x10cm", "a0", "a6", "receipt"])
def test_the_suggestion_itself_is_never_warned_of(name: str) -> None:
    for _number, one, _little in kernel.look(letter(SIZES[name])):
        assert one.how == "corner" or one.covers(one.place) == ""
        assert (one.place.x / MM) % 1 == pytest.approx(0, abs=0.001) or (one.place.x / MM) % 1 > 0.999


# --- numbers, presets, pages


@pytest.mark.parametrize(
    ("typed", "points"), [("20", 20 * MM), ("20,5", 20.5 * MM), ("20.5 mm", 20.5 * MM), (" 7 ", 7 * MM)]
)
def test_millimetres_are_taken_as_people_write_them(client: Client, draft: Document, typed: str, points: float) -> None:
    post(client, draft, x=typed, save="1")
    draft.refresh_from_db()
    assert draft.x == pytest.approx(points, abs=0.01)
    assert draft.size == DEFAULT_SIZE


@pytest.mark.parametrize(
    "wrong",
    [
        {"x": "nan"},
        {"y": "inf"},
        {"x": "kiri"},
        {"x": ""},
        {"side": "10"},
        {"side": "99"},
        {"page": "4"},
        {"page": "0"},
    ],
)
def test_wrong_numbers_come_back_with_words_and_nothing_is_kept(
    client: Client, draft: Document, wrong: dict[str, str]
) -> None:
    answer = client.post(draft.get_absolute_url() + "tempat/", PLACE | wrong | {"save": "1"})
    assert answer.status_code == 422
    assert "Ada yang perlu diperbaiki" in answer.content.decode()
    draft.refresh_from_db()
    assert draft.state == Document.State.DRAFT


def test_numbers_beyond_the_page_are_clamped_and_said(client: Client, draft: Document) -> None:
    page = post(client, draft, x="900", y="-40", look="1")
    assert float(shown(page, "x").replace(",", ".")) == pytest.approx((A4[0] - DEFAULT_SIZE) / MM, abs=0.1)
    assert shown(page, "y") == "0"


def test_a_large_page_s_numbers_have_no_separator_that_would_be_read_as_a_decimal_point() -> None:
    pages = preparing.facts_of(taken_up(letter(SIZES["a0"]))).pages
    said = PlaceForm(initial={"page": 1, "x": 1100 * MM, "y": 1.25 * MM, "side": DEFAULT_SIZE}, pages=pages)
    assert (said["x"].value(), said["y"].value(), said["side"].value()) == ("1100", "1,2", "30,3")


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_on_the_page_and_saves_nothing(client: Client, draft: Document, preset: str) -> None:
    page = post(client, draft, preset=preset)
    x, y = float(shown(page, "x")), float(shown(page, "y"))
    row, column = preset.split("-")
    assert {"left": x == 13, "center": 85 <= x <= 95, "right": 160 <= x <= 170}[column]
    assert {"bottom": y == 13, "middle": 130 <= y <= 137, "top": 250 <= y <= 255}[row]
    draft.refresh_from_db()
    assert draft.state == Document.State.DRAFT


def test_presets_stay_on_a_page_that_is_hardly_larger_than_the_stamp(client: Client) -> None:
    tiny = taken_up(letter(SIZES["stamp-sized"]))
    for preset in PRESETS:
        page = post(client, tiny, preset=preset)
        assert 0 <= float(shown(page, "x").replace(",", ".")) <= 4 / MM + 0.1


@pytest.mark.parametrize(("nudge", "dx", "dy"), [("left", -5, 0), ("right", 5, 0), ("up", 0, 5), ("down", 0, -5)])
def test_a_nudge_is_five_millimetres(client: Client, draft: Document, nudge: str, dx: int, dy: int) -> None:
    page = post(client, draft, nudge=nudge)
    assert (float(shown(page, "x")), float(shown(page, "y"))) == (20 + dx, 20 + dy)


def test_turning_to_a_page_shows_it_with_its_own_suggestion_whatever_was_typed(client: Client, draft: Document) -> None:
    page = post(client, draft, turn="2", x="junk")
    assert "/halaman/2.png" in page
    assert "Saran kami untuk halaman 2" in page
    assert re.search(r'value="2" aria-current="true"', page)
    assert client.post(draft.get_absolute_url() + "tempat/", PLACE | {"turn": "9", "x": "junk"}).status_code == 422


def test_our_suggestion_is_one_press_away(client: Client, draft: Document) -> None:
    seen = looking.look(document=draft).page(3)
    assert seen is not None
    page = post(client, draft, page="3", preset="suggested")
    assert float(shown(page, "x")) == pytest.approx(seen.place.x / MM, abs=0.01)


def test_a_long_document_offers_the_pages_nearby_and_a_short_one_all(draft: Document) -> None:
    assert [one.number for one in place_showing.leaves(draft, 1, 3)] == [1, 2, 3]
    long = taken_up(letter(count=40))
    offered = place_showing.leaves(long, 20, 39)
    assert [one.number for one in offered] == [1, *range(17, 24), 39, 40]
    assert [one.number for one in offered if one.after_gap] == [17, 39]


def test_pages_have_small_pictures(client: Client, draft: Document) -> None:
    client.get(draft.get_absolute_url())
    for number in (1, 3):
        answer = client.get(draft.get_absolute_url() + f"halaman/{number}.png?kecil")
        assert answer["Content-Type"] == "image/png"
        assert len(answer.content) < 4_000
    assert client.get(draft.get_absolute_url() + "halaman/4.png?kecil").status_code == 404


# --- the preview


def test_looking_shows_the_preview_of_what_was_typed_and_saves_nothing(client: Client, draft: Document) -> None:
    page = post(client, draft, x="31", look="1")
    address = re.search(r'src="([^"]*/pratinjau[^"]*)"', page)
    assert address
    assert client.get(address.group(1))["Content-Type"] == "image/png"
    assert "Tempat ini belum disimpan" in page
    draft.refresh_from_db()
    assert draft.state == Document.State.DRAFT


@pytest.mark.parametrize(
    "place", ["", "1", "1_2_3", "a_b_c_d", "9_10_10_86", "1_nan_10_86", "1_10_10_9000", "1_1e999_1_86"]
)
def test_a_preview_of_nonsense_is_not_found(client: Client, draft: Document, place: str) -> None:
    assert client.get(draft.get_absolute_url() + f"pratinjau.png?di={place}").status_code == 404


def test_previews_of_one_document_are_limited_and_those_of_others_are_not(client: Client, draft: Document) -> None:
    another = taken_up(letter())
    statuses = [client.get(draft.get_absolute_url() + "pratinjau.png?di=x").status_code for _ in range(31)]
    assert (set(statuses[:30]), statuses[30]) == ({404}, 429)
    assert client.get(another.get_absolute_url() + "pratinjau.png?di=x").status_code == 404


def test_a_saved_place_is_previewed_with_the_finality_said(client: Client, draft: Document) -> None:
    post(client, draft, save="1")
    page = client.get(draft.get_absolute_url()).content.decode()
    assert "Hasilnya akan seperti ini" in page
    assert "isinya tidak boleh diubah lagi" in page
    assert client.get(draft.get_absolute_url() + "pratinjau.png").status_code == 200


def test_a_place_cannot_be_changed_after_the_word_was_given(
    client: Client, draft: Document, order: Callable[..., Order]
) -> None:
    placing.attach(document=draft, order=order(paid=False))
    post(client, draft, save="1")
    placing.confirm(document=draft, at=NOW)
    answer = client.post(draft.get_absolute_url() + "tempat/", PLACE | {"x": "99", "save": "1"})
    assert answer.status_code == 303
    draft.refresh_from_db()
    assert draft.x == pytest.approx(20 * MM, abs=0.01)


def test_a_page_with_user_units_is_measured_as_it_is_shown() -> None:
    def change(page: object) -> None:
        page.UserUnit, page.MediaBox = 2.0, Array([0, 0, 300, 400])  # type: ignore[attr-defined]

    large = taken_up(paged(change))
    at = placing.fit(document=large, wanted=Placement(page=1, x=5_000, y=0))
    assert at.x == pytest.approx(600 - DEFAULT_SIZE)
    assert place_showing.facts(document=large, placement=at)["page"].width == pytest.approx(600)


def test_the_scan_in_the_test_data_is_suggested_a_free_place(client: Client) -> None:
    scan = taken_up((DATA / "scan.pdf").read_bytes())
    page = html.unescape(client.get(scan.get_absolute_url()).content.decode())
    assert "Saran kami: halaman 1, di tempat kosong." in page
    assert not is_warned(page)
