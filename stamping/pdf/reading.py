"""Entries of dictionaries and arrays with indirect references followed, for pikepdf's and pyHanko's objects
alike."""

from collections.abc import Iterator
from typing import Any

import pikepdf


def entry(dictionary: Any, key: str, otherwise: Any = None) -> Any:
    """The value behind a key, or `otherwise`. pyHanko's own `get` hands out the bare reference."""
    try:
        return dictionary[key]
    except (KeyError, TypeError, AttributeError, ValueError):  # ValueError: pikepdf, of a number or a name
        return otherwise


def elements(array: Any) -> Iterator[Any]:
    """What stands in an array; nothing for what is none."""
    if isinstance(array, (list, pikepdf.Array)):  # pyHanko's arrays are lists
        for place in range(len(array)):
            yield array[place]


def certified_level(root: Any) -> int | None:
    """1 (no changes), 2 (forms) or 3 (forms and comments) if the author certified the file (ISO 32000-1,
    12.8.2.2).

    `root` is the catalog, pyHanko's or pikepdf's.
    """
    signature = entry(entry(root, "/Perms"), "/DocMDP")
    if signature is None:
        return None
    for reference in elements(entry(signature, "/Reference")):
        if entry(reference, "/TransformMethod") == "/DocMDP":
            return _level(entry(entry(reference, "/TransformParams"), "/P", 2))
    return 2


def _level(value: Any) -> int:
    """The level as a number; what is none forbids everything."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return 1
