"""Making a file smaller: first what costs nothing to the eye, then its pictures step by step until it fits.

For files without signatures only. Text, lines and fonts are never touched.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pikepdf
from PIL import Image

from stamping.pdf import pages
from stamping.pdf.reading import elements, entry
from stamping.pdf.trouble import Refused

STEPS = ((88, 300), (80, 250), (72, 200), (62, 170), (52, 150), (42, 130), (34, 110))
"""JPEG quality, and the most dots to an inch where a picture fills its page; from unseen to visible."""
HOPELESS = 1.25
"""A step whose sample says so many times the wanted size is not tried in full."""
WORTH_IT = 4_000
"""Bytes: pictures smaller than this stay as they are."""
MASKS = ("/SMask", "/Mask")
MOST_PIXELS = 60_000_000
PLAIN_SPACES = ("/DeviceGray", "/DeviceRGB", "/CalGray", "/CalRGB", "/ICCBased", "/Indexed")


@dataclass(frozen=True)
class Shrunk:
    """`quality` and `dpi` are 0 when nothing visible had to be given up."""

    data: bytes
    quality: int = 0
    dpi: int = 0


@dataclass(frozen=True)
class _Step:
    quality: int
    longest: int
    dpi: int


def shrink(source: bytes, *, target: int) -> Shrunk:
    """The file in at most `target` bytes, by the first step that gets there. Raises Refused(`cannot_shrink`), and
    what pikepdf raises."""
    slim = without_waste(source)
    if len(slim) <= target:
        return Shrunk(slim)
    with pikepdf.open(BytesIO(slim), suppress_warnings=True) as pdf:
        steps = list(_worth_trying(pdf, spare=target - len(slim)))
    for step in steps:
        data = _recoded(slim, step)
        if len(data) <= target:
            return Shrunk(data, step.quality, step.dpi)
    raise Refused("cannot_shrink")


def without_waste(source: bytes) -> bytes:
    """The same without what no page needs: unused objects, doubles, thumbnails, programs' private notes."""
    with pikepdf.open(BytesIO(source), suppress_warnings=True) as pdf:
        pdf.remove_unreferenced_resources()
        for page in pdf.pages:
            for key in ("/Thumb", "/PieceInfo"):
                if key in page.obj:
                    del page.obj[key]
        if "/PieceInfo" in pdf.Root:
            del pdf.Root["/PieceInfo"]
        _merge_doubles(pdf)
        return min(saved(pdf), source, key=len)


def saved(pdf: pikepdf.Pdf, **options: Any) -> bytes:
    """Written as small as qpdf can, locked as it was."""
    out = BytesIO()
    lock: dict[str, Any] = {"encryption": True} if pdf.is_encrypted else {"deterministic_id": True}
    pdf.save(
        out,
        object_stream_mode=pikepdf.ObjectStreamMode.generate,
        compress_streams=True,
        recompress_flate=True,
        fix_metadata_version=False,
        **{"min_version": "1.6", **lock, **options},
    )
    return out.getvalue()


def _merge_doubles(pdf: pikepdf.Pdf) -> None:
    """Let everything that refers to the second of two equal streams refer to the first."""
    first: dict[bytes, pikepdf.Object] = {}
    doubles: dict[tuple[int, int], pikepdf.Object] = {}
    for thing in pdf.objects:
        if isinstance(thing, pikepdf.Stream):
            digest = hashlib.sha256(thing.stream_dict.unparse() + b"\0" + thing.read_raw_bytes()).digest()
            if first.setdefault(digest, thing).objgen != thing.objgen:
                doubles[thing.objgen] = first[digest]
    if doubles:
        for thing in pdf.objects:
            _replace(thing, doubles, deepest=20)


def _replace(thing: Any, doubles: dict[tuple[int, int], pikepdf.Object], *, deepest: int) -> None:
    if isinstance(thing, pikepdf.Array):
        places: list[Any] = list(range(len(thing)))
    elif isinstance(thing, (pikepdf.Dictionary, pikepdf.Stream)):
        places = list(thing.keys())
    else:
        return
    for place in places:
        value = thing[place]
        if not isinstance(value, pikepdf.Object):
            continue
        if value.is_indirect:
            if value.objgen in doubles:
                thing[place] = doubles[value.objgen]
        elif deepest:
            _replace(value, doubles, deepest=deepest - 1)


def _worth_trying(pdf: pikepdf.Pdf, *, spare: int) -> Iterator[_Step]:
    """The steps, but for those that a trial on the largest picture shows to be far from enough."""
    images = sorted(_images(pdf), key=_weight)
    if not images:
        return
    inches = max(max(frame.width, frame.height) for frame in map(pages.frame_of, (page.obj for page in pdf.pages))) / 72
    whole, largest = sum(map(_weight, images)), images[-1]
    sample = _decoded(largest)
    for number, (quality, dpi) in enumerate(STEPS, start=1):
        step = _Step(quality, max(1, round(dpi * inches)), dpi)
        ratio = len(_encoded(sample, step)[0]) / _weight(largest) if sample else 1.0
        # `spare` is below zero here: by so much the whole file is too large.
        if number == len(STEPS) or whole * min(ratio, 1.0) <= HOPELESS * max(0, whole + spare):
            yield step


def _recoded(source: bytes, step: _Step) -> bytes:
    with pikepdf.open(BytesIO(source), suppress_warnings=True) as pdf:
        for image in _images(pdf):
            picture = _decoded(image)
            if picture is None:
                continue
            data, (wide, high) = _encoded(picture, step)
            if len(data) >= _weight(image):
                continue
            image.write(data, filter=pikepdf.Name.DCTDecode)
            image.Width, image.Height, image.BitsPerComponent = wide, high, 8
            if picture.mode == "P":
                image.ColorSpace = pikepdf.Name.DeviceRGB
        return saved(pdf)


def _decoded(image: pikepdf.Stream) -> Image.Image | None:
    """The picture without its mask, or None for one that is better left alone."""
    masks = {key: image[key] for key in MASKS if key in image}
    try:
        for key in masks:
            del image[key]
        picture: Image.Image = pikepdf.PdfImage(image).as_pil_image()
        return picture if picture.mode in ("L", "RGB", "P") else None
    except Exception:  # a kind of picture that nobody decodes stays as it is
        return None
    finally:
        for key, mask in masks.items():
            image[key] = mask


def _encoded(picture: Image.Image, step: _Step) -> tuple[bytes, tuple[int, int]]:
    """(JPEG, its size in pixels)."""
    picture = picture.convert("RGB") if picture.mode == "P" else picture
    if max(picture.size) > step.longest:
        scale = step.longest / max(picture.size)
        smaller = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(smaller, Image.Resampling.LANCZOS, reducing_gap=2.0)
    out = BytesIO()
    picture.save(out, "JPEG", quality=step.quality, optimize=True)
    return out.getvalue(), picture.size


def _images(pdf: pikepdf.Pdf) -> list[pikepdf.Stream]:
    """Pictures that JPEG can hold: not masks, not black and white, no odd inks."""
    streams = [thing for thing in pdf.objects if isinstance(thing, pikepdf.Stream)]
    masks = {mask.objgen for thing in streams for key in MASKS if (mask := _stream(thing, key)) is not None}
    return [one for one in streams if one.objgen not in masks and _is_plain(one) and _weight(one) > WORTH_IT]


def _stream(thing: pikepdf.Object, key: str) -> pikepdf.Object | None:
    value = entry(thing, key)
    return value if isinstance(value, pikepdf.Stream) else None


def _is_plain(image: pikepdf.Object) -> bool:
    if entry(image, "/Subtype") != "/Image" or entry(image, "/ImageMask") or entry(image, "/Decode") is not None:
        return False
    if isinstance(entry(image, "/Mask"), pikepdf.Array):  # colours that count as clear must stay exact
        return False
    space = entry(image, "/ColorSpace")
    name = str(next(elements(space), "")) if isinstance(space, pikepdf.Array) else str(space)
    pixels = pages.number(entry(image, "/Width"), otherwise=0) * pages.number(entry(image, "/Height"), otherwise=0)
    return name in PLAIN_SPACES and entry(image, "/BitsPerComponent", 8) == 8 and 0 < pixels <= MOST_PIXELS


def _weight(image: pikepdf.Stream) -> int:
    return len(image.read_raw_bytes())
