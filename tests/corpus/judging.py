"""Judges a sealed file by tools that are not ours: qpdf, pdfsig, pyHanko's difference analysis, PDFium's pixels."""

import logging
import shutil
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
from PIL import Image, ImageChops
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from stamping.pdf import appearance, pages, pictures
from stamping.pdf.geometry import Placement, to_fractions

logging.getLogger("pyhanko").setLevel(logging.CRITICAL)  # that the root is not trusted is no news here
SEEN_AT = 1600
"""Pixels: the longer side of the picture that the stamp is looked for in; more on pages where it would be tiny."""


def troubles(before: bytes, path: Path, line: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a sealed file, in words; nothing when nothing is. `line` is its line of the report."""
    sealed = path.read_bytes()
    yield from _by_qpdf(before, path)
    yield from _by_pdfsig(path, line["serial"])
    yield from _by_pyhanko(before, sealed)
    yield from _by_eye(sealed, line)


def _ran(*command: str) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


def _by_qpdf(before: bytes, path: Path) -> Iterator[str]:
    if shutil.which("qpdf") is None:
        return
    code, said = _ran("qpdf", "--check", str(path))
    if code == 2 or (code == 3 and not _warns(before, path)):
        yield f"qpdf {code}: {said[-300:]}"


def _warns(before: bytes, path: Path) -> bool:
    """Whether qpdf had warnings about the file as it came, contents that nobody may mend among them."""
    original = path.with_name(path.name + ".before")
    original.write_bytes(before)
    try:
        return _ran("qpdf", "--check", str(original))[0] != 0
    finally:
        original.unlink()


def _by_pdfsig(path: Path, serial: str) -> Iterator[str]:
    if shutil.which("pdfsig") is None:
        return
    _code, said = _ran("pdfsig", "-nocert", str(path))
    blocks = [block for block in said.split("Signature #") if f"[{serial}]" in block or f"Meterai-{serial}" in block]
    if not blocks or any("Signature is Valid." not in block for block in blocks):
        yield f"pdfsig: {said[-300:]}"
    if "Signature is Invalid" in said or "Digest Mismatch" in said:
        yield f"pdfsig, another signature: {said[-300:]}"


def _by_pyhanko(before: bytes, sealed: bytes) -> Iterator[str]:
    earlier = _verdicts(before)
    later = _verdicts(sealed)
    if not later:
        yield "pyHanko: no signature can be read"
        return
    newest = list(later)[-1]
    if not later[newest][0] or not later[newest][1]:
        yield f"pyHanko: the seal does not hold {later[newest]}"
    for field, (intact, allowed) in earlier.items():
        if intact and not later.get(field, (False, False))[0]:
            yield f"pyHanko: the signature {field} was broken"
        if allowed and not later.get(field, (False, False))[1]:
            yield f"pyHanko: the signature {field} lost its standing"


def _verdicts(data: bytes) -> dict[str, tuple[bool, bool]]:
    """field -> (intact and valid, only permitted changes afterwards)."""
    try:
        reader = PdfFileReader(BytesIO(data), strict=False)
        if reader.encrypted:
            reader.decrypt(b"")
        embedded = reader.embedded_regular_signatures
    except Exception:
        return {}
    found = {}
    for one in embedded:
        context = ValidationContext(trust_roots=[], allow_fetching=False)
        try:
            status = validate_pdf_signature(one, signer_validation_context=context)
        except Exception:
            found[str(one.field_name)] = (False, False)
            continue
        level = status.modification_level
        allowed = level in (ModificationLevel.NONE, ModificationLevel.LTA_UPDATES, ModificationLevel.FORM_FILLING)
        found[str(one.field_name)] = (bool(status.intact and status.valid), allowed)
    return found


def _by_eye(sealed: bytes, line: dict[str, Any]) -> Iterator[str]:
    """Whether the stamp's picture is nearest to the art as it should stand, of eight ways it could."""
    place = {key: value for key, value in line["place"].items() if key != "how"}
    try:
        seen = _cut_out(sealed, Placement(**place)).resize((96, 96)).convert("L")
    except Exception as error:
        yield f"PDFium: {error!r}"
        return
    art = _art().resize((96, 96))
    turned = [art.rotate(90), art.rotate(180), art.rotate(270), art.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    upright = _distance(seen, art)
    if upright * 1.3 > min(_distance(seen, other) for other in turned):
        yield f"the stamp does not stand upright at its place ({upright:.1f})"


def _cut_out(sealed: bytes, place: Placement) -> Image.Image:
    with pikepdf.open(BytesIO(sealed)) as pdf:
        frame = pages.frame_of(pdf.pages[place.page - 1].obj)
    left, top, wide, high = to_fractions(frame.fit(place), width=frame.width, height=frame.height)
    document = pypdfium2.PdfDocument(sealed)
    document.init_forms()
    page = document[place.page - 1]
    width, height = page.get_size()
    # At least 96 pixels of stamp, and only that part of the page is drawn.
    scale = max(SEEN_AT / max(width, height), 110 / (wide * width))
    crop = (left * width, (1 - top - high) * height, (1 - left - wide) * width, top * height)
    picture: Image.Image = page.render(scale=scale, crop=crop).to_pil()
    document.close()
    return picture


def _art() -> Image.Image:
    pdf = appearance.as_pdf(serial=appearance.PLACEHOLDER_SERIAL, address=appearance.PLACEHOLDER_ADDRESS)
    return pictures.render(pdf, page=1, width=300).convert("L")


def _distance(one: Image.Image, other: Image.Image) -> float:
    histogram = ImageChops.difference(one, other).histogram()
    return sum(value * count for value, count in enumerate(histogram)) / (one.width * one.height)
