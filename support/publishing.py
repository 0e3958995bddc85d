"""Published: the status document and its pages as files under PUBLIC_ROOT, which stand while everything else is down.

The tree of files is the tree of addresses. Each file is written beside its place and moved there, so that nobody ever
reads half of one. Where the database does not answer, the files say so instead of staying silent.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.db import DatabaseError, InterfaceError

from meterai import whole_files

from . import feeds, status, status_pages

log = logging.getLogger(__name__)

LANGUAGES = {"id": "", "en": "en/"}
# Style and script of the pages, each made of these files.
ASSETS = {
    "status/status.css": ("meterai/site.css", "meterai/status.css"),
    "status/status.js": ("meterai/status.js",),
}


def publish(*, at: datetime) -> bool:
    """Write every file anew; False when nothing could be measured, and the files say that.

    Raises OSError when the folder cannot be written.
    """
    document, is_measured = _document(at)
    outlets = _outlets(at, is_measured=is_measured)
    for name, text in _files(document, outlets):
        _write(name, text)
    return is_measured


def page_without_measurement(*, language: str, at: datetime) -> str:
    """The first page before anything was published, for the door that has no file to give. No query."""
    document, outlets = status.nothing(at=at), _no_outlets(at)
    made = status_pages.pages(document, outlets, language=language, assets=version())
    return next(iter(made.values()))


@lru_cache(maxsize=len(ASSETS))
def asset(name: str) -> str:
    """A style or script of ASSETS, as text."""
    parts = [finders.find(part) for part in ASSETS[name]]
    return "".join(Path(part).read_text() for part in parts if part)


@lru_cache(maxsize=1)
def version() -> str:
    """Another text as soon as style or script is another, so that browsers may keep them."""
    return hashlib.sha256("".join(asset(name) for name in ASSETS).encode()).hexdigest()[:8]


def _document(at: datetime) -> tuple[status.Document, bool]:
    try:
        return status.gather(at=at), True
    except (DatabaseError, InterfaceError) as error:
        log.warning("Nothing could be measured: %s", type(error).__name__)
        return status.silent(last=status.current(), at=at), False


def _outlets(at: datetime, *, is_measured: bool) -> status.Document:
    """As they were written last, or anew when that is a while ago."""
    known = status.read(status.OUTLETS_FILE)
    if known and (not is_measured or datetime.fromisoformat(known["written_at"]) > at - status.OUTLETS_EVERY):
        return known
    try:
        return status.outlets(at=at) if is_measured else _no_outlets(at)
    except (DatabaseError, InterfaceError):
        return known or _no_outlets(at)


def _no_outlets(at: datetime) -> status.Document:
    return {"version": 1, "written_at": at.isoformat(), "outlets": []}


def _files(document: status.Document, outlets: status.Document) -> Iterator[tuple[str, str]]:
    """Every file by its name under PUBLIC_ROOT. The document itself comes last: what is read back is whole."""
    for name in ASSETS:
        yield name, asset(name)
    for language, prefix in LANGUAGES.items():
        made = status_pages.pages(document, outlets, language=language, assets=version())
        for address, page in made.items():
            yield f"{address.lstrip('/')}index.html", page
        for name in feeds.KINDS:
            yield f"{prefix}{name}", feeds.feed(document, name=name, language=language)
    yield status.OUTLETS_FILE, _json(outlets | {"sellers": document["sellers"]})
    yield status.FILE, _json(document)


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _write(name: str, text: str) -> None:
    whole_files.put_if_other(path=Path(settings.PUBLIC_ROOT) / name, data=text.encode())
