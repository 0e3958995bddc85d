"""Looked at twice: no sealed file is stored before somebody other than its sealer has looked at it.

Every file is glanced at (its bytes, its signature); those that are unusual, and some of the others, are looked at in
full by strict readers in a process with limits. Why not all: docs/adr/0019.
"""

import hashlib
import os
import re
from functools import cache

from .authorities import is_remote, level
from .models import Document
from .pdf import geometry, glancing, guards, proofreading, sealing
from .pdf.trouble import Hostile
from .pdf.warm import Warm

__all__ = ["Hostile", "is_good"]
ONE_IN = 25
"""Of the files that are nothing special, so many go with one full look."""
CPU_SECONDS, WALL_SECONDS = 10, 15
SEEN_OF_OTHERS = 0.02
"""How much of the square must have changed where others draw the stamp: their art may be light."""
UNUSUAL = re.compile(rb"/Encrypt\b|/XRefStm\b|/UserUnit\b|/Rotate\s+[1-9-]")


def is_good(*, document: Document, source: bytes, sealed: sealing.Sealed) -> bool:
    """Whether a sealed file may be stored and shown. Raises Hostile when the full look was not finished."""
    bound = document.binding()
    field = sealing.field_name(bound.serial)
    simple = not is_remote() and not level().is_long
    glanced = simple and glancing.glance(source=source, sealed=sealed.data, field=field)
    if glanced and not _wants_full_look(document, source, sealed.data):
        return True
    place = geometry.Placement(page=bound.page, x=bound.x, y=bound.y, size=bound.size)
    seen = SEEN_OF_OTHERS if is_remote() else proofreading.SEEN
    looked = _looker(os.getpid()).look(source=source, sealed=sealed.data, serial=bound.serial, place=place, seen=seen)
    return looked.is_good


def _wants_full_look(document: Document, source: bytes, sealed: bytes) -> bool:
    """What a glance cannot judge, what went wrong before, and a sample of the rest."""
    unusual = guards.looks_signed(source) or UNUSUAL.search(source) is not None
    died = document.attempts - document.unanswered - 1  # one worker may have been restarted; two are a sign
    return unusual or died > 1 or _is_in_sample(sealed)


def _is_in_sample(sealed: bytes) -> bool:
    # The end holds signature and table, so that each sealing is drawn anew.
    return hashlib.sha256(sealed[-20_000:]).digest()[0] % ONE_IN == 0


@cache
def _looker(_process: int) -> Warm:
    """One a worker process: a pipe that was inherited by a fork has another owner."""
    return Warm(cpu_seconds=CPU_SECONDS, wall_seconds=WALL_SECONDS)
