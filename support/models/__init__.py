"""The nouns of a complaint, one a file."""

from .custody import Body, Custody, Reason
from .decision import Decision
from .incident import Cause, Incident, IncidentUpdate, Severity
from .message import Message
from .outcome import Component, Day, Health, Measurement, Outcome, Tally
from .recovery import Recovery, RecoveryStep
from .ticket import Ticket

__all__ = [
    "Body",
    "Cause",
    "Component",
    "Custody",
    "Day",
    "Decision",
    "Health",
    "Incident",
    "IncidentUpdate",
    "Measurement",
    "Message",
    "Outcome",
    "Reason",
    "Recovery",
    "RecoveryStep",
    "Severity",
    "Tally",
    "Ticket",
]
