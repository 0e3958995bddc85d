"""The nouns between wish and money, one a file."""

from .notice import Notice
from .order import Line, Order
from .payment import Notification, Payment, Refund
from .recalled import RecalledStock

__all__ = ["Line", "Notice", "Notification", "Order", "Payment", "RecalledStock", "Refund"]
