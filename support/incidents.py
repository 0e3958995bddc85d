"""An incident's steps: open it, tell how it goes, end it, open it again. Each leaves what people read, and a Flip."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from meterai import codes, states
from meterai.models import Reseller, User

from .models import Cause, Incident, IncidentUpdate, Severity
from .models.incident import CODE_PREFIX


@dataclass(frozen=True)
class Words:
    """The same thing said in both languages."""

    id: str
    en: str


@dataclass(frozen=True)
class Opening:
    """What is said when an incident is opened; `begun_at` is when people began to feel it."""

    title: Words
    text: Words
    components: Sequence[str]
    cause: Cause
    severity: Severity
    begun_at: datetime
    reseller: Reseller | None = None


class NotYet(Exception):
    """It cannot have begun in the future."""


def begin(*, opening: Opening, by: User, at: datetime) -> Incident:
    """Open an incident. Raises NotYet; the database refuses what is not whole."""
    if opening.begun_at > at:
        raise NotYet(opening.begun_at.isoformat())
    values = {
        "title_id": opening.title.id,
        "title_en": opening.title.en,
        "text_id": opening.text.id,
        "text_en": opening.text.en,
        "components": list(opening.components),
        "cause": opening.cause,
        "reseller": opening.reseller,
        "severity": opening.severity,
        "begun_at": opening.begun_at,
        "opened_by": by,
    }
    with transaction.atomic():
        incident = codes.with_new_code(
            prefix=CODE_PREFIX,
            constraint="support_incident_code",
            make=lambda code: Incident.objects.create(code=code, **values),
        )
        states.note(incident, old="", new=incident.state, at=at, actor=by.username)
    return incident


def tell(
    *,
    incident: Incident,
    text: Words,
    by: User,
    at: datetime,
    state: str = "",
    severity: str = "",
    token: UUID | None = None,
) -> IncidentUpdate:
    """An update, with a new state or severity where they changed. To RESOLVED ends it, from there opens it again.

    The same token gives the same update, told once. Raises states.NoSuchArrow, states.MovedMeanwhile.
    """
    with transaction.atomic():
        locked = Incident.objects.select_for_update().get(pk=incident.pk)
        if token and (told := locked.updates.filter(token=token).first()):
            return told
        graver = severity or locked.severity
        if state and state != locked.state:
            ended_at = at if state == Incident.State.RESOLVED else None
            states.move(locked, to=state, at=at, actor=by.username, ended_at=ended_at, severity=graver)
        elif graver != locked.severity:
            locked.severity = graver
            locked.save(update_fields=["severity"])
            states.note(locked, old=locked.state, new=locked.state, at=at, reason=graver, actor=by.username)
        return IncidentUpdate.objects.create(
            incident=locked,
            at=at,
            state=locked.state,
            severity=graver,
            text_id=text.id,
            text_en=text.en,
            by=by,
            token=token,
        )


def as_told(*, at: datetime, days: int, limit: int) -> list[dict[str, Any]]:
    """Open incidents, then those that ended within so many days, newest first, as the public reads them."""
    told = Incident.objects.select_related("reseller").prefetch_related("updates")
    now = told.filter(ended_at=None).order_by("-begun_at")[:limit]
    past = told.filter(ended_at__gt=at - timedelta(days=days)).order_by("-ended_at")[:limit]
    return [_public(incident) for incident in (*now, *past)]


def _public(incident: Incident) -> dict[str, Any]:
    """No account that wrote it, and no ticket."""
    return {
        "code": incident.code,
        "state": incident.state,
        "severity": incident.severity,
        "title": asdict(Words(incident.title_id, incident.title_en)),
        "text": asdict(Words(incident.text_id, incident.text_en)),
        "components": incident.components,
        "cause": incident.cause,
        "reseller": incident.reseller.name if incident.reseller else "",
        "begun_at": incident.begun_at.isoformat(),
        "ended_at": incident.ended_at.isoformat() if incident.ended_at else None,
        "updates": [
            {
                "at": update.at.isoformat(),
                "state": update.state,
                "severity": update.severity,
                "text": asdict(Words(update.text_id, update.text_en)),
            }
            for update in incident.updates.all()
        ],
    }
