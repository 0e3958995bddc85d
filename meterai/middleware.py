"""What holds for every answer: language by address, nothing private in a cache, no traceback to a person."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils.cache import add_never_cache_headers
from django_ratelimit.exceptions import Ratelimited

from . import refusals

Answer = Callable[[HttpRequest], HttpResponseBase]


class LanguageFromAddress(LocaleMiddleware):
    """No prefix is Indonesian, `/en/` is English; the phone's own language setting decides nothing.

    Many Indonesian phones run in English. Since Accept-Language has no effect, it has no place in Vary either.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response = super().process_response(request, response)
        kept = [part.strip() for part in response.get("Vary", "").split(",")]
        kept = [part for part in kept if part and part.lower() != "accept-language"]
        if kept:
            response["Vary"] = ", ".join(kept)
        elif "Vary" in response:
            del response["Vary"]
        return response


class PrivateByDefault:
    """An answer that says nothing about caching is not kept anywhere: most of our pages are one person's."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if _too_large(request):
            return refusals.too_large(request)
        response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        response.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
        response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response


class PlainRefusals:
    """A limit that was met is answered with 429 and words, not with a bare 403."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return refusals.too_many(request) if isinstance(exception, Ratelimited) else None


def _too_large(request: HttpRequest) -> bool:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return length.isdigit() and int(length) > settings.MAX_REQUEST_BYTES
