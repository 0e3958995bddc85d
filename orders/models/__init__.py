"""The nouns between wish and money, one a file."""

from .notice import Notice
from .order import Line, Order
from .payment import Notification, Payment, Refund

__all__ = ["Line", "Notice", "Notification", "Order", "Payment", "Refund"]
