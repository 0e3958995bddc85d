"""Prepared: a PDF is taken, examined and, where it can be, repaired; free, without an order, before any rush."""

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
from .pdf import child
from .pdf.preflight import Preflight


class NotTakeable(Exception):
    """This file cannot take a stamp; `codes` say why (sentences: wording.finding). Nothing was kept."""

    def __init__(self, codes: list[str]) -> None:
        super().__init__(", ".join(codes))
        self.codes = codes


def take_up(*, name: str, source: bytes, at: datetime, order: Order | None = None) -> Document:
    """Examine a person's PDF in a limited process, repair its structure where needed, and keep it as a DRAFT.

    The bytes kept now are the bytes that will be sealed. Raises NotTakeable.
    """
    source, facts = _usable(source)
    document = Document(
        id=uuid.uuid4(),
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


def _usable(source: bytes) -> tuple[bytes, Preflight]:
    facts = _examine(source)
    if not facts.repairable:
        return source, facts
    try:
        mended = child.repair(source)
    except (child.Hostile, child.Unreadable):
        raise NotTakeable(["unreadable"]) from None
    after = _examine(mended)
    if after.repairable:
        raise NotTakeable(["unreadable"])
    repaired = tuple(finding for finding in facts.findings if finding.severity == "repair")
    return mended, Preflight(**{**after.__dict__, "findings": repaired + after.findings})


def _examine(source: bytes) -> Preflight:
    try:
        facts = child.examine(source, max_bytes=settings.MAX_DOCUMENT_BYTES)
    except child.Hostile:
        raise NotTakeable(["hostile"]) from None
    refusals = [finding.code for finding in facts.findings if finding.severity == "refuse"]
    if refusals:
        raise NotTakeable(refusals)
    return facts


def _tidy(name: str) -> str:
    """A file name fit to be shown and sent in a header: no path, no control characters, ending in .pdf."""
    bare = "".join(letter for letter in PurePath(name.replace("\\", "/")).name if letter.isprintable())
    stem = bare.removesuffix(".pdf").removesuffix(".PDF").strip(". ")[:100] or "dokumen"
    return f"{stem}.pdf"
