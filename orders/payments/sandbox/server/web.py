"""The little of a web framework this server needs: a request, a response, routes. WSGI, PEP 3333."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

Environ = dict[str, Any]
LARGEST_BODY = 64 * 1024  # bytes
STATUS_LINES = {
    200: "200 OK",
    201: "201 Created",
    303: "303 See Other",
    400: "400 Bad Request",
    401: "401 Unauthorized",
    403: "403 Forbidden",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    409: "409 Conflict",
    413: "413 Content Too Large",
    422: "422 Unprocessable Content",
    500: "500 Internal Server Error",
}
# Every answer carries these; a page that needs more says so itself.
SAFETY = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
log = logging.getLogger(__name__)


class Refused(Exception):
    """The request cannot be served; `code` is for machines, the message for people."""

    def __init__(self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, dict(headers or {})


@dataclass(frozen=True)
class Request:
    verb: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))

    def json(self) -> dict[str, Any]:
        try:
            decoded = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Refused(400, "not_json", "The body is not JSON.") from error
        if not isinstance(decoded, dict):
            raise Refused(400, "not_an_object", "The body is not a JSON object.")
        return decoded


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


def as_json(status: int, content: object) -> Response:
    return Response(status, json.dumps(content).encode(), "application/json")


Door = Callable[..., Response]
Route = tuple[str, str, Door]


class Site:
    """A WSGI application from rows of (verb, pattern of the path, door); named groups become arguments."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(verb, re.compile(pattern), door) for verb, pattern, door in routes]

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            response = self._answer(environ)
        except Refused as refused:
            error = {"error": {"code": refused.code, "message": str(refused)}}
            plain = as_json(refused.status, error)
            response = Response(plain.status, plain.body, plain.content_type, refused.headers)
        except Exception:
            log.exception("The sandbox failed to answer")
            response = as_json(500, {"error": {"code": "internal", "message": "The sandbox failed."}})
        headers = {
            "Content-Type": response.content_type,
            "Content-Length": str(len(response.body)),
            **SAFETY,
            **response.headers,
        }
        start_response(STATUS_LINES[response.status], list(headers.items()))
        return [response.body]

    def _answer(self, environ: Environ) -> Response:
        request = _request(environ)
        allowed = set()
        for verb, pattern, door in self._routes:
            if match := pattern.fullmatch(request.path):
                if verb == request.verb:
                    return door(request, **match.groupdict())
                allowed.add(verb)
        if allowed:
            raise Refused(405, "wrong_verb", "Not with this verb.", headers={"Allow": ", ".join(sorted(allowed))})
        raise Refused(404, "not_found", "There is nothing here.")


def _request(environ: Environ) -> Request:
    body = environ["wsgi.input"].read(LARGEST_BODY + 1)
    if len(body) > LARGEST_BODY:
        raise Refused(413, "too_large", "The body is too large.")
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    return Request(
        verb=environ["REQUEST_METHOD"],
        path=environ.get("PATH_INFO", "/"),
        query=dict(parse_qsl(environ.get("QUERY_STRING", ""))),
        headers=headers,
        body=body,
    )
