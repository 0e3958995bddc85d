"""The nouns of the floor, one a file."""

from .batch import Batch
from .extent import Extent
from .flip import Flip
from .ledger import Movement
from .outlet import Outlet
from .pool import Pooled
from .reseller import Reseller
from .serial import Serial
from .stamp import Stamp
from .user import User

__all__ = ["Batch", "Extent", "Flip", "Movement", "Outlet", "Pooled", "Reseller", "Serial", "Stamp", "User"]
