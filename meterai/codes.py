"""Codes that a person reads out on the telephone: no letter that sounds or looks like another."""

import secrets
from collections.abc import Callable
from typing import TypeVar

from django.db import IntegrityError, transaction

Made = TypeVar("Made")

# Crockford's base 32: without I, L, O, U.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOKALIKES = str.maketrans({"I": "1", "L": "1", "O": "0", "U": "V"})


def new_code(prefix: str) -> str:
    """A new random code such as `MT-7K3M-9QXP` (40 bits; the database's unique index has the last word)."""
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(8))
    return f"{prefix}-{drawn[:4]}-{drawn[4:]}"


def with_new_code(*, prefix: str, constraint: str, make: Callable[[str], Made]) -> Made:
    """What `make` writes under a new code. Two codes meet by chance once in a million or so: then another is drawn.

    `constraint` is (the beginning of) the name of the code's unique index, which decides. Other IntegrityErrors rise.
    """
    for last in (False, False, True):
        try:
            with transaction.atomic():
                return make(new_code(prefix))
        except IntegrityError as error:
            if last or constraint not in str(error):
                raise
    raise RuntimeError("the loop above returns or raises")


def tidy(typed: str, *, prefix: str) -> str:
    """What a person typed, in the one way we write a code; the empty string where it cannot be one."""
    kept = "".join(letter for letter in typed.upper() if letter.isascii() and letter.isalnum())
    body = kept.removeprefix(prefix).translate(_LOOKALIKES)
    if len(body) != 8 or any(letter not in ALPHABET for letter in body):
        return ""
    return f"{prefix}-{body[:4]}-{body[4:]}"
