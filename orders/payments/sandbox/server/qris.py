"""The text inside a QRIS code: EMVCo merchant-presented mode, as Bank Indonesia profiles it.

Tags of two digits, lengths of two digits, values; the last is a CRC-16 (CCITT, start 0xFFFF) of the rest.
The acquirer and merchant ids are invented, so a real wallet refuses the code.
"""

from __future__ import annotations

from binascii import crc_hqx

MERCHANT = "METERAI SANDBOX"


def _field(tag: str, value: str) -> str:
    return f"{tag}{len(value):02d}{value}"


ACQUIRER = _field("00", "COM.EXAMPLE.SANDBOX") + _field("01", "936000000000000000") + _field("03", "UMI")
NATIONAL = _field("00", "ID.CO.QRIS.WWW") + _field("02", "ID0000000000000") + _field("03", "UMI")


def text(*, amount: int, reference_label: str) -> str:
    """`amount` in rupiah; `reference_label` at most 25 characters."""
    body = "".join(
        (
            _field("00", "01"),
            _field("01", "12"),  # dynamic: good for one payment
            _field("26", ACQUIRER),
            _field("51", NATIONAL),
            _field("52", "9399"),  # government services
            _field("53", "360"),  # rupiah, ISO 4217
            _field("54", str(amount)),
            _field("58", "ID"),
            _field("59", MERCHANT),
            _field("60", "JAKARTA"),
            _field("61", "10110"),
            _field("62", _field("05", reference_label[:25])),
            "6304",
        )
    )
    return body + f"{crc_hqx(body.encode('ascii'), 0xFFFF):04X}"
