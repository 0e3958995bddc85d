"""From a gateway's name to the gateway. The configuration is handed in: no settings are imported here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from orders.payments.doku.client import DokuGateway
from orders.payments.gateway import Gateway
from orders.payments.midtrans.client import MidtransGateway
from orders.payments.sandbox.client import SandboxGateway
from orders.payments.transfer.client import TransferGateway
from orders.payments.xendit.client import XenditGateway

Options = Mapping[str, object]

BUILDERS: dict[str, Callable[..., Gateway]] = {
    "sandbox": SandboxGateway,
    "midtrans": MidtransGateway,
    "doku": DokuGateway,
    "transfer": TransferGateway,
    "xendit": XenditGateway,
}


class UnknownGateway(LookupError):
    """No such gateway, or it is not configured here."""


def gateway(name: str, *, configuration: Mapping[str, Options]) -> Gateway:
    """The gateway of that name, built once per process and configuration.

    `configuration` maps a gateway's name to its options, as in
    {"sandbox": {"url": "http://…", "server_key": "…", "notify_secret": "whsec_…"}}.
    Raises UnknownGateway, or ValueError when an option is wrong (the message holds no secret).
    """
    if name not in BUILDERS or name not in configuration:
        raise UnknownGateway(f"Gateway {name!r} is unknown or not configured.")
    return _built(name, tuple(sorted(configuration[name].items())))


@cache
def _built(name: str, options: tuple[tuple[str, object], ...]) -> Gateway:
    return BUILDERS[name](**dict(options))
