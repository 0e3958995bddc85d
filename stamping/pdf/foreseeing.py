"""Foreseen: what a sealed page will look like, shown before anything is final.

The file is sealed by the sealing kernel itself, only without a key and with a placeholder for serial and QR symbol, and
drawn; so what a person agrees to is what will come, and a file that cannot be sealed says so now. Parses a stranger's
file in this process: in a web process call `place_child.preview`.
"""

from datetime import UTC, datetime

from PIL import Image

from stamping.pdf import appearance, pictures, sealing
from stamping.pdf.geometry import Placement


class NoKey:
    """Implements `engine.Engine` for a file that nobody will ever see as a file: what it signs with is nothing."""

    bytes_reserved = 64

    def sign(self, *, digest: bytes, at: datetime) -> bytes:
        return digest


def foresee(source: bytes, *, placement: Placement, width: int) -> Image.Image:
    """The page with the stamp, `width` pixels wide.

    Raises Unreadable, Refused, and ValueError for a width out of range.
    """
    sealed = sealing.seal(
        source=source,
        placement=placement,
        serial=appearance.PLACEHOLDER_SERIAL,
        verification_url=appearance.PLACEHOLDER_ADDRESS,
        reason_text="",
        engine=NoKey(),
        at=datetime(2021, 1, 1, tzinfo=UTC),
    )
    return pictures.render(sealed.data, page=placement.page, width=width)
