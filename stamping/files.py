"""Where documents lie: names that say nothing about a person, bytes that only our views send out."""

import hashlib
import uuid

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage


def keep_source(*, document: uuid.UUID, data: bytes) -> str:
    """Store an upload; returns its name."""
    return _save(f"sources/{_shelf(document)}/{document}.pdf", data)


def drop_source(*, document: uuid.UUID) -> None:
    """Remove the upload of a document whose row was never written: a killed worker may have left it."""
    default_storage.delete(f"sources/{_shelf(document)}/{document}.pdf")


def keep_output(*, document: uuid.UUID, data: bytes) -> str:
    """Store a sealed document under its own digest, so that a repeat never overwrites what was committed."""
    return _save(f"sealed/{_shelf(document)}/{document}/{hashlib.sha256(data).hexdigest()[:32]}.pdf", data)


def keep_archive(*, bundle: uuid.UUID, file: File) -> str:  # type: ignore[type-arg]
    """Store a ZIP, a piece at a time; returns its name."""
    return default_storage.save(f"archives/{_shelf(bundle)}/{bundle}.zip", file)


def read(name: str) -> bytes:
    """The bytes stored under `name`."""
    with default_storage.open(name) as file:
        data: bytes = file.read()
    return data


def drop_outputs(*, document: uuid.UUID, keep: str = "") -> None:
    """Remove the sealed files of a document but one: those of tries that did not commit, or all of them."""
    folder = f"sealed/{_shelf(document)}/{document}"
    try:
        names = default_storage.listdir(folder)[1]
    except FileNotFoundError:
        return
    for name in names:
        if f"{folder}/{name}" != keep:
            default_storage.delete(f"{folder}/{name}")


def drop(name: str) -> None:
    """Remove a file; one that is gone already is fine."""
    if name:
        default_storage.delete(name)


def _save(name: str, data: bytes) -> str:
    return default_storage.save(name, ContentFile(data))


def _shelf(document: uuid.UUID) -> str:
    # Folders of at most a few thousand entries, also at millions of documents.
    return document.hex[:3]
