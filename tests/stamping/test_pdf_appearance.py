"""The stamp as a person sees it, by the pixels that PDFium draws."""

from io import BytesIO

import pikepdf
import pytest
import segno
from PIL import Image, ImageChops

from stamping.pdf import appearance, geometry, pages, pictures
from tests.stamping import pdf_tools as tools

WIDTH = 1_800
PLACES = {"low left": (40.0, 60.0), "high right": (1e5, 1e5)}
FRAMES = ("letter", "rotated-90", "rotated-180", "rotated-270", "shifted")


def _pictures(name: str, placement: geometry.Placement) -> tuple[Image.Image, Image.Image, float, float]:
    """Before, after, and the displayed width and height in points."""
    plain = tools.source(name)
    before = pictures.render(plain, page=1, width=WIDTH)
    after = pictures.render(tools.seal(plain, placement=placement), page=1, width=WIDTH)
    with pikepdf.open(BytesIO(plain)) as pdf:
        frame = pages.frame_of(pdf.pages[0].obj)
    return before, after, frame.width, frame.height


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("place", PLACES)
def test_the_stamp_is_seen_exactly_where_it_was_placed(name: str, place: str) -> None:
    x, y = PLACES[place]
    before, after, width, height = _pictures(name, geometry.Placement(page=1, x=x, y=y))
    left, bottom = min(x, width - 86), min(y, height - 86)
    scale = WIDTH / width
    wanted = (left * scale, (height - bottom - 86) * scale, (left + 86) * scale, (height - bottom) * scale)
    changed = ImageChops.difference(before, after).getbbox()
    assert changed is not None, "nothing to see"
    assert all(abs(seen - asked) <= 2.5 for seen, asked in zip(changed, wanted, strict=True)), (
        changed,
        wanted,
    )


@pytest.mark.parametrize("name", FRAMES)
def test_the_stamp_stands_upright_and_is_not_mirrored(name: str) -> None:
    """Compared with the art itself, and with the art turned: the upright one must be by far the nearest."""
    _before, after, width, height = _pictures(name, geometry.Placement(page=1, x=40.0, y=60.0))
    scale = WIDTH / width
    left, top, side = round(40 * scale), round((height - 60 - 86) * scale), round(86 * scale)
    seen = after.crop((left, top, left + side, top + side)).resize((129, 129)).convert("L")
    art = appearance_picture().resize((129, 129)).convert("L")
    wrong = [art.rotate(90), art.rotate(180), art.rotate(270), art.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    assert _distance(seen, art) * 2 < min(_distance(seen, other) for other in wrong)


def appearance_picture() -> Image.Image:
    """The stamp alone."""
    pdf = appearance.as_pdf(serial=tools.SERIAL, address=tools.ADDRESS)
    return pictures.render(pdf, page=1, width=516)


def _distance(one: Image.Image, other: Image.Image) -> float:
    histogram = ImageChops.difference(one, other).histogram()
    return sum(value * count for value, count in enumerate(histogram)) / (one.width * one.height)


def test_the_qr_symbol_can_be_read_module_by_module() -> None:
    matrix = segno.make(tools.ADDRESS, error="m", micro=False, boost_error=False, mask=appearance.QR_MASK).matrix
    picture = appearance_picture().convert("L")
    scale, module = picture.width / appearance.ART, appearance.QR_SIDE / len(matrix)
    for row, line in enumerate(matrix):
        for column, dark in enumerate(line):
            x = appearance.QR_LEFT + (column + 0.5) * module
            y = appearance.ART - appearance.QR_BOTTOM - appearance.QR_SIDE + (row + 0.5) * module
            light = picture.getpixel((int(x * scale), int(y * scale)))
            assert isinstance(light, int)
            assert (light < 128) == bool(dark), (row, column)


def test_another_serial_looks_different_and_nothing_else_does() -> None:
    one = pictures.render(appearance.as_pdf(serial=tools.SERIAL, address=tools.ADDRESS), page=1, width=516)
    two = pictures.render(appearance.as_pdf(serial=tools.OTHER_SERIAL, address=tools.ADDRESS), page=1, width=516)
    box = ImageChops.difference(one, two).getbbox()
    assert box is not None
    assert box[1] / 516 * appearance.ART > appearance.ART - 12, "only the serial's line may differ"


def test_the_preview_is_a_small_square_picture() -> None:
    data = appearance.preview_png(serial_text=appearance.PLACEHOLDER_SERIAL, size_px=258)
    picture = Image.open(BytesIO(data))
    assert picture.size == (258, 258)
    assert len(data) < 25_000
