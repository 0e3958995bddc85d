"""A gateway's options come from environment variables, so they are all text: read here, refused by name.

Every function raises ValueError naming the gateway and the option, never the value: it may be a secret.
"""

from __future__ import annotations

import re
from typing import TypeVar

Choice = TypeVar("Choice")


def rupiah(value: str, *, gateway: str, option: str) -> int:
    """A whole number of rupiah, zero or more."""
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError(f"{gateway}'s {option} must be a whole number of rupiah.")
    return int(value)


def secret(value: str, *, gateway: str, option: str) -> str:
    """A key as the company gave it: printable, without blanks."""
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError(f"{gateway}'s {option} is empty or has blanks in it.")
    return value


def one_of(value: str, choices: dict[str, Choice], *, gateway: str, option: str) -> Choice:
    """What the word stands for."""
    if value not in choices:
        raise ValueError(f"{gateway}'s {option} must be one of {', '.join(choices)}.")
    return choices[value]
