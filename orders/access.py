"""The only way to somebody's order: its code and the key of its secret link."""

from django.http import Http404

from meterai import links

from .models import Order


def open_order(code: str, key: str) -> Order:
    """The order, or Http404: the same answer for no such order and for a wrong or revoked key."""
    order = Order.objects.select_related("reseller").filter(code=code).first()
    version = order.link_version if order else 0
    if not links.opens(given=key, kind="order", code=code, version=version) or order is None:
        raise Http404
    return order
