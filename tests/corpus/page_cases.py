"""Pages of every shape: turned, shifted, cut, enlarged, tiny, vast, or said in odd ways."""

import pikepdf
from pikepdf import Array, Dictionary, Name

from tests.corpus.cases import SEALED, add, by_hand, edited, letter, paged

CM = 72 / 2.54
BOXES = {
    "plain": {},
    "shifted": {"MediaBox": [-100, -50, 495, 792]},
    "far": {"MediaBox": [5000, 7000, 5595, 7842]},
    "cropped": {"CropBox": [60, 40, 540, 800]},
    "crop-over": {"MediaBox": [-100, -50, 495, 792], "CropBox": [-60, -20, 900, 700]},
}
SIZES = {
    "10x10cm": (10 * CM, 10 * CM),
    "a0": (2383.94, 3370.39),
    "a0-across": (3370.39, 2383.94),
    "us-letter": (612, 792),
    "f4": (609.4, 935.4),
    "a6": (297.6, 419.5),
    "receipt": (164, 1200),
    "strip": (60, 3000),
    "stamp-sized": (90, 90),
    "thumb": (40, 40),
    "largest": (14400, 14400),
}
ODD = {
    "media-reversed": b"/MediaBox [595 842 0 0]",
    "media-reals": b"/MediaBox [0.0 0.0 595.2756 841.8898]",
    "media-elsewhere": b"/MediaBox 6 0 R",
    "media-piecewise": b"/MediaBox [7 0 R 7 0 R 8 0 R 9 0 R]",
    "media-of-three": b"/MediaBox [0 0 595]",
    "media-of-nothing": b"/MediaBox [0 0 0 0]",
    "media-of-names": b"/MediaBox [/a /b /c /d]",
    "crop-beside": b"/CropBox [2000 2000 2500 2500]",
    "crop-of-nothing": b"/CropBox [10 10 10 10]",
    "crop-null": b"/CropBox null",
    "turned-back": b"/Rotate -90",
    "turned-often": b"/Rotate 450",
    "turned-askew": b"/Rotate 45",
    "turned-real": b"/Rotate 90.0",
    "turned-null": b"/Rotate null",
    "turned-named": b"/Rotate /East",
    "turned-elsewhere": b"/Rotate 10 0 R",
    "unit-zero": b"/UserUnit 0",
    "unit-below": b"/UserUnit -2",
    "unit-named": b"/UserUnit /Two",
    "contents-missing": b"/Contents null",
    "contents-dangling": b"/Contents 99 0 R",
    "contents-pieces": b"/Contents [4 0 R null 99 0 R 4 0 R]",
    "resources-null": b"/Resources null",
    "annots-null": b"/Annots null",
    "annots-dangling": b"/Annots 99 0 R",
    "annots-empty-elsewhere": b"/Annots 11 0 R",
    "annots-with-nulls": b"/Annots [null 99 0 R]",
    "annots-a-dictionary": b"/Annots <</Type /Annot>>",
    "annots-a-number": b"/Annots 7",
    "annots-of-numbers": b"/Annots [1 2 (drei)]",
}
PIECES = [b"[0 0 595 842]", b"0", b"595", b"842", b"90", b"[]"]


def _boxed(turn: int, entries: dict[str, list[int]], unit: float | None = None) -> bytes:
    def change(page: pikepdf.Object) -> None:
        page.Rotate = turn
        for key, box in entries.items():
            page[f"/{key}"] = Array(box)
        if unit is not None:
            page.UserUnit = unit

    return edited(
        lambda pdf: (change(pdf.pages[0].obj), setattr(pdf.Root, "Version", Name("/1.7")))[0],
        letter(words="Hormat saya,"),
    )


for _turn in (0, 90, 180, 270):
    for _name, _entries in BOXES.items():
        add(f"page-{_name}-{_turn}.pdf", lambda t=_turn, e=_entries: _boxed(t, e), SEALED)
    for _unit in (0.5, 2.0, 10.0):
        add(f"page-unit-{_unit}-{_turn}.pdf", lambda t=_turn, u=_unit: _boxed(t, {}, u), SEALED)
for _name, _size in SIZES.items():
    add(f"size-{_name}.pdf", lambda s=_size: letter(s), SEALED)
add(
    "size-fifteen-points.pdf",
    lambda: paged(lambda p: p.__setattr__("MediaBox", Array([0, 0, 15, 300]))),
    "page_too_small",
)
for _name, _entry in ODD.items():
    add(f"odd-{_name}.pdf", lambda e=_entry: by_hand(page=e, more=PIECES))


def _inherited() -> bytes:
    """Box, turn and resources on the page tree's root, none on the page."""

    def change(pdf: pikepdf.Pdf) -> None:
        page, root = pdf.pages[0].obj, pdf.Root.Pages
        root.MediaBox, root.Rotate, root.Resources = Array([0, 0, 595, 842]), 90, page.Resources
        for key in ("/MediaBox", "/Rotate", "/Resources"):
            if key in page:
                del page[key]

    return edited(change)


def _mixed() -> bytes:
    """Twelve pages, each turned and sized differently; the last is too small for anything."""

    def change(pdf: pikepdf.Pdf) -> None:
        for number, page in enumerate(pdf.pages):
            page.obj.Rotate = number % 4 * 90
            page.obj.MediaBox = Array([number, number, 400 + 20 * number, 500 + 10 * number])
        pdf.pages[-1].obj.MediaBox = Array([0, 0, 10, 10])

    return edited(change, letter(count=12))


def _layered() -> bytes:
    """All of the page on a layer that is off."""

    def change(pdf: pikepdf.Pdf) -> None:
        group = pdf.make_indirect(Dictionary(Type=Name.OCG, Name="Lapis"))
        pdf.Root.OCProperties = Dictionary(OCGs=[group], D=Dictionary(OFF=[group], BaseState=Name.OFF))
        page = pdf.pages[0]
        page.obj.Resources.Properties = Dictionary(L=group)
        page.contents_add(b"/OC /L BDC", prepend=True)
        page.contents_add(b"EMC")

    return edited(change)


add("page-inherited.pdf", _inherited, SEALED)
add("page-mixed.pdf", _mixed, SEALED)
add("page-hidden-layer.pdf", _layered, SEALED)
