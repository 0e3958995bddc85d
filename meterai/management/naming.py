"""What a command line names, found or refused in words."""

from argparse import ArgumentTypeError

from django.core.management.base import CommandError

from meterai.models import Batch, Deposit, Reseller, User


def person(name: str) -> User:
    """An active user."""
    found = User.objects.filter(username=name, is_active=True).first()
    if found is None:
        raise CommandError(f"There is no active user {name!r}.")
    return found


def reseller(code: str) -> Reseller:
    """A reseller, by its code."""
    found = Reseller.objects.filter(code=code).first()
    if found is None:
        raise CommandError(f"There is no reseller {code!r}.")
    return found


def deposit(reference: str) -> Deposit:
    """A deposit, by its reference."""
    found = Deposit.objects.select_related("reseller").filter(reference=reference).first()
    if found is None:
        raise CommandError(f"There is no deposit {reference!r}.")
    return found


def batch(reference: str) -> Batch:
    """A batch, by the issuer's number."""
    found = Batch.objects.filter(reference=reference).first()
    if found is None:
        raise CommandError(f"There is no batch {reference!r}.")
    return found


def at_least_one(text: str) -> int:
    """For `add_argument(type=…)`."""
    if not (text.isascii() and text.isdigit() and len(text) < 19) or int(text) < 1:
        raise ArgumentTypeError("a whole number from 1")
    return int(text)
