"""Prepared: a PDF is taken and examined; free, without an order, before any rush. What may be repaired: `repairs`."""

import hashlib
import uuid
from datetime import datetime
from pathlib import PurePath

from django.conf import settings
from django.db import transaction

from meterai import states
from orders.models import Order

from . import files
from .models import Document
from .pdf import child, mendable
from .pdf.preflight import Preflight


class NotTakeable(Exception):
    """This file cannot take a stamp; `codes` say why (sentences: wording.finding). Nothing was kept."""

    def __init__(self, codes: list[str]) -> None:
        super().__init__(", ".join(codes))
        self.codes = codes


def take_up(
    *, name: str, source: bytes, at: datetime, order: Order | None = None, identity: uuid.UUID | None = None
) -> Document:
    """Examine a person's PDF in a limited process and keep it, byte for byte as it came: as a DRAFT, or as UNFIT where
    it takes a stamp only once its person has chosen a repair.

    The bytes kept are the bytes that will be sealed. Raises NotTakeable.
    """
    facts = examine(source)
    document = Document(
        id=identity or uuid.uuid4(),  # one that is given makes a repeat after a kill the same document
        state=Document.State.UNFIT if mendable.needed(facts) else Document.State.DRAFT,
        order=order,
        name=_tidy(name),
        source_sha256=hashlib.sha256(source).hexdigest(),
        facts=facts.as_json(),
        created_at=at,
    )
    document.source = files.keep_source(document=document.pk, data=source)
    with transaction.atomic():
        document.save(force_insert=True)
        states.note(document, old="", new=document.state, at=at, actor="buyer")
    return document


def facts_of(document: Document) -> Preflight:
    """What preflight found, as its own frozen facts."""
    return Preflight.from_json(document.facts)


def examine(source: bytes) -> Preflight:
    """What preflight finds, in a limited process. Raises NotTakeable."""
    try:
        facts = child.examine(
            source,
            max_bytes=settings.MAX_DOCUMENT_BYTES,
            upload_bytes=settings.MAX_UPLOAD_BYTES,
            versions=versions(),
        )
    except child.Hostile:
        raise NotTakeable(["hostile"]) from None
    refusals = [finding.code for finding in facts.findings if finding.severity == "refuse"]
    if refusals:
        raise NotTakeable(refusals)
    return facts


def versions() -> tuple[str, str]:
    """The oldest and the newest version of PDF that the issuer takes."""
    return settings.PDF_OLDEST_VERSION, settings.PDF_NEWEST_VERSION


def _tidy(name: str) -> str:
    """A file name fit to be shown and sent in a header: no path, no control characters, ending in .pdf."""
    bare = "".join(letter for letter in PurePath(name.replace("\\", "/")).name if letter.isprintable())
    stem = bare.removesuffix(".pdf").removesuffix(".PDF").strip(". ")[:100] or "dokumen"
    return f"{stem}.pdf"
