"""How a buyer can be reached: one e-mail address or one telephone number, read as people write it in Indonesia."""

from dataclasses import dataclass

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

MOST_LETTERS = 254  # RFC 5321 section 4.5.3.1.3, less the brackets


class NotAContact(ValueError):
    """Neither an e-mail address nor a telephone number."""


@dataclass(frozen=True)
class Contact:
    """One of the two is empty. The number is in E.164 form (+62…), the address in small letters."""

    email: str = ""
    phone: str = ""


def parse(typed: str) -> Contact:
    """What was typed, in the one way we store it. Raises NotAContact."""
    text = typed.strip()
    return Contact(email=email(text)) if "@" in text else Contact(phone=phone(text))


def email(typed: str) -> str:
    """Small letters, so that "Siti@…" finds what "siti@…" bought. Raises NotAContact."""
    text = typed.strip().lower()
    try:
        validate_email(text)
    except ValidationError as error:
        raise NotAContact("email") from error
    if len(text) > MOST_LETTERS:
        raise NotAContact("email")
    return text


def phone(typed: str) -> str:
    """0812…, 62812… or any foreign number with its +, in E.164 form. Raises NotAContact."""
    text = typed.strip()
    try:
        number = phonenumbers.parse(text[:40], "ID")
    except phonenumbers.NumberParseException as error:
        raise NotAContact("phone") from error
    if not phonenumbers.is_valid_number(number):
        raise NotAContact("phone")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def mask(text: str) -> str:
    """For lists: enough to recognise a contact that one knows, not enough to write to it."""
    name, at, host = text.partition("@")
    if at:
        return f"{name[:1]}***@{host}"
    return f"{text[:5]}…{text[-2:]}" if text else ""
