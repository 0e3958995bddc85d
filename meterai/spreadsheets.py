"""What is written for spreadsheets: text from strangers must stay text there."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(text: str) -> str:
    """`text` as no spreadsheet takes it for a formula; a telephone number gets the mark as well, for its plus sign."""
    return f"'{text}" if text.startswith(_FORMULA) else text
