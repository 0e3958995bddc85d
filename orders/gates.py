"""The gateways that this site is set up with."""

from django.conf import settings

from . import bankbook
from .payments.gateway import Gateway, Offer
from .payments.registry import UnknownGateway, gateway

# What a gateway needs from us besides its options: no company knows of transfers, our own books do.
_OURS: dict[str, dict[str, object]] = {bankbook.GATEWAY: {"book": bankbook.known}}


def gate(name: str) -> Gateway:
    """The gateway of that name, as configured."""
    configured: dict[str, dict[str, object]] = {}
    if name in settings.GATEWAY_SETTINGS:
        configured[name] = {**settings.GATEWAY_SETTINGS[name], **_OURS.get(name, {})}
    return gateway(name, configuration=configured)


def is_sandbox(name: str) -> bool:
    """Whether this gateway moves no real money; one that is no longer set up moved some."""
    try:
        return gate(name).is_sandbox
    except UnknownGateway:
        return False


def offers() -> list[tuple[str, Offer]]:
    """Every way to pay, as (gateway, offer)."""
    return [(name, offer) for name in settings.GATEWAY_SETTINGS for offer in gate(name).methods()]


def offer_of(*, gateway_name: str, method: str) -> Offer:
    """The offer that was chosen; LookupError when there is none such."""
    for name, offer in offers():
        if (name, offer.method.value) == (gateway_name, method):
            return offer
    raise LookupError(method)
