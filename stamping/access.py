"""The only way to somebody's document: its id and the key of its secret link."""

import uuid

from django.http import Http404

from meterai import links

from .models import Document


def open_document(identity: uuid.UUID | str, key: str) -> Document:
    """The document, or Http404: the same answer for no such document and for a wrong or revoked key."""
    try:
        pk = uuid.UUID(str(identity))
    except ValueError:
        raise Http404 from None
    document = Document.objects.select_related("order", "stamp").filter(pk=pk).first()
    return links.opened(document, given=key, kind="document", code=str(pk))
