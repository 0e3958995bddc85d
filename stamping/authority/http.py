"""HTTP to an authority's services: one session, no redirects, no cookies, limits on time and size."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy

import requests
import urllib3

TIMEOUT = (3.0, 20.0)
"""Seconds to connect, and to wait for each piece of the answer: a seal takes the issuer some seconds."""
WHOLE_ANSWER_SECONDS = 30.0
LARGEST_ANSWER = 4_000_000
"""Bytes. Pictures come in base64; a revocation list of a large authority has some hundred kilobytes."""


class Unreachable(Exception):
    """No whole answer came; whether the request was carried out is not known."""


@dataclass(frozen=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    content: bytes = field(repr=False)


class Line:
    """The line to one service. Neither its repr nor its errors repeat a header, a body or an address."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False  # a .netrc entry would replace our Authorization header
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers["Accept-Encoding"] = "identity"  # so that the size limit counts what arrives

    def send(
        self, verb: str, url: str, *, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request, one answer of any status. Raises Unreachable."""
        try:
            with self._session.request(
                verb, url, data=content, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as response:
                return Answer(response.status_code, _limited(response))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
            raise Unreachable from None  # the cause names the address, and the address may hold a token


def _limited(response: requests.Response) -> bytes:
    """The body, refused when too large or too slow. Read by pieces: one large read would wait for all."""
    content, deadline = b"", time.monotonic() + WHOLE_ANSWER_SECONDS
    while piece := response.raw.read1(65_536):
        content += piece
        if len(content) > LARGEST_ANSWER or time.monotonic() > deadline:
            raise Unreachable
    return content
