"""The nouns of the floor, one a file."""

from .batch import Batch
from .block import Block
from .delivery import Delivery
from .deposit import Deposit
from .extent import Extent
from .flip import Flip
from .ledger import Movement
from .outlet import Outlet
from .pool import Pooled
from .recall import Recall, Withdrawn
from .reseller import Reseller
from .serial import Serial
from .stamp import Stamp
from .user import User
from .watch import LowStock, StockCheck

__all__ = [
    "Batch",
    "Block",
    "Delivery",
    "Deposit",
    "Extent",
    "Flip",
    "LowStock",
    "Movement",
    "Outlet",
    "Pooled",
    "Recall",
    "Reseller",
    "Serial",
    "Stamp",
    "StockCheck",
    "User",
    "Withdrawn",
]
