"""Answers that say no, in words and with the right status."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

RETRY_AFTER_SECONDS = 60


def too_many(request: HttpRequest) -> HttpResponse:
    """429 with Retry-After."""
    response = _answer(request, status=429, template="429.html", title="Too many requests")
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def too_large(request: HttpRequest) -> HttpResponse:
    """413: the body is larger than anything we take; it is not read."""
    return _answer(request, status=413, template="413.html", title="Body too large")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 where a form came without its token (cookies refused, or a page kept for long)."""
    return _answer(request, status=403, template="403_csrf.html", title="The form's token is missing")


def _answer(request: HttpRequest, *, status: int, template: str, title: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        problem = {"type": "about:blank", "title": title, "status": status}
        return JsonResponse(problem, status=status, content_type="application/problem+json")
    return render(request, template, status=status)
