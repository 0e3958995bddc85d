"""Where mended copies lie until they are chosen, and after: beside the uploads, under their own digest."""

import uuid

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage


def keep(*, document: uuid.UUID, data: bytes, sha256: str) -> str:
    """Store a copy; returns its name. One of the same digest that a killed process left, whole or not, is replaced."""
    name = f"{_folder(document)}/{sha256[:32]}.pdf"
    default_storage.delete(name)
    return default_storage.save(name, ContentFile(data))


def drop_all(*, document: uuid.UUID) -> None:
    """Remove every copy of a document, for one that is erased."""
    try:
        names = default_storage.listdir(_folder(document))[1]
    except FileNotFoundError:
        return
    for name in names:
        default_storage.delete(f"{_folder(document)}/{name}")


def _folder(document: uuid.UUID) -> str:
    return f"repairs/{document.hex[:3]}/{document}"
