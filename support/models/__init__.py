"""The nouns of a complaint, one a file."""

from .custody import Body, Custody, Reason
from .decision import Decision
from .message import Message
from .ticket import Ticket

__all__ = ["Body", "Custody", "Decision", "Message", "Reason", "Ticket"]
