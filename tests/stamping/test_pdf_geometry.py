"""From the page as it is seen to the page as it is counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stamping.pdf import geometry

numbers = st.floats(-2_000, 2_000)
sides = st.floats(21, 2_000)


@st.composite
def frames(draw: st.DrawFn) -> geometry.PageFrame:
    left, bottom = draw(numbers), draw(numbers)
    box = geometry.Box(left, bottom, left + draw(sides), bottom + draw(sides))
    return geometry.PageFrame(box, draw(st.sampled_from([0, 90, 180, 270])), draw(st.floats(1, 4)))


@given(frame=frames(), x=numbers, y=numbers, size=st.floats(54, 144))
def test_the_whole_stamp_is_inside_what_is_shown(frame: geometry.PageFrame, x: float, y: float, size: float) -> None:
    box = frame.to_user(geometry.Placement(page=1, x=x, y=y, size=size))
    slack = 1e-6
    assert box.llx >= frame.visible.llx - slack and box.lly >= frame.visible.lly - slack
    assert box.urx <= frame.visible.urx + slack and box.ury <= frame.visible.ury + slack
    assert box.width == pytest.approx(box.height)


@given(frame=frames(), x=numbers, y=numbers, size=st.floats(54, 144))
def test_from_the_file_back_to_the_screen_is_the_same_place(
    frame: geometry.PageFrame, x: float, y: float, size: float
) -> None:
    asked = geometry.Placement(page=1, x=x, y=y, size=size)
    placement, shown = frame.fit(asked), frame.to_displayed(frame.to_user(asked))
    assert (shown.llx, shown.lly) == pytest.approx((placement.x, placement.y), abs=1e-6)
    assert (shown.width, shown.height) == pytest.approx((placement.size, placement.size), abs=1e-6)


@pytest.mark.parametrize(
    ("rotation", "corner"),
    [
        (0, (10, 20)),
        (90, (10 + 300 - 86, 20)),
        (180, (10 + 300 - 86, 20 + 500 - 86)),
        (270, (10, 20 + 500 - 86)),
    ],
)
def test_the_displayed_bottom_left_is_the_right_corner_of_the_file(rotation: int, corner: tuple[float, float]) -> None:
    frame = geometry.PageFrame(geometry.Box(10, 20, 310, 520), rotation)
    box = frame.to_user(geometry.Placement(page=1, x=0, y=0))
    assert (box.llx, box.lly) == pytest.approx(corner)


@given(frame=frames(), left=st.floats(0, 0.5), top=st.floats(0, 0.5))
def test_a_click_comes_back_as_the_same_fractions(frame: geometry.PageFrame, left: float, top: float) -> None:
    page = {"width": frame.width, "height": frame.height}
    placed = geometry.from_fractions(page=1, left=left, top=top, **page)
    assert geometry.to_fractions(placed, **page)[:2] == pytest.approx((left, top), abs=1e-6)


@pytest.mark.parametrize("size", [0, 53.9, 144.1, float("nan"), float("inf"), -86])
def test_a_size_that_is_not_allowed_is_refused(size: float) -> None:
    frame = geometry.PageFrame(geometry.Box(0, 0, 595, 842))
    with pytest.raises(geometry.GeometryError, match="bad_placement"):
        frame.fit(geometry.Placement(page=1, x=0, y=0, size=size))


@pytest.mark.parametrize("x", [float("nan"), float("inf"), -float("inf")])
def test_a_position_that_is_no_number_is_refused(x: float) -> None:
    frame = geometry.PageFrame(geometry.Box(0, 0, 595, 842))
    with pytest.raises(geometry.GeometryError, match="bad_placement"):
        frame.fit(geometry.Placement(page=1, x=x, y=0))


def test_what_is_shown_is_where_the_boxes_meet() -> None:
    frame = geometry.frame(media=(0, 0, 595, 842), crop=(100, -50, 900, 800), rotation=450, user_unit=1)
    assert frame.visible == geometry.Box(100, 0, 595, 800)
    assert frame.rotation == 90
    assert (frame.width, frame.height) == (800, 495)


def test_a_crop_box_beside_the_page_is_ignored() -> None:
    frame = geometry.frame(media=(0, 0, 595, 842), crop=(600, 0, 900, 842), rotation=45, user_unit=0)
    assert frame == geometry.PageFrame(geometry.Box(0, 0, 595, 842))
