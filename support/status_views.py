"""The app's own door to the status files, where no web server stands before it. Nothing is measured here: no query."""

from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from . import publishing

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".atom": "application/atom+xml; charset=utf-8",
    ".rss": "application/rss+xml; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
# The news is ten seconds apart; style and script carry their version in the address.
NEWS, KEPT = "public, max-age=5", "public, max-age=86400"


@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """The first page as it was last published. 503 before the first time: then nothing is measured, and it says so."""
    try:
        return _file("status/index.html")
    except Http404:
        page = publishing.page_without_measurement(language=get_language() or "id", at=timezone.now())
        response = HttpResponse(page, status=503)
        response["Cache-Control"] = "no-store"
        response["Retry-After"] = "10"
        return response


@require_safe
def outlets(request: HttpRequest) -> HttpResponse:
    """Resellers and outlets."""
    return _file("status/gerai/index.html")


@require_safe
def incident(request: HttpRequest, code: str) -> HttpResponse:
    """One incident; 404 for one that is unknown or long over."""
    return _file(f"status/{code}/index.html")


@require_safe
def feed(request: HttpRequest, name: str) -> HttpResponse:
    """A feed in the language of its address, or the document itself, which is in both."""
    return _file(name) if not name.endswith(".json") else _file(name, in_language=False)


@require_safe
def asset(request: HttpRequest, name: str) -> HttpResponse:
    """Style or script."""
    response = HttpResponse(publishing.asset(f"status/{name}"), content_type=TYPES[Path(name).suffix])
    response["Cache-Control"] = KEPT
    return response


def _file(name: str, *, in_language: bool = True) -> HttpResponse:
    prefix = publishing.LANGUAGES.get(get_language() or "id", "") if in_language else ""
    path = Path(settings.PUBLIC_ROOT) / f"{prefix}{name}"
    try:
        data = path.read_bytes()
    except OSError:
        raise Http404 from None
    response = HttpResponse(data, content_type=TYPES[path.suffix])
    response["Cache-Control"] = NEWS
    return response
