"""Where a stamp is suggested: beside the signature block, on paper that is free."""

from io import BytesIO

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageChops
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from stamping.pdf import child, pages, pictures, suggesting
from stamping.pdf.geometry import Placement
from stamping.pdf.trouble import Refused, Unreadable
from tests.corpus import content_cases, signature_cases
from tests.corpus.cases import CASES, letter
from tests.stamping import pdf_tools as tools


def ink_under(source: bytes, place: Placement) -> int:
    """How many pixels, of a picture 1,200 pixels wide, the stamp would cover that are not paper."""
    picture = pictures.render(source, page=place.page, width=1200).convert("L")
    with pikepdf.open(BytesIO(source)) as pdf:
        frame = pages.frame_of(pdf.pages[place.page - 1].obj)
    scale = picture.width / frame.width
    top = (frame.height - place.y - place.size) * scale
    cut = picture.crop(
        (int(place.x * scale), int(top), int((place.x + place.size) * scale), int(top + place.size * scale))
    )
    paper = max(range(256), key=picture.histogram().__getitem__)
    return sum(cut.point([int(abs(level - paper) > 60) for level in range(256)]).tobytes())


@pytest.mark.parametrize(
    "name", ["letter", "rotated-90", "rotated-180", "rotated-270", "shifted", "encrypted", "signed"]
)
def test_the_stamp_is_suggested_beside_the_signature_and_over_nothing(name: str) -> None:
    suggestion = suggesting.suggest(tools.source(name))
    assert suggestion.how == "beside_signature" and not suggestion.covers
    assert ink_under(tools.source(name), suggestion.placement) == 0


def test_a_block_at_the_right_has_the_stamp_at_its_left() -> None:
    place = suggesting.suggest(letter()).placement
    assert place.x + place.size < A4[0] * 0.55
    assert A4[1] * 0.05 < place.y < A4[1] * 0.3


def test_the_last_page_with_a_block_is_taken() -> None:
    out = BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1)
    for words in ("Pembukaan", "Hormat saya,", "Lampiran"):
        canvas.drawString(100, 400, words)
        canvas.showPage()
    canvas.save()
    assert suggesting.suggest(out.getvalue()).placement.page == 2


def test_a_scan_without_text_has_the_stamp_where_it_is_free() -> None:
    suggestion = suggesting.suggest(tools.source("scan"))
    assert suggestion.how == "free_space"
    assert ink_under(tools.source("scan"), suggestion.placement) == 0


def test_a_field_that_waits_for_a_signature_is_left_free() -> None:
    source = signature_cases.empty_field(letter())  # the field's box is (320, 120, 520, 220)
    place = suggesting.suggest(source).placement
    assert place.x + place.size <= 320 or place.x >= 520 or place.y + place.size <= 120 or place.y >= 220


@pytest.mark.parametrize("name", ["crowded.pdf", "patterned.pdf"])
def test_on_a_full_page_the_stamp_goes_where_it_covers_least_and_says_so(name: str) -> None:
    assert content_cases.EXPORTS  # the cases are loaded
    suggestion = suggesting.suggest(CASES[name].make())
    assert suggestion.how in ("corner", "free_space")
    assert suggestion.covers == (suggestion.how == "corner")


def test_a_coloured_page_is_paper_too() -> None:
    assert suggesting.suggest(CASES["blue.pdf"].make()).how == "free_space"


@given(
    st.lists(st.tuples(st.integers(0, 540), st.integers(0, 790), st.integers(5, 300), st.integers(5, 60)), max_size=25)
)
@settings(max_examples=25, deadline=None)
def test_ink_is_never_covered_while_anything_is_free(blots: list[tuple[int, int, int, int]]) -> None:
    out = BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1)
    for x, y, wide, high in blots:
        canvas.rect(x, y, wide, high, stroke=0, fill=1)
    canvas.showPage()
    canvas.save()
    suggestion = suggesting.suggest(out.getvalue())
    assert suggestion.covers or ink_under(out.getvalue(), suggestion.placement) == 0


def test_no_page_no_room_and_no_pdf_are_told_apart() -> None:
    with pytest.raises(Refused, match="no_such_page"):
        suggesting.suggest(tools.source("letter"), page=9)
    with pytest.raises(Refused, match="page_too_small"):
        suggesting.suggest(letter((15, 300)))
    with pytest.raises(Unreadable):
        suggesting.suggest(b"%PDF-1.7\n")


def test_the_child_suggests_what_the_parent_would() -> None:
    assert child.suggest(tools.source("letter")) == suggesting.suggest(tools.source("letter"))
    with pytest.raises(Refused, match="no_such_page"):
        child.suggest(tools.source("letter"), page=9)


def test_the_suggestion_is_the_same_each_time() -> None:
    first, second = (suggesting.suggest(tools.source("scan")) for _ in range(2))
    assert first == second


def test_a_suggested_stamp_changes_nothing_but_its_own_place() -> None:
    source = tools.source("letter")
    place = suggesting.suggest(source).placement
    before, after = (pictures.render(data, page=1, width=600) for data in (source, tools.seal(source, placement=place)))
    left, top, right, bottom = ImageChops.difference(before, after).getbbox()
    scale = 600 / 595.3
    assert left >= place.x * scale - 2 and right <= (place.x + place.size) * scale + 2
    assert bottom <= (841.9 - place.y) * scale + 2 and top >= (841.9 - place.y - place.size) * scale - 2
