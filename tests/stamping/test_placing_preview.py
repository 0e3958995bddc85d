"""The preview is what will come: by pixels, against the sealed file drawn by PDFium, on every kind of page."""

from io import BytesIO

import pikepdf
import pytest
from PIL import Image, ImageChops, ImageStat

from stamping.pdf import appearance, foreseeing, pages, pictures, place_child
from stamping.pdf.geometry import DEFAULT_SIZE, Placement
from stamping.pdf.trouble import Refused
from tests.corpus.cases import letter, paged
from tests.corpus.page_cases import BOXES, SIZES
from tests.stamping import pdf_tools as tools

PAGES = {
    **{name: tools.source(name) for name in ("letter", "scan", "signed", "encrypted", *tools.ROTATED, "shifted")},
    "10x10cm": letter(SIZES["10x10cm"]),
    "a0": letter(SIZES["a0"]),
    "stamp-sized": letter(SIZES["stamp-sized"]),
}


def enlarged(unit: float, *, turn: int = 0) -> bytes:
    def change(page: pikepdf.Object) -> None:
        page.UserUnit, page.Rotate = unit, turn
        page.MediaBox = pikepdf.Array(BOXES["crop-over"]["MediaBox"])
        page.CropBox = pikepdf.Array(BOXES["crop-over"]["CropBox"])

    return paged(change)


PAGES |= {"enlarged": enlarged(1.5), "enlarged-turned": enlarged(2.0, turn=270)}


def frame(source: bytes) -> pages.geometry.PageFrame:
    with pikepdf.open(BytesIO(source)) as pdf:
        return pages.frame_of(pdf.pages[0].obj)


def cut(picture: Image.Image, place: Placement, source: bytes) -> Image.Image:
    """What the picture shows where the stamp was asked for."""
    shown = frame(source)
    fitted, scale = shown.fit(place), picture.width / shown.width
    top = shown.height - fitted.y - fitted.size
    box = (fitted.x, top, fitted.x + fitted.size, top + fitted.size)
    return picture.crop(tuple(round(edge * scale) for edge in box))


@pytest.mark.parametrize("name", PAGES)
def test_the_preview_is_the_sealed_page_pixel_by_pixel(name: str) -> None:
    source = PAGES[name]
    place = Placement(page=1, x=frame(source).width * 0.4, y=frame(source).height * 0.2)
    foreseen = foreseeing.foresee(source, placement=place, width=900)
    known = {"serial": appearance.PLACEHOLDER_SERIAL, "verification_url": appearance.PLACEHOLDER_ADDRESS}
    came = pictures.render(tools.seal(source, placement=place, **known), page=1, width=900)
    assert foreseen.size == came.size
    assert ImageChops.difference(foreseen, came).getbbox() is None


@pytest.mark.parametrize("name", PAGES)
def test_a_real_serial_changes_only_the_qr_symbol_and_the_serial(name: str) -> None:
    source = PAGES[name]
    shown = frame(source)
    place = shown.fit(Placement(page=1, x=shown.width * 0.4, y=shown.height * 0.2))
    foreseen = foreseeing.foresee(source, placement=place, width=1200)
    came = pictures.render(tools.seal(source, placement=place), page=1, width=1200)
    changed = ImageChops.difference(foreseen, came).getbbox()
    assert changed is not None
    scale, art = 1200 / shown.width, place.size / appearance.ART
    left, top, right, bottom = changed
    assert left >= (place.x + 4 * art) * scale - 2
    assert right <= (place.x + place.size - 4 * art) * scale + 2
    assert top >= (shown.height - place.y - (appearance.QR_BOTTOM + appearance.QR_SIDE + 3) * art) * scale - 2
    assert bottom <= (shown.height - place.y - 4 * art) * scale + 2


@pytest.mark.parametrize("name", PAGES)
def test_the_stamp_stands_upright_where_it_was_asked_for(name: str) -> None:
    source = PAGES[name]
    place = Placement(page=1, x=frame(source).width * 0.4, y=frame(source).height * 0.2)
    foreseen = foreseeing.foresee(source, placement=place, width=2000)
    seen = cut(foreseen, place, source).resize((48, 48), Image.Resampling.BOX)
    drawn = appearance.as_pdf(serial=appearance.PLACEHOLDER_SERIAL, address=appearance.PLACEHOLDER_ADDRESS)
    stamp = pictures.render(drawn, page=1, width=344).resize((48, 48), Image.Resampling.BOX)
    turned = [ImageStat.Stat(ImageChops.difference(seen, stamp.rotate(angle)).convert("L")) for angle in (0, 90, 180)]
    upright, *others = (one.mean[0] for one in turned)
    assert upright < 25 and upright < 0.6 * min(others), (upright, others)


def test_a_place_beyond_the_page_is_previewed_where_it_will_be_sealed() -> None:
    source = PAGES["letter"]
    beyond = Placement(page=1, x=9_000, y=-50)
    corner = Placement(page=1, x=frame(source).width - DEFAULT_SIZE, y=0)
    pair = [foreseeing.foresee(source, placement=place, width=600) for place in (beyond, corner)]
    assert ImageChops.difference(*pair).getbbox() is None


def test_the_picture_that_is_sent_differs_from_it_by_a_shade_at_most() -> None:
    source, place = PAGES["letter"], Placement(page=1, x=300, y=120)
    sent = place_child.preview(source, placement=place, width=1000)
    whole = foreseeing.foresee(source, placement=place, width=1000)
    shown = Image.open(BytesIO(sent.data)).convert("RGB")
    assert (sent.width, sent.height) == shown.size == whole.size
    assert max(ImageStat.Stat(ImageChops.difference(shown, whole)).mean) < 1.0
    assert len(sent.data) < 60_000


def test_a_file_that_sealing_refuses_is_refused_in_the_preview_too() -> None:
    with pytest.raises(Refused, match="certified_no_changes"):
        place_child.preview(tools.source("certified-1"), placement=Placement(page=1, x=1, y=1), width=300)
    with pytest.raises(Refused, match="no_such_page"):
        place_child.preview(PAGES["letter"], placement=Placement(page=5, x=1, y=1), width=300)
    with pytest.raises(ValueError, match="range"):
        place_child.preview(PAGES["letter"], placement=Placement(page=1, x=1, y=1), width=90_000)
