"""Errors of the API as problem details (RFC 9457), with a stable code and no inner workings."""

import re
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django_ratelimit.exceptions import Ratelimited
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

# Long enough that two clients do not meet by chance: a UUID fits.
KEY_PATTERN = re.compile(r"^[A-Za-z0-9_-]{16,64}$")


class Problem(exceptions.APIException):
    """A refusal with a stable code and the sentence that a person may read."""

    def __init__(self, *, status_code: int, code: str, detail: str) -> None:
        self.status_code = status_code
        super().__init__(detail=detail, code=code)


def idempotency_key(request: Request) -> str:
    """The client's Idempotency-Key, told apart from the tokens of forms; Problem (400) when missing or weak."""
    given = request.headers.get("Idempotency-Key", "")
    if not KEY_PATTERN.match(given):
        detail = "Send an Idempotency-Key header of 16 to 64 letters, digits, - or _, new for each thing that is made."
        raise Problem(status_code=400, code="idempotency_key_missing", detail=detail)
    return f"api:{given}"


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every refusal becomes application/problem+json; a fault stays a fault (500)."""
    if isinstance(error, Ratelimited):
        error = exceptions.Throttled()
    response = exception_handler(error, context)
    if response is None:
        return None
    body: dict[str, Any] = {"type": "about:blank", "status": response.status_code}
    if isinstance(error, exceptions.ValidationError):
        body |= {"code": "invalid", "title": "Some fields are not right", "errors": response.data}
    else:
        body |= {"code": _code(error), "title": _title(response), "detail": str(_detail(response))}
    response.data = body
    response.content_type = "application/problem+json"
    if response.status_code == status.HTTP_429_TOO_MANY_REQUESTS:
        response["Retry-After"] = "60"
    elif response.status_code == status.HTTP_503_SERVICE_UNAVAILABLE:
        response["Retry-After"] = "10"
    return response


def _code(error: Exception) -> str:
    if isinstance(error, exceptions.APIException):
        return str(getattr(error.detail, "code", "") or error.default_code)
    return (
        "not_found" if isinstance(error, Http404) else "forbidden" if isinstance(error, PermissionDenied) else "error"
    )


def _title(response: Response) -> str:
    return str(response.status_text or "Refused")


def _detail(response: Response) -> Any:
    return response.data.get("detail", "") if isinstance(response.data, dict) else ""
