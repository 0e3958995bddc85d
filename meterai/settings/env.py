"""Typed readers of the environment that fail loudly, all at once.

A missing or malformed variable is collected, so that an operator sees the whole list at once and not one a restart.
"""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

_env = environ.Env()
_troubles: list[str] = []


def text(name: str, *, default: str | None = None) -> str:
    """The variable as text; without a default it is required."""
    return _read(name, default, str)


def number(name: str, *, default: int | None = None) -> int:
    """The variable as a whole number."""
    return _read(name, default, int)


def flag(name: str, *, default: bool) -> bool:
    """The variable as true or false (1, true, yes, on)."""
    return bool(_env.bool(name, default=default))


def words(name: str, *, default: str = "") -> list[str]:
    """The variable as a list, parted by commas."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def database(name: str) -> dict[str, Any]:
    """A Django DATABASES entry from a `postgres://` address; anything else is refused: PostgreSQL only."""
    address = text(name)
    if not address.startswith(("postgres://", "postgresql://")):
        _troubles.append(f"{name} must be a postgres:// address")
        return {}
    return dict(_env.db_url_config(address))


def mail(name: str, *, default: str) -> dict[str, Any]:
    """Django's EMAIL_… settings from one address."""
    try:
        return dict(_env.email_url_config(text(name, default=default)))
    except (ValueError, KeyError, ImproperlyConfigured):
        refuse(f"{name} must be an address such as smtp+tls://user:password@host:587")
        return dict(_env.email_url_config(default))


def complain() -> None:
    """Raise one error that names every trouble found so far."""
    if _troubles:
        lines = "\n".join(f"  - {trouble}" for trouble in _troubles)
        raise ImproperlyConfigured(f"The environment is not complete:\n{lines}\nSee docs/configuration.md.")


def refuse(trouble: str) -> None:
    """Add a trouble that a settings module found itself."""
    _troubles.append(trouble)


def _read(name: str, default: T | None, kind: Callable[[str], T]) -> T:
    raw = os.environ.get(name, "")
    if raw == "":
        if default is None:
            _troubles.append(f"{name} is not set")
            return kind("0")
        return default
    try:
        return kind(raw)
    except ValueError:
        _troubles.append(f"{name} must be {'a whole number' if kind is int else 'text'}")
        return kind("0")
