"""The only way to somebody's order: its code and the key of its secret link."""

from meterai import links

from .models import Order


def open_order(code: str, key: str) -> Order:
    """The order, or Http404: the same answer for no such order and for a wrong or revoked key."""
    order = Order.objects.select_related("reseller").filter(code=code).first()
    return links.opened(order, given=key, kind="order", code=code)
