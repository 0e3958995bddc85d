"""How long the oldest document has waited to be sealed: a measure of health that waiting rooms ask for by name."""

from datetime import datetime

from django.db.models import Min

from .models import Document


def seal(*, at: datetime) -> tuple[str, float]:
    """("seal", seconds); read from the index of what waits."""
    oldest = Document.objects.filter(state=Document.State.QUEUED).aggregate(oldest=Min("queued_at"))["oldest"]
    return "seal", max(0.0, (at - oldest).total_seconds()) if oldest else 0.0
