"""Proofread: a sealed file looked at once more, by the eyes of strict readers, before it leaves.

Sealing a file in disorder may give a seal that one reader shows and another calls broken. Bulk runs look at every
output; a file without signatures that fails here is repaired and sealed again, one with signatures is refused.
"""

import math
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any

import pikepdf
import pypdfium2
from PIL import Image, ImageChops
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from stamping.pdf import geometry, inspecting, pages
from stamping.pdf.facts import SignatureFacts
from stamping.verdict import Changes

LOOKED_AT = 600
"""Pixels: longer side of the pictures before and after."""
SEEN = 0.25
"""The least part of the stamp's square that must look other than before; the art changes nearly all of a blank page."""


@dataclass(frozen=True)
class Proof:
    """What holds of a sealed file.

    `contents_whole`: qpdf can decode every stream that a page needs. `strict`: readers that forgive nothing agree.
    `quirks`: qpdf's warnings, counted.
    """

    seal_holds: bool
    earlier_hold: bool
    visible: bool
    contents_whole: bool
    strict: bool
    quirks: int

    @property
    def acceptable(self) -> bool:
        """Whether the file may be handed out."""
        return self.seal_holds and self.earlier_hold and self.visible and self.contents_whole

    @property
    def clean(self) -> bool:
        return self.acceptable and self.strict and not self.quirks

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """The better of two proofs is the greater."""
        return self.acceptable, self.strict, -self.quirks


@dataclass(frozen=True)
class Look:
    """The second look at a file that is about to be handed out: what must hold of it.

    `seal_holds`: it opens again, and the seal with this serial is whole. `earlier_hold`: every other signature is what
    it was. `visible`: the stamp is seen on its page.
    """

    seal_holds: bool
    earlier_hold: bool
    visible: bool

    @property
    def is_good(self) -> bool:
        return self.seal_holds and self.earlier_hold and self.visible

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def look(*, source: bytes, sealed: bytes, serial: str, place: geometry.Placement, seen: float = SEEN) -> Look:
    """Look again at a sealed file. Whoever sealed it, the seal is known by its serial. Never raises for what is in it.

    `seen`: the least part of the stamp's square that must look other than before.
    """
    before, after = _signatures(source), _signatures(sealed)
    ours = [one for one in after if one.reason.startswith(f"[{serial}]")]
    fine = (Changes.NOTHING, Changes.PERMITTED)  # long-term data follows the seal
    return Look(
        seal_holds=len(ours) == 1 and ours[0].intact and ours[0].changes in fine,
        earlier_hold=_still_hold(before, [one for one in after if one not in ours]),
        visible=_visible(source, sealed, place, seen),
    )


def proofread(*, source: bytes, sealed: bytes, field: str, place: geometry.Placement) -> Proof:
    """Compare the file before and after. `field` is the seal's. Never raises for what is in the file."""
    before, after = _signatures(source), _signatures(sealed)
    said = _said_by_qpdf(sealed)
    ours = [one for one in after if one.field == field]
    return Proof(
        seal_holds=len(ours) == 1 and ours[0].intact and ours[0].changes is Changes.NOTHING,
        earlier_hold=_still_hold(before, [one for one in after if one.field != field]),
        visible=_visible(source, sealed, place, SEEN),
        strict=_strictly_valid(sealed),
        contents_whole=not any(line.startswith("ERROR") for line in said),
        quirks=len(said),
    )


def _said_by_qpdf(data: bytes) -> list[str]:
    """What `qpdf --check` says about a file, a line each beginning WARNING or ERROR."""
    try:
        with pikepdf.open(BytesIO(data), suppress_warnings=True) as pdf:
            return [f"WARNING: {one}" for one in pdf.get_warnings()] + pdf.check_pdf_syntax()
    except Exception as error:  # qpdf reports through several kinds of error
        return [f"ERROR: {error}"]


def _signatures(data: bytes) -> list[SignatureFacts]:
    try:
        return list(inspecting.signatures(data))
    except Exception:  # any library error on a hostile file
        return []


def _still_hold(before: list[SignatureFacts], after: list[SignatureFacts]) -> bool:
    """Whether each signature that held still does, and none lost standing by what we added."""
    now = {one.field: one for one in after}
    for one in before:
        kept = now.get(one.field)
        if kept is None or kept.problem != one.problem or kept.intact < one.intact:
            return False
        if kept.changes is not one.changes and kept.changes not in (Changes.NOTHING, Changes.PERMITTED):
            return False
    return True


def _strictly_valid(data: bytes) -> bool:
    """Whether a reader that forgives nothing finds the newest signature good."""
    try:
        reader = PdfFileReader(BytesIO(data), strict=True)
        if reader.encrypted:
            reader.decrypt(b"")
        newest = reader.embedded_regular_signatures[-1]
        context = ValidationContext(trust_roots=[], allow_fetching=False)
        status = validate_pdf_signature(newest, signer_validation_context=context)
        return bool(status.intact and status.valid)
    except Exception:  # a strict reader's refusal, whatever its kind
        return False


def _visible(source: bytes, sealed: bytes, place: geometry.Placement, seen: float) -> bool:
    """Whether the page looks other than before where the stamp stands."""
    try:
        before, after = _picture(source, place.page), _picture(sealed, place.page)
        with pikepdf.open(BytesIO(sealed), suppress_warnings=True) as pdf:
            frame = pages.frame_of(pdf.pages[place.page - 1].obj)
        left, top, wide, high = geometry.to_fractions(frame.fit(place), width=frame.width, height=frame.height)
    except Exception:  # PDFium will not draw what pyHanko read
        return False
    if before.size != after.size:
        return False
    corners = (left * after.width, top * after.height, (left + wide) * after.width, (top + high) * after.height)
    box = (math.floor(corners[0]), math.floor(corners[1]), math.ceil(corners[2]), math.ceil(corners[3]))
    changed = ImageChops.difference(before, after).point([int(level > 8) for level in range(256)])
    return sum(changed.crop(box).tobytes()) >= seen * (box[2] - box[0]) * (box[3] - box[1])


def _picture(data: bytes, page: int) -> Image.Image:
    document = pypdfium2.PdfDocument(data)
    try:
        document.init_forms()
        wide, high = document[page - 1].get_size()
        picture: Image.Image = document[page - 1].render(scale=LOOKED_AT / max(wide, high)).to_pil().convert("L")
        return picture
    finally:
        document.close()
