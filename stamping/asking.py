"""Asked: the authority seals a document, within our time."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import TypeVar

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext, override

from meterai import links

from . import authorities, issuing
from .authority.engine import Job, SealingError
from .models import Document
from .pdf import geometry, sealing

ANSWER_SECONDS = 30.0
"""An authority that takes longer has not answered. With a round of 15 s this stays below the limit of a task, 50 s."""
Made = TypeVar("Made")


def ask(*, document: Document, source: bytes, at: datetime) -> sealing.Sealed:
    """The sealed file. Raises Refused (the document's fault) or SealingError (the authority's); an answer that does not
    come in time is such an error, too. May ask the network: never call it inside a transaction."""
    sealer, job = authorities.sealer(), _job(document, source, at)
    if not authorities.is_remote() and not authorities.level().is_timestamped:
        return sealer.seal(job)  # nobody else is asked
    try:
        return within(seconds=ANSWER_SECONDS, make=lambda: sealer.seal(job))
    except TimeoutError:
        code = "issuer_unreachable" if authorities.is_remote() else "timestamp_unavailable"
        raise SealingError(code, permanent=False) from None


def verification_address(serial: str) -> str:
    """What the QR symbol holds: this site's address for the serial, with a short MAC, never a bare number."""
    with override("id"):
        return settings.SITE_URL + reverse("stamping:serial", args=[serial, links.serial_mac(serial)])


def within(*, seconds: float, make: Callable[[], Made]) -> Made:
    """What `make` gives. Raises TimeoutError; what it still does then goes on beside us until its own time-outs.

    Not a limit on our own thread: one that strikes in the middle of a library is taken there for a fault of the file's.
    """
    made: Future[Made] = Future()

    def work() -> None:
        try:
            made.set_result(make())
        except BaseException as error:  # whatever it is, it is the caller's
            made.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return made.result(timeout=seconds)


def _job(document: Document, source: bytes, at: datetime) -> Job:
    bound = document.binding()
    with override(bound.order.language):
        reason = gettext("Pembubuhan meterai elektronik")
    return Job(
        source=source,
        placement=geometry.Placement(page=bound.page, x=bound.x, y=bound.y, size=bound.size),
        serial=bound.serial,
        verification_url=verification_address(bound.serial),
        reason_text=reason,
        at=at,
        repeated=document.attempts > 1,
        picture=issuing.picture_of(bound.serial) if authorities.is_remote() else b"",
    )
