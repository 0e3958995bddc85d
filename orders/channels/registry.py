"""From a channel's name to the channel. The configuration is handed in, as in the setting NOTICE_CHANNELS:

{"email": {"BACKEND": "orders.channels.email.EmailChannel"},
 "whatsapp": {"BACKEND": "some.package.WhatsAppChannel", "OPTIONS": {"token": "…"}}}
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.utils.module_loading import import_string

from .channel import Channel

Configuration = Mapping[str, Mapping[str, Any]]
ONLY_EMAIL: Configuration = {"email": {"BACKEND": "orders.channels.email.EmailChannel"}}


class UnknownChannel(LookupError):
    """No channel of that name is configured here."""


def channel(name: str, *, configuration: Configuration) -> Channel:
    """The channel of that name, built once per process and configuration. Raises UnknownChannel."""
    if name not in configuration:
        raise UnknownChannel(f"Channel {name!r} is not configured.")
    entry = configuration[name]
    return _built(entry["BACKEND"], tuple(sorted(entry.get("OPTIONS", {}).items())))


@cache
def _built(path: str, options: tuple[tuple[str, Any], ...]) -> Channel:
    made: Channel = import_string(path)(**dict(options))
    return made
