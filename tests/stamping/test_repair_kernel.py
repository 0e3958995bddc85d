"""What is mended on a copy, how far the copy is from the original, and what is never mended."""

from io import BytesIO

import pikepdf
import pytest
from PIL import Image

from stamping.pdf import comparing, fitting, mending, mending_child, preflight, shrinking, traits
from stamping.pdf.mendable import Kind, Wanted, needed, possible
from stamping.pdf.trouble import Hostile, Refused, Unreadable
from tests.corpus import make
from tests.stamping import pdf_tools as tools
from tests.stamping import repair_files as faulty

WANTED = Wanted(faulty.LIMIT, ("1.6", "2.0"))
A4_POINTS = pytest.approx((595.28, 841.89), abs=0.1)


def examined(data: bytes) -> preflight.Preflight:
    return preflight.examine(data, faulty.LIMIT, upload_bytes=20_000_000)


def fonts(data: bytes) -> set[bytes]:
    with pikepdf.open(BytesIO(data)) as pdf:
        return {
            one.FontFile2.read_bytes()
            for one in pdf.objects
            if isinstance(one, pikepdf.Dictionary) and "/FontFile2" in one
        }


# ---- size


def test_a_file_over_the_limit_is_made_to_fit_with_room_for_the_stamp() -> None:
    source = faulty.heavy()
    assert needed(examined(source)) == (Kind.SIZE,)
    data, measures = mending.mend(source, Kind.SIZE, WANTED)
    assert len(data) + preflight.STAMP_GROWTH <= faulty.LIMIT < len(source)
    assert Kind.SIZE not in possible(examined(data))
    assert measures.quality and measures.dpi


def test_what_was_lost_to_the_eye_is_measured_and_found_again() -> None:
    source = faulty.heavy(2)
    data, measures = mending.mend(source, Kind.SIZE, WANTED)
    lost = measures.loss
    assert lost is not None and lost.decibels is not None and 25 < lost.decibels < 60 and 0 < lost.largest <= 255
    worst = min(comparing.compare(*_page_alone(source, data, page), count=1).decibels or 99 for page in (1, 2))
    assert lost.decibels == worst
    parts = [
        Image.open(BytesIO(comparing.detail(one, page=lost.page, left=lost.left, top=lost.top)))
        for one in (source, data)
    ]
    assert parts[0].size == parts[1].size == (352, 272)
    assert parts[0].tobytes() != parts[1].tobytes()


def _page_alone(source: bytes, data: bytes, page: int) -> list[bytes]:
    alone = []
    for one in (source, data):
        with pikepdf.open(BytesIO(one)) as pdf:
            for other in reversed(range(len(pdf.pages))):
                if other != page - 1:
                    del pdf.pages[other]
            out = BytesIO()
            pdf.save(out)
            alone.append(out.getvalue())
    return alone


def test_what_costs_nothing_to_the_eye_comes_first() -> None:
    source = faulty.doubled()
    assert len(source) > faulty.LIMIT
    data, measures = mending.mend(source, Kind.SIZE, WANTED)
    assert (measures.quality, measures.dpi) == (0, 0)
    assert measures.loss is not None and measures.loss.decibels is None, "no pixel differs"
    assert len(data) < faulty.LIMIT - preflight.STAMP_GROWTH


def test_the_first_step_that_fits_is_taken() -> None:
    source = faulty.heavy()
    qualities = [shrinking.shrink(source, target=target).quality for target in (170_000, 120_000, 70_000)]
    assert qualities == sorted(qualities, reverse=True) and qualities[0] > qualities[-1] > 0


def test_text_and_fonts_are_never_touched() -> None:
    with pikepdf.open(BytesIO(tools.source("letter"))) as pdf, pikepdf.open(BytesIO(faulty.heavy())) as scan:
        pdf.pages.extend(scan.pages)
        out = BytesIO()
        pdf.save(out, min_version="1.6")
    source = out.getvalue()
    data, measures = mending.mend(source, Kind.SIZE, WANTED)
    assert measures.quality
    assert fonts(source) == fonts(data) != set()
    assert traits.text_layer(data) == "all"


def test_masks_and_black_and_white_stay_exact() -> None:
    with pikepdf.open(BytesIO(faulty.heavy())) as pdf:
        (picture,) = [one for one in pdf.objects if isinstance(one, pikepdf.Stream) and one.get("/Subtype") == "/Image"]
        mask = pdf.make_stream(bytes(range(256)) * 64, Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image)
        mask.Width, mask.Height, mask.BitsPerComponent, mask.ColorSpace = 128, 128, 8, pikepdf.Name.DeviceGray
        picture.SMask = mask
        fax = pdf.make_stream(b"\xaa" * 8_192, Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image)
        fax.Width, fax.Height, fax.BitsPerComponent, fax.ColorSpace = 256, 256, 1, pikepdf.Name.DeviceGray
        pdf.pages[0].obj.Resources.XObject.Faks = fax
        pdf.pages[0].contents_add(b"q 10 0 0 10 5 5 cm /Faks Do Q")
        out = BytesIO()
        pdf.save(out)
    shrunk = shrinking.shrink(out.getvalue(), target=130_000)
    with pikepdf.open(BytesIO(shrunk.data)) as pdf:
        images = [one for one in pdf.objects if isinstance(one, pikepdf.Stream) and one.get("/Subtype") == "/Image"]
        kept = {one.read_bytes() for one in images if one.get("/Filter") != "/DCTDecode"}
    assert kept >= {bytes(range(256)) * 64, b"\xaa" * 8_192}


def test_a_file_that_nothing_makes_fit_is_told_so() -> None:
    with pytest.raises(Refused) as refused:
        mending.mend(faulty.noise(), Kind.SIZE, WANTED)
    assert refused.value.code == "cannot_shrink"


# ---- page size


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("size", [(612, 792), (792, 612), (283.5, 283.5), (609.4, 935.4), (2384, 3370)])
def test_any_page_is_put_onto_a4_as_it_was_seen(size: tuple[float, float], rotation: int) -> None:
    source = faulty.of_size(*size, rotation=rotation)
    data, measures = mending.mend(source, Kind.PAGE_SIZE, WANTED)
    (before,), (after,) = examined(source).pages, examined(data).pages
    assert after.is_a4 and after.rotation == rotation
    assert (after.width > after.height) == (before.width > before.height)
    assert measures.scale == pytest.approx(min(after.width / before.width, after.height / before.height), abs=0.002)
    assert comparing.drift(source, data, count=1) < 0.15


@pytest.mark.parametrize("name", ["page-unit-10.0-90", "page-cropped-270", "page-mixed", "size-a6", "size-f4"])
def test_odd_units_boxes_and_mixtures_end_as_a4(name: str) -> None:
    data, _measures = mending.mend(make.CASES[f"{name}.pdf"].make(), Kind.PAGE_SIZE, WANTED)
    facts = preflight.examine(data)
    assert facts.is_a4 and not facts.refused and not facts.repairable


def test_a_link_moves_along_with_the_words_it_stands_on() -> None:
    source = faulty.of_size(1190, 1684)
    data, measures = mending.mend(source, Kind.PAGE_SIZE, WANTED)
    with pikepdf.open(BytesIO(source)) as old, pikepdf.open(BytesIO(data)) as new:
        before, after = ([float(one) for one in pdf.pages[0].obj.Annots[0].Rect] for pdf in (old, new))
    assert after == pytest.approx([measures.scale * one for one in before], abs=0.6)


def test_pages_that_are_a4_already_are_left_as_they_are() -> None:
    with pikepdf.open(BytesIO(tools.source("letter"))) as pdf:
        with pikepdf.open(BytesIO(faulty.of_size(612, 792))) as other:
            pdf.pages.extend(other.pages)
        before = [page.obj.Contents.read_bytes() for page in pdf.pages]
        assert fitting.fit(pdf) == (pytest.approx(0.9727, abs=0.001), 2)
        same = [page.obj.Contents.read_bytes() == old for page, old in zip(pdf.pages, before, strict=True)]
    assert same == [True, False]


def test_ink_that_went_astray_is_noticed() -> None:
    letter, blank = tools.source("letter"), faulty.of_size(595.28, 841.89)
    assert comparing.drift(letter, letter, count=1) == 0
    assert comparing.drift(letter, blank, count=1) > mending.MOST_DRIFT


# ---- version, structure


@pytest.mark.parametrize(
    ("version", "wanted", "after"), [("1.3", ("1.6", "2.0"), "1.7"), ("2.0", ("1.4", "1.7"), "1.7")]
)
def test_a_version_outside_the_range_is_brought_inside(version: str, wanted: tuple[str, str], after: str) -> None:
    source = faulty.of_version(version)
    assert Kind.VERSION in possible(preflight.examine(source, versions=wanted))
    data, measures = mending.mend(source, Kind.VERSION, Wanted(faulty.LIMIT, wanted))
    assert measures.version == after and measures.loss is not None and measures.loss.decibels is None
    assert Kind.VERSION not in possible(preflight.examine(data, versions=wanted))


def test_a_lock_of_a_newer_version_is_not_carried_into_an_older_one() -> None:
    with pytest.raises(Refused) as refused:
        mending.mend(faulty.of_version("2.0", encrypted=True), Kind.VERSION, Wanted(faulty.LIMIT, ("1.4", "1.7")))
    assert refused.value.code == "locked_to_version"


def test_a_damaged_file_is_made_whole_and_looks_the_same() -> None:
    data, measures = mending.mend(tools.source("damaged"), Kind.STRUCTURE, WANTED)
    assert not examined(data).repairable
    assert measures.drawable and measures.loss is not None and measures.loss.decibels is None


def test_a_copy_that_could_not_be_sealed_is_no_repair() -> None:
    with pytest.raises(Unreadable):
        mending.mend(tools.source("spliced"), Kind.STRUCTURE, WANTED)


# ---- never


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("name", ["signed", "certified-2"])
def test_a_signed_file_is_never_rewritten(name: str, kind: Kind) -> None:
    assert possible(examined(tools.source(name))) == ()
    with pytest.raises(Refused) as refused:
        mending.mend(tools.source(name), kind, WANTED)
    assert refused.value.code == "signed_not_rewritten"


def test_a_signed_file_over_the_limit_is_refused_with_what_to_do() -> None:
    facts = preflight.examine(tools.source("signed"), 5_000, upload_bytes=900_000)
    assert [one.code for one in facts.findings if one.severity == "refuse"] == ["signed_too_large"]


@pytest.mark.parametrize("name", ["encrypted-rc4-128.pdf", "encrypted-aes-256.pdf"])
def test_a_locked_file_stays_locked_as_it_was_and_says_so(name: str) -> None:
    source = make.CASES[name].make()
    with pikepdf.open(BytesIO(source)) as pdf:
        before = (pdf.encryption.R, pdf.encryption.P)
    data, measures = mending.mend(source, Kind.STRUCTURE, WANTED)
    with pikepdf.open(BytesIO(data)) as pdf:
        assert before == (pdf.encryption.R, pdf.encryption.P)
    assert measures.encrypted


def test_nothing_is_made_where_nothing_is_wrong() -> None:
    with pytest.raises(Refused) as refused:
        mending.mend(tools.source("letter"), Kind.PAGE_SIZE, WANTED)
    assert refused.value.code == "nothing_to_repair"


# ---- the child


def test_the_child_mends_what_the_parent_would() -> None:
    assert mending_child.mend(tools.source("damaged"), kind=Kind.STRUCTURE, wanted=WANTED) == mending.mend(
        tools.source("damaged"), Kind.STRUCTURE, WANTED
    )


def test_the_child_hands_on_why_not() -> None:
    with pytest.raises(Refused) as refused:
        mending_child.mend(tools.source("signed"), kind=Kind.SIZE, wanted=WANTED)
    assert refused.value.code == "signed_not_rewritten"
    with pytest.raises(Unreadable):
        mending_child.mend(b"%PDF-1.7 nothing", kind=Kind.STRUCTURE, wanted=WANTED)


def test_a_repair_that_eats_time_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mending_child, "WALL_SECONDS", 0.01)
    with pytest.raises(Hostile):
        mending_child.mend(tools.source("damaged"), kind=Kind.STRUCTURE, wanted=WANTED)
