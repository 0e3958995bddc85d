"""Reading a page's frame from its dictionary, whichever library holds it."""

from typing import Any

from stamping.pdf import geometry
from stamping.pdf.reading import elements, entry

LETTER = (0.0, 0.0, 612.0, 792.0)
"""What viewers take for a page without a MediaBox."""
DEEPEST_TREE = 64
FARTHEST = 1e9
"""No page reaches as far; infinities and what is no number stay outside."""


def inherited(page: Any, key: str) -> Any:
    """The page's entry or the nearest ancestor's (ISO 32000-1, 7.7.3.4), or None. Circular trees end as
    well."""
    node = page
    for _depth in range(DEEPEST_TREE):
        value = entry(node, key)
        if value is not None:
            return value
        node = entry(node, "/Parent")
        if node is None:
            return None
    return None


def frame_of(page: Any) -> geometry.PageFrame:
    """How this page is shown. Nonsense in an entry counts as the entry missing."""
    return geometry.frame(
        media=numbers(inherited(page, "/MediaBox")) or LETTER,
        crop=numbers(inherited(page, "/CropBox")),
        rotation=int(number(inherited(page, "/Rotate"), otherwise=0)),
        user_unit=number(entry(page, "/UserUnit"), otherwise=1),
    )


def numbers(array: Any) -> tuple[float, float, float, float] | None:
    """Four numbers that span a rectangle, or None."""
    try:
        first, second, third, fourth = (float(each) for each in elements(array))
    except (TypeError, ValueError, OverflowError):
        return None
    if not all(abs(each) < FARTHEST for each in (first, second, third, fourth)):
        return None
    box = geometry.Box.of((first, second, third, fourth))
    return (first, second, third, fourth) if box.width > 0 and box.height > 0 else None


def number(value: Any, *, otherwise: float) -> float:
    """The value as a number that can be reckoned with, or `otherwise`."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return otherwise
    return found if abs(found) < FARTHEST else otherwise
