"""The nouns between wish and money, one a file."""

from .allowance import Allowance
from .discrepancy import Discrepancy
from .notice import Notice
from .order import Line, Order
from .payment import Notification, Payment
from .recalled import RecalledStock
from .receipt import Receipt, Series
from .refund import Refund, RefundedStamp
from .room import Draw, Mark, Outcome, Room, ShopPass, Strip
from .settlement import Settlement, SettlementRow
from .statement import BankEntry, BankStatement

__all__ = [
    "Allowance",
    "BankEntry",
    "BankStatement",
    "Discrepancy",
    "Draw",
    "Line",
    "Mark",
    "Notice",
    "Notification",
    "Order",
    "Outcome",
    "Payment",
    "RecalledStock",
    "Receipt",
    "Refund",
    "RefundedStamp",
    "Room",
    "Series",
    "Settlement",
    "SettlementRow",
    "ShopPass",
    "Strip",
]
