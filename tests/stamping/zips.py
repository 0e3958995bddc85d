"""ZIPs for tests: honest ones, and those that nobody should have to open."""

import io
import zipfile
from pathlib import Path

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

DATA = Path(__file__).resolve().parent.parent / "data"


def pdf(name: str = "letter", *, mark: int = 0) -> bytes:
    """A PDF of tests/data; another mark makes other bytes of it."""
    return (DATA / f"{name}.pdf").read_bytes() + (f"\n% {mark}\n".encode() if mark else b"")


def photographed() -> bytes:
    """A PDF that is larger than a stamped one may be: only a repair that can be seen makes it small enough."""
    picture = io.BytesIO()
    Image.effect_noise((1700, 2200), 90).convert("RGB").save(picture, "PDF", quality=95, resolution=200)
    return picture.getvalue()


def packed(files: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP of these files, in this order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def upload(files: dict[str, bytes], name: str = "surat.zip") -> SimpleUploadedFile:
    """The same, as a browser sends it."""
    return SimpleUploadedFile(name, packed(files), content_type="application/zip")


def letters(count: int) -> dict[str, bytes]:
    """So many letters, each with bytes of its own."""
    return {f"surat-{number}.pdf": pdf(mark=number) for number in range(1, count + 1)}
