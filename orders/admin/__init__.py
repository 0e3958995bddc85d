"""The staff room of the shop: orders and money are read; only a step moves them, and says why."""

from .. import matching_admin, recall_admin, reconcile_admin, refund_admin, room_admin
from . import notices, notifications, orders, payments

__all__ = [
    "matching_admin",
    "notices",
    "notifications",
    "orders",
    "payments",
    "recall_admin",
    "reconcile_admin",
    "refund_admin",
    "room_admin",
]
