"""What every page may say about the site."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import translate_url
from django.utils.translation import get_language


def site(request: HttpRequest) -> dict[str, Any]:
    """`is_demo`, `help_hours`, and the address of the same page in the other language."""
    other = "en" if get_language() == "id" else "id"
    return {
        "is_demo": settings.IS_DEMO,
        "help_hours": settings.SUPPORT_HOURS,
        "max_document_kb": settings.MAX_DOCUMENT_BYTES // 1000,
        "other_language": other,
        "other_language_url": translate_url(request.get_full_path(), other),
    }
